"""A LogSoftmax that ends the network is done in float behind its integers, whatever is wished for other functions.

    return log_softmax(x)   -->   return x {qd.last = {name = "log_softmax", axis = 1 : i64, left_out = false}}

Its results have no largest number of steps: near 0 where a class is likely, and without bound below. Truth: as
`end-in-float`.
"""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.prepare.end_in_float import take_last
from dyadic.passes.rewriting import module_pass


@module_pass
def end_log_softmax(module: ir.Operation) -> None:
    """Leave a last LogSoftmax to the boundary: return log_softmax(x) --> return x {qd.last}"""
    take_last(module, qd.LogSoftmaxOp)
