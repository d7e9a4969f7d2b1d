"""A scale and shift goes up through moves, to the layer or norm that can take it in.

    scale_shift(transpose(layer(x)))  -->  transpose(scale_shift(layer(x)))

The same for reshapes that keep the dimension of the channels, and for any moves that take every channel of a layer to
one channel. Layer scales and batch norms of tokens come like this, and batch norms behind transposed convolutions.
"""

import math

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import used_once
from dyadic.passes.channel_statistics import carry_statistics, note_statistics, statistics_of
from dyadic.passes.formulas import uniform
from dyadic.passes.prepare.merge_scale_shifts import merge_with_producer
from dyadic.passes.prepare.raise_clamps import moved_again, moves_above
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

Numbers = npt.NDArray[np.int64]


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


def first_step(op: qd.ScaleShiftOp) -> tuple[ir.Value, int | None] | None:
    """`above` where moves that keep the channels together lead all the way to a layer or norm."""
    step = above(op.x, None if uniform(op) else op.axis.value)
    if step is None:
        return None
    value, place = step
    behind: tuple[ir.Value, int | None] | None = step
    while behind is not None:  # is there a layer or norm further up?
        value, place = behind
        behind = above(value, place)
    source = defining(value)
    if not isinstance(source, qd.Layer | qd.Norm | qd.ScaleShiftOp) or not used_once(value):
        return None
    return step if place is None or place == source.channel_axis else None


def raise_through_move(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    axis, inner = None if uniform(op) else op.axis.value, first_step(op)
    if inner is None:
        return NO_MATCH
    move = defining(op.x)
    scale, shift = (building.constant_array(v) for v in (op.scale, op.shift))
    if scale is None or shift is None:
        return NO_MATCH
    with rewriter.ip, op.location:
        at = inner[1] if inner[1] is not None else len(shape(inner[0])) - 1
        size = shape(inner[0])[at]
        numbers = (scale, shift) if axis is not None else (scale[:1].repeat(size), shift[:1].repeat(size))
        scaled = building.scale_shift(inner[0], *numbers, at)
        if axis is not None:
            carry_statistics(op, scaled)
        if isinstance(move, qd.TransposeOp):
            replacement = building.transpose(scaled, ints(move.permutation))
        else:
            replacement = building.reshape(scaled, shape(op.out))
    rewriter.replace_op(op, [replacement])
    return None


def raise_through_blocks(op: qd.ScaleShiftOp, rewriter: PatternRewriter) -> bool | None:
    """Moves that take channels apart (pixel shuffles, transposed convolutions), where each channel of the layer ends in
    one channel."""
    moves, value = moves_above(op.x)
    source = defining(value)
    if not moves or not isinstance(source, qd.Layer) or not used_once(value) or not all(one.folds for one in moves):
        return NO_MATCH
    if first_step(op) is not None:
        return NO_MATCH
    scale, shift = (building.constant_array(v) for v in (op.scale, op.shift))
    ends = where_channels_end(value, source.channel_axis, moves, op.axis.value)
    if ends is None or scale is None or shift is None:
        return NO_MATCH
    with rewriter.ip, op.location:
        scaled = building.scale_shift(value, scale[ends], shift[ends], source.channel_axis)
        if (known := statistics_of(op)) is not None:
            note_statistics(scaled, known[0][ends], known[1][ends])
        replacement = moved_again(scaled, moves)
    rewriter.replace_op(op, [replacement])
    return None


def where_channels_end(value: ir.Value, axis: int, moves: list[qd.Move], end: int) -> Numbers | None:
    """For each channel of `value` the one that all its numbers have behind the moves; None where they part."""
    dims = shape(value)
    places = [-1 if d == axis else 1 for d in range(len(dims))]
    channels = np.broadcast_to(np.arange(dims[axis]).reshape(places), dims)
    for move in reversed(moves):
        channels = move.evaluate(np, channels)
    behind = np.broadcast_to(
        np.arange(channels.shape[end]).reshape([-1 if d == end else 1 for d in range(channels.ndim)]), channels.shape
    )
    ends = np.zeros(dims[axis], np.int64)
    ends[channels.reshape(-1)] = behind.reshape(-1)
    return ends if (ends[channels] == behind).all() else None


@module_pass
def raise_scale_shifts(module: ir.Operation) -> None:
    """Let scales and shifts go up to the layer that takes them in: move(layer(x)) * s + t --> move(layer(x) * s + t)

    Exact.
    """
    rewrite(
        module,
        (qd.ScaleShiftOp, raise_through_move),
        (qd.ScaleShiftOp, raise_through_blocks),
        (qd.ScaleShiftOp, merge_with_producer),
    )
