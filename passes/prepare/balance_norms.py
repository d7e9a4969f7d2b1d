"""What a normalization makes for linear layers gets channels of one size, around zero.

    linear(norm(x, g, b), w, c)        -->  linear(norm(x, g / s, (b - z) / s), w * s, c + w @ z)
    linear(clamp(norm(x)), w, c)       -->  linear(scale_shift(norm(x), 1 / s, -z / s), w * s, c + w @ z)

Channel i reaches from l[i] to h[i] in calibration (`qd.channel_range`); with z = (l + h) / 2 and s = ((h - l) / 2)^a,
its geometric mean 1, all channels share the steps of their tensor fairly. The exponent a is 1, and 1/2 where a layer
that reads them has weights below 8 bits, which have to carry s. The second form is for a norm whose result a residual
stream reads, too: the copy that the layers read (`narrow_stream_reads`) is scaled, and the stream stays. Moves that
leave the last dimension alone may lie between.

Truth: exact up to one float32 rounding of each weight and bias, computed in float64.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import constant, constant_array, scale_shift, used_once
from dyadic.passes.residual_stream import is_identity
from dyadic.passes.rewriting import defining, module_pass

Reals = npt.NDArray[np.float64]

EXPONENT, EXPONENT_OF_FEW_BITS = 1.0, 0.5
SMALLEST_SHARE = 1e-4  # of the largest channel: one that hardly moves gets no steps of its own
MANY_ROWS, FEWEST_ROWS = 1e4, 10
RANGES = (qd.RANGE, *qd.RANGE_AT.values())


@dataclass(frozen=True)
class Channels:
    """Each channel's range, and what it is shifted and divided by."""

    low: Reals
    high: Reals
    shift: Reals
    scale: Reals
    room: float  # for what more samples would show

    def of(self, bounds: tuple[float, float]) -> list[float]:
        """The range of the whole tensor afterwards, as much wider or narrower than what was seen as `bounds` were."""
        share = self.room * (bounds[1] - bounds[0]) / (max(self.high.max(), 0.0) - min(self.low.min(), 0.0))
        low, high = (self.low - self.shift) / self.scale, (self.high - self.shift) / self.scale
        return [min(float(low.min()), 0.0) * share, max(float(high.max()), 0.0) * share]


@module_pass
def balance_norms(module: ir.Operation) -> None:
    """Give the channels of normalized rows one size: linear(norm(x)) --> the same, its channels shifted and rescaled"""
    for block in function_bodies(module):
        for op in list(block.operations):
            if isinstance(op.opview, qd.Norm) and qd.CHANNEL_RANGE in op.attributes:
                balance(op.opview)


def balance(norm: Any) -> None:
    """One norm; each of its results that linear layers alone read."""
    if (seen := channels_seen(norm)) is None:
        return
    between: list[Any] = []
    layers = only_linear(norm.out, between)
    if layers and all(rescalable(layer) for layer in layers):
        channels = balanced(seen, layers)
        rescale_norm(norm, channels)
        rescale_readers(layers, channels)
        rewrite_ranges([norm, *between], channels)
        return
    for copy in [use.owner.opview for use in norm.out.uses]:
        if not is_identity(copy):
            continue
        between = []
        layers = only_linear(copy.out, between)
        if layers and all(rescalable(layer) for layer in layers):
            channels = balanced(seen, layers)
            rescale_readers(layers, channels)
            rewrite_ranges([replaced(copy, channels), *between], channels)


def channels_seen(op: Any) -> Channels | None:
    """What calibration saw of an op's result, not yet shifted or scaled; None where it did not look or all was 0."""
    attributes = op.operation.attributes
    if qd.CHANNEL_RANGE not in attributes:
        return None
    low, high = np.array([float(v) for v in attributes[qd.CHANNEL_RANGE]]).reshape(2, -1)
    room = room_for(attributes[qd.CHANNEL_ROWS].value) if qd.CHANNEL_ROWS in attributes else 1.0
    if not np.isfinite([low, high]).all() or not (high > low).any():
        return None
    return Channels(low, high, np.zeros(len(low)), np.ones(len(low)), room)


def only_linear(value: ir.Value, between: list[Any]) -> list[Any]:
    """The linear layers that read a value along its last dimension; none where anything else reads it."""
    found: list[Any] = []
    for use in value.uses:
        op = use.owner.opview
        if isinstance(op, qd.LinearOp) and op.x == value:
            found.append(op)
        elif keeps_last_dimension(op):
            between.append(op)
            inner = only_linear(op.out, between)
            if not inner:
                return []
            found += inner
        else:
            return []
    return found


