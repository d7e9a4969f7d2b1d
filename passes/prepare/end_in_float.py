"""A Softmax or Sigmoid that ends the network may be done in float behind the integers of what it reads.

    return softmax(x)   -->   return x {qd.last = {name = "softmax", axis = 1 : i64, left_out = false}}

Truth: what the boundary gives is the float function of what the integers stand for.
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, argument_attributes, set_argument_attribute
from dyadic.dialects.fields import given
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import i64, i64s
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def end_in_float(module: ir.Operation) -> None:
    """Leave a last Softmax or Sigmoid to the boundary: return softmax(x) --> return x {qd.last}"""
    take_last(module, qd.Operator)


def take_last(module: ir.Operation, kind: type[qd.Operator], left_out: bool = False) -> None:
    """Return what ops of this kind read in place of what they make, and say so beside the result.

    An op that something else reads, too, stays for it. One that reads an input of the network stays as well: integers
    of an input would be all that is left. Where a ranking is given another shape, the result has that.
    """
    for block in function_bodies(module):
        function = block.owner
        *_, terminator = block.operations
        for index, result in enumerate(terminator.operands):
            if qd.LAST in argument_attributes(function, index, RESULTS):
                continue
            op = defining(result)
            while isinstance(op, qd.ReshapeOp) and issubclass(kind, qd.Ranking):
                op = defining(op.x)
            if not isinstance(op, kind) or not op.last_function or defining(op.x) is None:
                continue
            with module.context, ir.Location.unknown():
                said = {
                    "name": ir.StringAttr.get(op.last_function),
                    "axis": op.axis if given(op, "axis") else i64(0),
                    "left_out": ir.BoolAttr.get(left_out),
                }
                if isinstance(op, qd.Ranking):
                    said |= {"count": i64(op.entries), "shape": i64s(shape(result)[1:])}
                set_argument_attribute(function, index, qd.LAST, ir.DictAttr.get(said), RESULTS)
            terminator.operands[index] = op.x
            while result is not None and not list(result.uses):
                producer = defining(result)
                result = None if producer.operation == op.operation else producer.x
                producer.operation.erase()
        with module.context:
            kinds = [argument.type for argument in block.arguments], [value.type for value in terminator.operands]
            function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(*kinds))
