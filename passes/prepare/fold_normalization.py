"""What makes numbers of an input's pixels becomes part of the weights of the layers that read them.

    conv2d(p * a + b), no padding    -->  conv2d(p)               weights w*a, bias + sum(w*b)
    conv2d(p * a + b), padded        -->  conv2d(concat(p, 255))  weights w*a, and sum(w*b)/255 for the last channel
    linear(reshape(p * a + b))       -->  linear(reshape(p))

A padded cell is 0 among numbers, which is no pixel: 255 times the mean is none, and another one for each channel. So
pixels get one more channel, which is 255 in all of them, and what is padded is 0 in every channel: then a sum over a
window has the shift once for each of its real pixels. The runtime writes that channel where pixels have a byte to
spare (`assign-layouts`). Moves between are looked through, and channels in another order are weights in another order,
also where they are taken apart and joined again.

Only of inputs that are given as bytes, 0 of which is 0: pixels. A layer keeps its normalization in front of it where
the new channel would make its scale coarser, where groups of channels have no room for one, and where its weights are
given as integers. Truth: exact, up to one float32 rounding of each weight.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.arguments import said_of
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import constant_array
from dyadic.passes.channel_statistics import carry_statistics
from dyadic.passes.prepare.raise_clamps import moved_again
from dyadic.passes.rewriting import NO_MATCH, defining, module_pass, rewrite

Reals = npt.NDArray[np.float64]

THERE = 255  # steps: of the channel that is in real pixels and not in padded ones
MOST_MOVES = 64  # between an input and a layer
COARSER = 2.0  # times a channel's largest weight, at most, that of the channel beside the pixels


@dataclass(frozen=True)
class Read:
    """What a tensor holds of an input of pixels, element by element: `scale * pixels.flat[place] + shift`."""

    pixels: ir.Value
    place: npt.NDArray[np.int64]
    scale: Reals
    shift: Reals

    def through(self, function: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> "Read":
        return Read(self.pixels, function(self.place), function(self.scale), function(self.shift))


@dataclass(frozen=True)
class Normalized:
    """What a layer reads: pixels that were moved, each channel of the layer scaled and shifted."""

    pixels: ir.Value
    moves: list[Any] | None  # the last first; None where pixels were joined with themselves
    scale: Reals  # of the layer's channels
    shift: Reals
    channels: npt.NDArray[np.int64]  # which one each of the layer's channels is among those that are moved


def normalized(layer: qd.Layer) -> Normalized | None:
    """None where there is no normalization, or what is read is more than that."""
    read = read_of(layer.x, MOST_MOVES)
    if read is None:
        return None
    path = first_path(layer.x)
    others = [op for op in path if isinstance(op, qd.Move) and not turns(op)]
    bijective = [op for op in others if keeps_all(op, read.place.size)]
    if len(others) == len(path):  # nothing to fold
        return None
    scale, shift = (by_channel(one, layer.channel_axis) for one in (read.scale, read.shift))
    if scale is None or shift is None:
        return None
    for moves in (bijective, others):
        channels = order_of_channels(read, moves, layer.channel_axis)
        if channels is not None:
            return Normalized(read.pixels, moves, scale, shift, channels)
    if not normalizes(layer.x):
        return None
    return Normalized(read.pixels, None, scale, shift, np.arange(len(scale)))


def read_of(value: ir.Value, most: int) -> Read | None:
    """None where something else than a normalization and moves lies above, or more than `most` of them."""
    op = defining(value)
    if op is None:
        if not is_pixels(value):
            return None
        sizes = shape(value)
        place = np.arange(math.prod(sizes), dtype=np.int64).reshape(sizes)
        return Read(value, place, np.ones(sizes), np.zeros(sizes))
    if most == 0:
        return None
    given = qd.GIVEN in op.operation.attributes
    if isinstance(op, qd.ConcatOp):
        a = None if given else read_of(op.a, most - 1)
        b = None if a is None else read_of(op.b, most - 1)
        if a is None or b is None or a.pixels != b.pixels:
            return None
        return Read(
            a.pixels,
            op.evaluate(np, a.place, b.place),
            op.evaluate(np, a.scale, b.scale),
            op.evaluate(np, a.shift, b.shift),
        )
    if isinstance(op, qd.ScaleShiftOp):
        numbers, read = [constant_array(one) for one in (op.scale, op.shift)], read_of(op.x, most - 1)
        if read is None or numbers[0] is None or numbers[1] is None:
            return None
        if given and qd.PIXELS not in said_of(read.pixels):  # the model itself may ask for that rounding
            return None
        places = [-1 if d == op.axis.value else 1 for d in range(read.place.ndim)]
        scale, shift = (each.astype(np.float64).reshape(places) for each in numbers if each is not None)
        return Read(read.pixels, read.place, read.scale * scale, read.shift * scale + shift)
    if isinstance(op, qd.Move) and op.folds and op.inserted is None and not given:
        read = read_of(op.x, most - 1)
        return None if read is None else read.through(partial(op.evaluate, np))
    return None


def normalizes(value: ir.Value) -> bool:
    """Whether there is a scale and shift on the way from pixels to here."""
    op = defining(value)
    if op is None or isinstance(op, qd.ScaleShiftOp):
        return op is not None
    return any(normalizes(operand) for operand in op.operation.operands)


def moved_alike(value: ir.Value) -> ir.Value:
    """What is read without any scale and shift, at the current insertion point."""
    op = defining(value)
    if op is None:
        return value
    if isinstance(op, qd.ScaleShiftOp):
        return moved_alike(op.x)
    operands = [moved_alike(operand) for operand in op.operation.operands]
    again = op.operation.clone(ir.InsertionPoint.current)
    for index, operand in enumerate(operands):
        again.operands[index] = operand
    if isinstance(op, qd.ConcatOp):
        note_pixels(again, first_of(value))
    return again.results[0]


def first_of(value: ir.Value) -> ir.Value:
    """The input that a value is made of."""
    while (op := defining(value)) is not None:
        value = op.operation.operands[0]
    return value


def note_pixels(joined: ir.Operation, pixels: ir.Value) -> None:
    """What is joined of pixels has integers as they have."""
    said = said_of(pixels)
    for name in (qd.GIVEN, qd.PIXELS):
        if name in said:
            joined.attributes[name] = said[name]


def is_pixels(value: ir.Value) -> bool:
    """Whether it is an input of the network that is given as bytes, 0 of which is 0."""
    said = said_of(value)
    if qd.GIVEN not in said or qd.DTYPE not in said or said[qd.DTYPE] != ir.StringAttr.get("uint8", value.context):
        return False
    _, zero_point, bits = (float(v) for v in ir.DenseF64ArrayAttr(said[qd.GIVEN]))
    return (zero_point, bits) == (0.0, 8.0)


def first_path(value: ir.Value) -> list[Any]:
    """The ops from a value up to an input, the first of what is joined; the last op first."""
    path = []
    while (op := defining(value)) is not None:
        path.append(op)
        value = op.a if isinstance(op, qd.ConcatOp) else op.x
    return path


def turns(op: Any) -> bool:
    """Whether it only puts entries in another order, each once: channels of colours."""
    return isinstance(op, qd.TakeOp) and sorted(ints(op.places)) == list(range(shape(op.x)[op.axis.value]))


def keeps_all(op: Any, count: int) -> bool:
    """Whether a move reads and makes so many numbers: all of the input."""
    return math.prod(shape(op.x)) == math.prod(shape(op.out)) == count


def by_channel(values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any] | None:
    """What all values of each channel are, where each has one."""
    rows = np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
    return rows[0] if (rows == rows[0]).all() else None


def order_of_channels(read: Read, moves: list[Any], axis: int) -> npt.NDArray[np.int64] | None:
    """Which channel of what `moves` make of the pixels each one is of what is read; None where they differ in more."""
    here = np.arange(math.prod(shape(read.pixels))).reshape(shape(read.pixels))
    for op in reversed(moves):
        if list(here.shape) != shape(op.x):
            return None
        here = op.evaluate(np, here)
    if here.shape != read.place.shape:
        return None
    there, here = np.moveaxis(read.place, axis, -1), np.moveaxis(here, axis, -1)
    count = here.shape[-1]
    found = {int(number): place for place, number in enumerate(here.reshape(-1, count)[0])}
    order = np.array([found.get(int(number), count) for number in there.reshape(-1, count)[0]], np.int64)
    whole = sorted(order.tolist()) == list(range(count))
    return order if whole and (there == here[..., order]).all() else None


def into_layer(layer: qd.Layer, rewriter: PatternRewriter) -> bool | None:
    found, stored, bias = normalized(layer), constant_array(layer.weight), constant_array(layer.bias)
    if found is None or stored is None or bias is None:
        return NO_MATCH
    if qd.WEIGHT_STEPS in defining(layer.weight).operation.attributes:
        return NO_MATCH
    plain = (found.channels == np.arange(len(found.channels))).all()
    padded = isinstance(layer, qd.Conv2dOp) and any(ints(layer.padding)) and bool(found.shift.any())
    if padded and found.moves is None:
        return NO_MATCH
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
    beside = shifts.sum(1, keepdims=True) / highest(found.pixels)
    if padded and (largest(beside) > COARSER * largest(weight)).any():
        return NO_MATCH
    with rewriter.ip:
        with defining(layer.x).location:
            x = moved_alike(layer.x) if found.moves is None else moved_again(found.pixels, found.moves)
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
    there = building.constant(np.broadcast_to(np.float32(highest(pixels)), [1, 1, *shape(x)[2:]]))
    joined = building.concat([x, there], 1)
    note_pixels(defining(joined).operation, pixels)
    return joined


def highest(pixels: ir.Value) -> float:
    """What the largest byte stands for."""
    said: Any = said_of(pixels)[qd.GIVEN]
    return THERE * float(said[0])


@module_pass
def fold_normalization(module: ir.Operation) -> None:
    """Fold what makes numbers of pixels into the layers that read them: conv2d(p * a + b) --> conv2d(concat(p, 255))

    Exact up to one float32 rounding of each weight, computed in float64.
    """
    rewrite(module, (qd.Conv2dOp, into_layer), (qd.LinearOp, into_layer))