def keeps_last_dimension(op: Any) -> bool:
    """Whether an op moves rows whole, or rounds them once more."""
    match op:
        case qd.ReshapeOp():
            return shape(op.x)[-1:] == shape(op.out)[-1:]
        case qd.SliceOp():
            return shape(op.x)[-1] == shape(op.out)[-1]
        case qd.TransposeOp():
            return ints(op.permutation)[-1] == len(shape(op.x)) - 1
        case _:
            return is_identity(op)


def rescalable(layer: Any) -> bool:
    """Whether its numbers are known, its weights are its alone, and it becomes integers."""
    known = all(constant_array(value) is not None for value in (layer.weight, layer.bias))
    return known and used_once(layer.weight) and not qd.is_island(layer)


def room_for(rows: int) -> float:
    """How much further a channel reaches than in so many rows: as the largest of `MANY_ROWS` normal numbers does.

    Before, a channel that is not the largest had room in its tensor's range; now each needs its own.
    """
    return max(1.0, math.sqrt(math.log(MANY_ROWS) / math.log(max(rows, FEWEST_ROWS))))


def balanced(seen: Channels, layers: list[Any]) -> Channels:
    """With the shift and scale of each channel that suits the layers which read them."""
    few = any(
        qd.WEIGHT_BITS in one.operation.attributes and one.operation.attributes[qd.WEIGHT_BITS].value < 8
        for one in layers
    )
    half = (seen.high - seen.low) / 2
    scale = np.maximum(half, SMALLEST_SHARE * half.max()) ** (EXPONENT_OF_FEW_BITS if few else EXPONENT)
    unit = scale / math.exp(float(np.log(scale).mean()))
    return replace(seen, shift=(seen.low + seen.high) / 2, scale=unit)


def rescale_norm(norm: Any, channels: Channels) -> None:
    weight, bias = (numbers(value) for value in (norm.weight, norm.bias))
    set_constants(norm, {1: weight / channels.scale, 2: (bias - channels.shift) / channels.scale})


def rescale_readers(layers: list[Any], channels: Channels) -> None:
    """Weights, biases, and what calibration saw of the inputs on average."""
    for layer in layers:
        weight, bias = numbers(layer.weight), numbers(layer.bias)
        set_constants(layer, {1: weight * channels.scale, 2: bias + weight @ channels.shift})
        attributes = layer.operation.attributes
        if qd.INPUT_MEAN in attributes:
            mean = (np.array([float(v) for v in attributes[qd.INPUT_MEAN]]) - channels.shift) / channels.scale
            attributes[qd.INPUT_MEAN] = ir.DenseF64ArrayAttr.get(mean.tolist(), layer.context)


def replaced(copy: Any, channels: Channels) -> Any:
    """The identity clamp as a scale and shift of each channel, with the same decisions on it."""
    with ir.InsertionPoint(copy), copy.location:
        last = len(shape(copy.x)) - 1
        new = scale_shift(copy.x, 1 / channels.scale, -channels.shift / channels.scale, last)
        made = defining(new)
        for name in decisions(copy.operation):
            made.operation.attributes[name] = copy.operation.attributes[name]
        copy.out.replace_all_uses_with(new)
        copy.operation.erase()
    return made


def decisions(op: ir.Operation) -> Iterator[str]:
    return (name for name in list(op.attributes) if name.startswith("qd."))


def rewrite_ranges(ops: list[Any], channels: Channels) -> None:
    for op in ops:
        attributes = op.operation.attributes
        for name in RANGES:
            if name in attributes:
                low, high = (float(v) for v in attributes[name])
                attributes[name] = ir.DenseF64ArrayAttr.get(channels.of((low, high)), op.context)


def numbers(value: ir.Value) -> Reals:
    array = constant_array(value)
    assert array is not None
    return array.astype(np.float64)


def set_constants(op: Any, arrays: dict[int, Reals]) -> None:
    """New constants for some operands; others may read the old ones."""
    for index, array in arrays.items():
        old = op.operation.operands[index].owner
        with ir.InsertionPoint(op), old.location:
            op.operation.operands[index] = constant(array)
        if not list(old.results[0].uses):
            old.erase()
