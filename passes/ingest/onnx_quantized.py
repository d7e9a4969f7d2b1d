"""ONNX's QuantizeLinear and DequantizeLinear: what a model says of its own quantization.

A QuantizeLinear of a tensor is a clamp to what its integers can stand for, with `qd.given`; the DequantizeLinear of the
same scale and zero point behind it is nothing. A DequantizeLinear of a constant is a constant that remembers its
integers. What has no integers of ours (activations of 2 bits, of 16 with a zero point, blocks of weights with scales of
their own) is the same in float, and is quantized as a float model is. Integers that come from outside, or that
something else than a DequantizeLinear reads, are whole numbers in float: of a scale of 1.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest import families
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.onnx_node import attribute, onnx
from dyadic.passes.ingest.translation import (
    Dequantized,
    Literal,
    Node,
    Quantized,
    Result,
    Unsupported,
    as_numbers,
    literal,
)
from dyadic.passes.rewriting import defining

SMALLEST_SCALE = 2.0**-126  # the smallest normal float32


def integers_of(node: Node, zero_point: Array) -> tuple[int, bool]:
    """(bits, signed) of the integers that a node makes or reads: as the importer says, or those of the zero point."""
    bits, signed = attribute(node, "__bits"), attribute(node, "__signed")
    if bits is None:
        bits, signed = 8 * zero_point.dtype.itemsize, zero_point.dtype.kind == "i"
    if not bits:
        raise Unsupported("its codes are floats of 8 bits or fewer; integers are supported")
    return int(bits), bool(signed)


def given_kind(scale: float, zero_point: int, bits: int, signed: bool) -> tuple[float, int, int] | None:
    """(scale, zero point, bits) of the same quantization in the integers that `qi` holds; None where it has none.

    >>> given_kind(0.5, -128, 8, True), given_kind(0.5, 3, 4, False), given_kind(0.5, 32768, 16, False)
    ((0.5, 0, 8), (0.5, 3, 4), (0.5, 0, 16))
    >>> given_kind(0.5, 1, 16, True) is None, given_kind(0.5, 0, 6, True)  # in a byte, of which not all is used
    (True, (0.5, 128, 8))
    """
    if bits <= 8:
        held = 4 if bits == 4 else 8
        return scale, zero_point + (1 << (held - 1) if signed else 0), held
    if bits == 16 and zero_point == (0 if signed else 1 << 15):
        return scale, 0, 16
    return None


def fake_quantized(x: Any, scale: float, zero_point: int, low: int, high: int, bits: int, signed: bool) -> Result:
    """`x` rounded to integers within [low, high] and back: a clamp, with what is given of its integers."""
    kind = given_kind(scale, zero_point, bits, signed)

    def rounded(value: ir.Value) -> ir.Value:
        clamped = building.clamp(value, (low - zero_point) * scale, (high - zero_point) * scale)
        if kind is not None:
            defining(clamped).operation.attributes[qd.GIVEN] = ir.DenseF64ArrayAttr.get([float(v) for v in kind])
        return clamped

    return each(x, rounded)


def moved(x: Any, shift: Array) -> Result:
    """`x + shift`."""
    return families.add(x, literal(shift)) if shift.any() else x


def scaled(real: Any, factor: float, shift: float) -> Result:
    """`real * factor + shift`: integers as whole numbers."""
    return moved(families.mul(real, literal(np.asarray(factor))), np.asarray(shift, np.float64))


def bounds(bits: int, signed: bool) -> tuple[int, int]:
    """The smallest and the largest integer of a type."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def scales(node: Node) -> tuple[Array, Array]:
    """(scales, zero points) of a node, finite and positive."""
    scale = node.array(1, "scale").astype(np.float32).astype(np.float64)
    zero_point = node.argument(2)
    points = np.zeros(scale.shape, np.uint8) if zero_point is None else node.array(2, "zero point")
    if not scale.size or not points.size:
        raise Unsupported("it has no scale, or a zero point without a number")
    if not (np.isfinite(scale).all() and (scale >= SMALLEST_SCALE).all()):
        raise Unsupported(f"its scale {scale.min():.6g} is not positive and finite")
    if points.size not in (1, scale.size):
        raise Unsupported(f"it has {scale.size} scales and {points.size} zero points")
    return scale, points


