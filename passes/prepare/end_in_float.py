"""A Softmax or Sigmoid that ends the network may be done in float behind the integers of what it reads.

    return softmax(x)   -->   return x {qd.last = {name = "softmax", axis = 1 : i64, left_out = false}}

Truth: what the boundary gives is the float function of what the integers stand for.
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, set_argument_attribute
from dyadic.dialects.fields import given
from dyadic.dialects.reference import function_bodies
from dyadic.passes.building import i64
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def end_in_float(module: ir.Operation) -> None:
    """Leave a last Softmax or Sigmoid to the boundary: return softmax(x) --> return x {qd.last}"""
    take_last(module, qd.Operator)


def take_last(module: ir.Operation, kind: type[qd.Operator], left_out: bool = False) -> None:
    """Return what ops of this kind read in place of what they make, and say so beside the result.

    An op that something else reads, too, stays for it. One that reads an input of the network stays as well: integers
    of an input would be all that is left.
    """
    for block in function_bodies(module):
        *_, terminator = block.operations
        for index, result in enumerate(terminator.operands):
            op = defining(result)
            if not isinstance(op, kind) or not op.last_function or defining(op.x) is None:
                continue
            with module.context, ir.Location.unknown():
                said = {
                    "name": ir.StringAttr.get(op.last_function),
                    "axis": op.axis if given(op, "axis") else i64(0),
                    "left_out": ir.BoolAttr.get(left_out),
                }
                set_argument_attribute(block.owner, index, qd.LAST, ir.DictAttr.get(said), RESULTS)
            terminator.operands[index] = op.x
            if not list(op.out.uses):
                op.operation.erase()
