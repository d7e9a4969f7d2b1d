"""A mean over the whole image has one form, however the exporter wrote it: `reduce_mean` over axes [2, 3]."""

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import used_once
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def pool_of_everything(op: qd.AvgPoolOp, rewriter: PatternRewriter) -> bool | None:
    """An average over a window as large as the image is the image's mean."""
    if ints(op.kernel) != shape(op.x)[2:] or any(ints(op.padding)) or shape(op.out)[2:] != [1, 1]:
        return NO_MATCH
    with rewriter.ip, op.location:
        mean = building.reduce_mean(op.x, [2, 3], True)
    rewriter.replace_op(op, [mean])
    return None


def absorb_reshape(op: qd.ReshapeOp, rewriter: PatternRewriter) -> bool | None:
    """A reshape that drops or restores the dimensions of a mean is part of it."""
    mean = defining(op.x)
    if not isinstance(mean, qd.ReduceMeanOp) or not used_once(op.x):
        return NO_MATCH
    axes = ints(mean.axes)
    dims = shape(mean.x)
    kept = [1 if d in axes else n for d, n in enumerate(dims)]
    dropped = [n for d, n in enumerate(dims) if d not in axes]
    if shape(op.out) not in (kept, dropped):
        return NO_MATCH
    with rewriter.ip, mean.location:
        merged = building.reduce_mean(mean.x, axes, shape(op.out) == kept)
    rewriter.replace_op(op, [merged])
    return None


def merge_means(op: qd.ReduceMeanOp, rewriter: PatternRewriter) -> bool | None:
    """The mean over one axis of the mean over another is the mean over both."""
    inner = defining(op.x)
    if not isinstance(inner, qd.ReduceMeanOp) or op.keep.value != inner.keep.value:
        return NO_MATCH
    left = [d for d in range(len(shape(inner.x))) if op.keep.value or d not in ints(inner.axes)]
    axes = {*ints(inner.axes), *(left[d] for d in ints(op.axes))}
    with rewriter.ip, op.location:
        merged = building.reduce_mean(inner.x, sorted(axes), op.keep.value)
    rewriter.replace_op(op, [merged])
    return None


def skip_flatten(op: qd.ReduceMeanOp, rewriter: PatternRewriter) -> bool | None:
    """The mean over the last axis of [1, C, H*W] is the mean over the image [1, C, H, W]."""
    flat = defining(op.x)
    if not isinstance(flat, qd.ReshapeOp) or op.keep.value or ints(op.axes) != [2] or len(shape(op.x)) != 3:
        return NO_MATCH
    if len(shape(flat.x)) != 4 or shape(flat.x)[:2] != shape(op.x)[:2]:
        return NO_MATCH
    with rewriter.ip, op.location:
        mean = building.reduce_mean(flat.x, [2, 3], False)
    rewriter.replace_op(op, [mean])
    return None


def skip_transpose(op: qd.ReduceMeanOp, rewriter: PatternRewriter) -> bool | None:
    """A mean does not care about the order of what it averages, as long as the rest stays in order."""
    turned = defining(op.x)
    if not isinstance(turned, qd.TransposeOp) or op.keep.value:
        return NO_MATCH
    order = ints(turned.permutation)
    axes = [order[d] for d in ints(op.axes)]
    rest = [d for d in order if d not in axes]
    if rest != sorted(rest):
        return NO_MATCH
    with rewriter.ip, op.location:
        mean = building.reduce_mean(turned.x, axes, False)
    rewriter.replace_op(op, [mean])
    return None


@module_pass
def regularize_pooling(module: ir.Operation) -> None:
    """Give means over the image one form: reshape(reduce_mean(x), [1, C]) --> reduce_mean(x) without kept dimensions

    Exact in real numbers; the order of float32 additions may change.
    """
    rewrite(
        module,
        (qd.AvgPoolOp, pool_of_everything),
        (qd.ReshapeOp, absorb_reshape),
        (qd.ReduceMeanOp, merge_means),
        (qd.ReduceMeanOp, skip_flatten),
        (qd.ReduceMeanOp, skip_transpose),
    )