@onnx("QuantizeLinear")
def quantize_linear(node: Node) -> Result:
    scale, points = scales(node)
    bits, signed = integers_of(node, points)
    low, high = bounds(bits, signed)
    low += attribute(node, "__narrow", 0)
    x, points = node.argument(0), points.astype(np.int64)
    axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
    if isinstance(x, Literal):
        wide, offset = (spread(a, x.array.shape, axis, block) for a in (scale, points))
        steps = np.rint(x.array.astype(np.float32) / wide.astype(np.float32))
        return literal(np.clip(steps + offset, low, high).astype(np.int64))
    x = as_numbers(x)
    if scale.size != 1:  # integers of a scale of 1, which others make numbers of
        wide, offset = (spread(a.astype(np.float64), dims_of(x), axis, block) for a in (scale, points))
        steps = moved(families.mul(x, literal(1 / wide)), offset)
        codes = fake_quantized(steps, 1.0, 0, low, high, bits, signed)
        real = families.mul(moved(codes, -offset), literal(wide))
        return Quantized(real, scale, points, lambda: codes)
    factor, point = float(scale.reshape(-1)[0]), int(points.reshape(-1)[0])
    real = fake_quantized(x, factor, point, low, high, bits, signed)
    return Quantized(real, scale, points, partial(scaled, real, 1 / factor, point))


@onnx("DequantizeLinear")
def dequantize_linear(node: Node) -> Result:
    x = node.argument(0)
    scale, points = scales(node)
    axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
    if isinstance(x, Quantized):
        if (
            np.array_equal(scale.reshape(-1), x.scale.reshape(-1))
            and (points.reshape(-1) == x.zero_point.reshape(-1)).all()
        ):
            return x.value
        x = x.codes()
    if not isinstance(x, Literal):
        wide, offset = (spread(a.astype(np.float64), dims_of(x), axis, block) for a in (scale, points))
        return families.mul(moved(x, -offset), literal(wide))
    bits, signed = integers_of(node, points if node.argument(2) is not None else x.array)
    return dequantized(x, scale, points.astype(np.int64), axis, block, bits, signed)


def dequantized(x: Literal, scale: Array, points: Array, axis: int, block: int, bits: int, signed: bool) -> Literal:
    """A constant of integers as the numbers that it stands for; blocks with scales of their own are plain numbers."""
    codes = x.array.astype(np.int64)
    wide, offset = (spread(a, codes.shape, axis, block) for a in (scale, points))
    values = ((codes - offset) * wide).astype(np.float32)
    if scale.size == 1:
        axis, block = 0, 0
    if block:
        return literal(values)
    kind = None
    if scale.size == 1 and points.size == 1 and bits <= 16:
        kind = given_kind(float(scale.reshape(-1)[0]), int(points.reshape(-1)[0]), bits, signed)
    flat = scale.reshape(-1)
    where = ir.Location.current
    assert where is not None, "an operator's function runs at its location"
    return Dequantized(values, where, codes - offset, flat, axis % max(codes.ndim, 1), bits, kind)


def spread(values: Array, shape: Sequence[int], axis: int, block: int) -> Array:
    """Scales or zero points, one for each element of a tensor of the shape."""
    if values.size == 1:
        return values.reshape((1,) * len(shape))
    if not -len(shape) <= axis < len(shape):
        raise Unsupported(f"it has no axis {axis}: its input is {list(shape)}")
    axis %= len(shape)
    if block < 0:
        raise Unsupported(f"its blocks have {block} elements")
    if block:
        wanted = [-(-n // block) if d == axis else n for d, n in enumerate(shape)]
        if list(values.shape) != wanted:
            raise Unsupported(f"its scales {list(values.shape)} in blocks of {block} do not fit {list(shape)}")
        return np.repeat(values, block, axis)[tuple(slice(n) for n in shape)]
    if values.size != shape[axis]:
        raise Unsupported(f"its {values.size} scales do not fit axis {axis} of {list(shape)}")
    return values.reshape([-1 if d == axis else 1 for d in range(len(shape))])
