"""Whatever ranks entries at the end of the network does so behind its integers: ArgMax, TopK, Hardmax.

    return arg_max(x)            -->   return x {qd.last = {name = "largest_places", axis = 1, count = 1, ...}}
    arg_max(softmax(x))          -->   arg_max(x)       the same axis
    arg_max(log_softmax(x))      -->   arg_max(x)

Truth: exact; what is larger stays larger, and integers stand for numbers in their order. Places are then those of the
softmax's own input, whose steps tell more of its small entries apart.
"""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.prepare.end_in_float import take_last
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def read_in_front_of_softmax(op: qd.ArgMaxOp, rewriter: PatternRewriter) -> bool | None:
    """A softmax along the same axis changes no order."""
    inner = defining(op.x)
    if not isinstance(inner, qd.Operator) or not inner.last_function.endswith("softmax"):
        return NO_MATCH
    if inner.axis.value != op.axis.value or not building.used_once(op.x):
        return NO_MATCH
    with rewriter.ip, op.location:
        made = qd.ArgMaxOp(x=inner.x, axis=op.axis, smallest=op.smallest, last=op.last, out=op.out.type)
    rewriter.replace_op(op, made.operation.results)
    return None


@module_pass
def end_rankings(module: ir.Operation) -> None:
    """Leave a last ArgMax, TopK or Hardmax to the boundary: return arg_max(x) --> return x {qd.last}"""
    rewrite(module, (qd.ArgMaxOp, read_in_front_of_softmax))
    take_last(module, qd.Ranking)
    take_last(module, qd.HardmaxOp)
