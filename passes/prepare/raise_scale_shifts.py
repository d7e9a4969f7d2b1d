"""A scale and shift goes up through moves, to the layer or norm that can take it in.

    scale_shift(transpose(layer(x)))  -->  transpose(scale_shift(layer(x)))

The same for reshapes that keep the dimension of the channels. Layer scales and batch norms of tokens come like this.
"""

import math

from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import used_once
from dyadic.passes.formulas import uniform
from dyadic.passes.prepare.merge_scale_shifts import merge_with_producer
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite


def above(value: ir.Value, axis: int | None) -> tuple[ir.Value, int | None] | None:
    """(what the move at `value` reads, where the channels are there); None where it is no move or splits them.

    Without an axis all elements have one scale and shift.
    """
    op = defining(value)
    if not used_once(value):
        return None
    if isinstance(op, qd.TransposeOp):
        return op.x, None if axis is None else ints(op.permutation)[axis]
    if not isinstance(op, qd.ReshapeOp):
        return None
    if axis is None:
        return op.x, None
    before, after = shape(op.x), shape(op.out)
    for place, size in enumerate(before):
        if size == after[axis] and math.prod(before[:place]) == math.prod(after[:axis]):
            return op.x, place
    return None


def raise_through_move(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    axis = None if uniform(op) else op.axis.value
    step = above(op.x, axis)
    if step is None:
        return NO_MATCH
    value, place = step
    behind: tuple[ir.Value, int | None] | None = step
    while behind is not None:  # is there a layer or norm further up?
        value, place = behind
        behind = above(value, place)
    source = defining(value)
    if not isinstance(source, qd.Layer | qd.Norm | qd.ScaleShiftOp) or not used_once(value):
        return NO_MATCH
    if place is not None and place != source.channel_axis:
        return NO_MATCH
    move, inner = defining(op.x), step
    scale, shift = (building.constant_array(v) for v in (op.scale, op.shift))
    if scale is None or shift is None:
        return NO_MATCH
    with rewriter.ip, op.location:
        at = inner[1] if inner[1] is not None else len(shape(inner[0])) - 1
        size = shape(inner[0])[at]
        numbers = (scale, shift) if axis is not None else (scale[:1].repeat(size), shift[:1].repeat(size))
        scaled = building.scale_shift(inner[0], *numbers, at)
        if isinstance(move, qd.TransposeOp):
            replacement = building.transpose(scaled, ints(move.permutation))
        else:
            replacement = building.reshape(scaled, shape(op.out))
    rewriter.replace_op(op, [replacement])
    return None


@module_pass
def raise_scale_shifts(module: ir.Operation) -> None:
    """Let scales and shifts go up to the layer that takes them in: move(layer(x)) * s + t --> move(layer(x) * s + t)

    Exact.
    """
    rewrite(module, (qd.ScaleShiftOp, raise_through_move), (qd.ScaleShiftOp, merge_with_producer))
