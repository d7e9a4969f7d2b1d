"""A Softmax or Sigmoid that ends the network may be left out: the order of the classes is the same.

    return softmax(x)   -->   return x {qd.last = {name = "softmax", axis = 1 : i64, left_out = true}}

Truth: another function than the file's, by the user's wish; who compares with the float model computes it.
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.prepare.end_in_float import take_last
from dyadic.passes.rewriting import module_pass


@module_pass
def leave_out_last(module: ir.Operation) -> None:
    """Leave a last Softmax or Sigmoid out: return softmax(x) --> return x {qd.last}"""
    take_last(module, qd.Operator, left_out=True)
