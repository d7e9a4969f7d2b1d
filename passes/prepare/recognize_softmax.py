"""Softmax gets its name back: exp(x - max(x)) / sum(exp(x - max(x))) of each row."""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.formulas import affine, is_close
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def name_softmax(op: qd.MulOp, rewriter: PatternRewriter) -> bool | None:
    for exponents, factor in ((op.a, op.b), (op.b, op.a)):
        power, inverse = defining(exponents), defining(factor)
        if not isinstance(power, qd.ExpOp) or not isinstance(inverse, qd.ReciprocalOp):
            continue
        inner, times, added = affine(inverse.x)
        mean, last = defining(inner), len(shape(exponents)) - 1
        is_mean = isinstance(mean, qd.ReduceMeanOp) and mean.keep.value and ints(mean.axes) == [last]
        if not is_mean or mean.x != exponents or not is_close(times, shape(exponents)[last]) or added:
            continue
        distance, x = defining(power.x), power.x
        if isinstance(distance, qd.SubOp):  # from anything that is the same in the whole row
            largest = defining(distance.b)
            if isinstance(largest, qd.ReduceMaxOp) and largest.keep.value and ints(largest.axes) == [last]:
                x = distance.a
        with rewriter.ip, op.location:
            named = building.softmax(x, last)
        rewriter.replace_op(op, [named])
        return None
    return NO_MATCH


@module_pass
def recognize_softmax(module: ir.Operation) -> None:
    """Name softmax spelled out: exp(x - max(x)) / sum(exp(x - max(x))) --> softmax(x)

    Exact in real numbers; the order of float32 roundings changes.
    """
    rewrite(module, (qd.MulOp, name_softmax))
