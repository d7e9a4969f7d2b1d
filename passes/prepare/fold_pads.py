"""Padding of its own becomes the padding of the layer that reads it."""

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

LOWEST = float(np.finfo(np.float32).min)


def _spatial(op: qd.PadOp) -> list[int] | None:
    """[top, left, bottom, right] of a pad that only grows height and width."""
    low, high = ints(op.low), ints(op.high)
    if len(low) != 4 or any(low[:2]) or any(high[:2]) or min(low + high) < 0:
        return None
    return low[2:] + high[2:]


def _padding(value: ir.Value) -> tuple[qd.PadOp, list[int]] | None:
    """The pad that produces `value`, and its amounts."""
    op = defining(value)
    amounts = _spatial(op) if isinstance(op, qd.PadOp) else None
    return None if amounts is None else (op, amounts)


def _sum(a: list[int], b: list[int]) -> list[int]:
    return [m + n for m, n in zip(a, b, strict=True)]


def into_conv2d(op: qd.Conv2dOp, rewriter: PatternRewriter) -> bool | None:
    found = _padding(op.x)
    if found is None or found[0].value.value != 0:
        return NO_MATCH
    pad, amounts = found
    with rewriter.ip, op.location:
        folded = building.conv2d(
            pad.x,
            op.weight,
            op.bias,
            ints(op.strides),
            _sum(ints(op.padding), amounts),
            ints(op.dilation),
            op.groups.value,
        )
    rewriter.replace_op(op, [folded])
    return None


def into_avg_pool(op: qd.AvgPoolOp, rewriter: PatternRewriter) -> bool | None:
    """Padded zeros are cells like any other, so they count; the pool's own padding must count as well, or not be."""
    found = _padding(op.x)
    if found is None or found[0].value.value != 0:
        return NO_MATCH
    if any(ints(op.padding)) and not op.count_include_pad.value:
        return NO_MATCH
    pad, amounts = found
    with rewriter.ip, op.location:
        padding = _sum(ints(op.padding), amounts)
        folded = building.avg_pool(pad.x, ints(op.kernel), ints(op.strides), padding, True, shape(op.out)[2:])
    rewriter.replace_op(op, [folded])
    return None


def into_max_pool(op: qd.MaxPoolOp, rewriter: PatternRewriter) -> bool | None:
    """Padding with the lowest number never wins, as long as every window holds a real cell."""
    found = _padding(op.x)
    if found is None or found[0].value.value > LOWEST:
        return NO_MATCH
    pad, amounts = found
    padding, kernel, dilation = _sum(ints(op.padding), amounts), ints(op.kernel), ints(op.dilation)
    if any(padding[i] >= kernel[i % 2] or dilation[i % 2] != 1 for i in range(4)):
        return NO_MATCH
    with rewriter.ip, op.location:
        folded = building.max_pool(pad.x, kernel, ints(op.strides), padding, dilation, shape(op.out)[2:])
    rewriter.replace_op(op, [folded])
    return None


def into_pad(op: qd.PadOp, rewriter: PatternRewriter) -> bool | None:
    """Two pads with the same value are one."""
    inner = defining(op.x)
    if not isinstance(inner, qd.PadOp) or inner.value.value != op.value.value:
        return NO_MATCH
    if min(ints(inner.low) + ints(inner.high) + ints(op.low) + ints(op.high)) < 0:
        return NO_MATCH
    with rewriter.ip, op.location:
        low, high = _sum(ints(inner.low), ints(op.low)), _sum(ints(inner.high), ints(op.high))
        merged = building.pad(inner.x, low, high, op.value.value)
    rewriter.replace_op(op, [merged])
    return None


@module_pass
def fold_pads(module: ir.Operation) -> None:
    """Fold padding into the layer that reads it: conv2d(pad(x, 0)) --> conv2d(x) with more padding

    Exact.
    """
    rewrite(
        module,
        (qd.PadOp, into_pad),
        (qd.Conv2dOp, into_conv2d),
        (qd.AvgPoolOp, into_avg_pool),
        (qd.MaxPoolOp, into_max_pool),
    )
