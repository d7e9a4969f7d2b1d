"""What makes numbers of an input's pixels becomes part of the weights of the layers that read them.

    conv2d(p * a + b), no padding    -->  conv2d(p)               weights w*a, bias + sum(w*b)
    conv2d(p * a + b), padded        -->  conv2d(concat(p, 255))  weights w*a, and sum(w*b)/255 for the last channel
    linear(reshape(p * a + b))       -->  linear(reshape(p))

A padded cell is 0 among numbers, which is no pixel: 255 times the mean is none, and another one for each channel. So
pixels get one more channel, which is 255 in all of them, and what is padded is 0 in every channel: then a sum over a
window has the shift once for each of its real pixels. The runtime writes that channel where pixels have a byte to
spare (`assign-layouts`). Moves between are looked through, and channels in another order are weights in another order.

Only of inputs that are given as pixels. A layer keeps its normalization in front of it where the new channel would make
its scale coarser, where groups of channels have no room for one, and where its weights are given as integers. Truth:
exact, up to one float32 rounding of each weight.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.arguments import argument_attributes
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import constant_array
from dyadic.passes.channel_statistics import carry_statistics
from dyadic.passes.prepare.raise_clamps import moved_again
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

Reals = npt.NDArray[np.float64]

THERE = 255  # of the channel that is in real pixels and not in padded ones
COARSER = 2.0  # times a channel's largest weight, at most, that of the channel beside the pixels


@dataclass(frozen=True)
class Normalized:
    """What a layer reads: pixels that were moved, each channel of the layer scaled and shifted."""

    pixels: ir.Value
    moves: list[Any]  # the last first
    scale: Reals  # of the layer's channels
    shift: Reals
    channels: npt.NDArray[np.int64]  # which one each of the layer's channels is among those that are moved


def normalized(layer: qd.Layer) -> Normalized | None:
    """None where there is no normalization, or what is read is more than that."""
    ops, value = [], layer.x
    while (op := defining(value)) is not None:
        moves = isinstance(op, qd.Move) and op.folds and op.inserted is None
        if not (moves or isinstance(op, qd.ScaleShiftOp)) or qd.GIVEN in op.operation.attributes:
            return None
        ops.append(op)
        value = op.x
    moves = [op for op in ops if not isinstance(op, qd.ScaleShiftOp) and not turns(op)]
    if len(moves) == len(ops) or not is_pixels(value):
        return None
    numbers = [np.ones(shape(value)), np.zeros(shape(value))]
    for op in reversed(ops):
        if isinstance(op, qd.ScaleShiftOp):
            factors = [constant_array(one) for one in (op.scale, op.shift)]
            if factors[0] is None or factors[1] is None:
                return None
            places = [-1 if d == op.axis.value else 1 for d in range(numbers[0].ndim)]
            scale, shift = (factor.astype(np.float64).reshape(places) for factor in factors if factor is not None)
            numbers = [numbers[0] * scale, numbers[1] * scale + shift]
        else:
            numbers = [op.evaluate(np, one) for one in numbers]
    scale, shift = (by_channel(one, layer.channel_axis) for one in numbers)
    channels = order_of_channels(value, ops, moves, layer.channel_axis)
    if scale is None or shift is None or channels is None:
        return None
    return Normalized(value, moves, scale, shift, channels)


def is_pixels(value: ir.Value) -> bool:
    """Whether it is an input of the network that is given as pixels."""
    argument = ir.BlockArgument(value)
    return qd.PIXELS in argument_attributes(argument.owner.owner.opview, argument.arg_number)


def turns(op: Any) -> bool:
    """Whether it only puts entries in another order, each once: channels of colours."""
    return isinstance(op, qd.TakeOp) and sorted(ints(op.places)) == list(range(shape(op.x)[op.axis.value]))


def by_channel(values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any] | None:
    """What all values of each channel are, where each has one."""
    rows = np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
    return rows[0] if (rows == rows[0]).all() else None


def order_of_channels(value: ir.Value, ops: list[Any], moves: list[Any], axis: int) -> npt.NDArray[np.int64] | None:
    """Which channel of what `moves` make each one is of what `ops` make; None where they differ in more than that."""
    there, here = (
        np.moveaxis(through(np.arange(math.prod(shape(value))).reshape(shape(value)), some), axis, -1)
        for some in ([op for op in ops if not isinstance(op, qd.ScaleShiftOp)], moves)
    )
    count = here.shape[-1]
    found = {int(number): place for place, number in enumerate(here.reshape(-1, count)[0])}
    order = np.array([found.get(int(number), count) for number in there.reshape(-1, count)[0]], np.int64)
    return order if order.max() < count and (there == here[..., order]).all() else None


def through(values: npt.NDArray[Any], moves: list[Any]) -> npt.NDArray[Any]:
    for op in reversed(moves):
        values = op.evaluate(np, values)
    return values


def into_layer(layer: qd.Layer, rewriter: PatternRewriter) -> bool | None:
    found, stored, bias = normalized(layer), constant_array(layer.weight), constant_array(layer.bias)
    if found is None or stored is None or bias is None:
        return NO_MATCH
    if qd.WEIGHT_STEPS in defining(layer.weight).operation.attributes:
        return NO_MATCH
    plain = (found.channels == np.arange(len(found.channels))).all()
    padded = isinstance(layer, qd.Conv2dOp) and any(ints(layer.padding)) and bool(found.shift.any())
    if layer.group_count > 1 and (padded or not plain):
        return NO_MATCH
    weight, bias = stored.astype(np.float64), bias.astype(np.float64)
    outputs, inputs = weight.shape[:2]
    read = (np.arange(outputs) // (outputs // layer.group_count))[:, None] * inputs + np.arange(inputs)
    taps = [outputs, inputs] + [1] * (weight.ndim - 2)
    shifts = weight * found.shift[read].reshape(taps)
    weight = weight * found.scale[read].reshape(taps)
    if not plain:
        weight = weight[:, np.argsort(found.channels)]
    beside = shifts.sum(1, keepdims=True) / THERE
    if padded and (largest(beside) > COARSER * largest(weight)).any():
        return NO_MATCH
    with rewriter.ip:
        with defining(layer.x).location:
            x = moved_again(found.pixels, found.moves)
            if padded:
                x = with_channel(found.pixels, x)
        with layer.weight.owner.location:
            weights = building.constant(np.concatenate([weight, beside], 1) if padded else weight)
        with layer.bias.owner.location:
            biases = building.constant(bias if padded else bias + shifts.reshape(outputs, -1).sum(1))
        with layer.location:
            folded = building.layer_like(layer, x, weights, biases)
    carry_statistics(layer, folded)
    rewriter.replace_op(layer, [folded])
    return None


def largest(weight: Reals) -> Reals:
    """The size of the largest weight of each output."""
    return np.abs(weight).reshape(len(weight), -1).max(1)


def with_channel(pixels: ir.Value, x: ir.Value) -> ir.Value:
    """Moved pixels [1, channels, height, width] and one more channel, of integers as theirs are."""
    there = building.constant(np.broadcast_to(np.float32(THERE), [1, 1, *shape(x)[2:]]))
    joined = building.concat([x, there], 1)
    argument = ir.BlockArgument(pixels)
    said = argument_attributes(argument.owner.owner.opview, argument.arg_number)
    for name in (qd.GIVEN, qd.PIXELS):
        defining(joined).operation.attributes[name] = said[name]
    return joined


@module_pass
def fold_normalization(module: ir.Operation) -> None:
    """Fold what makes numbers of pixels into the layers that read them: conv2d(p * a + b) --> conv2d(concat(p, 255))

    Exact up to one float32 rounding of each weight, computed in float64.
    """
    rewrite(module, (qd.Conv2dOp, into_layer), (qd.LinearOp, into_layer))
