"""Slices of joined tensors that lie in one of them are slices of that one.

A class token that is joined with the image's tokens, and taken out again, keeps a scale of its own: joined tensors have
one, which is that of the largest.
"""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def take_part(op: qd.SliceOp, rewriter: PatternRewriter) -> bool | None:
    """slice(concat(a, b)) --> slice(a), or slice(b) from as much nearer to its start"""
    joined = defining(op.x)
    if not isinstance(joined, qd.ConcatOp):
        return NO_MATCH
    axis, starts, steps, dims = joined.axis.value, ints(op.starts), ints(op.steps), shape(op.out)
    border = shape(joined.a)[axis]
    if starts[axis] + (dims[axis] - 1) * steps[axis] < border:
        part = joined.a
    elif starts[axis] >= border:
        part = joined.b
        starts[axis] -= border
    else:
        return NO_MATCH
    if shape(part) == dims:
        rewriter.replace_op(op, [part])
        return None
    with rewriter.ip, op.location:
        taken = building.slice_(part, starts, steps, dims)
    rewriter.replace_op(op, [taken])
    return None


@module_pass
def slice_parts(module: ir.Operation) -> None:
    """Take slices of what was joined from the part that they lie in: slice(concat(a, b)) --> slice(a)

    Exact.
    """
    rewrite(module, (qd.SliceOp, take_part))
