"""What quantization-aware training and pt2e leave in an exported program: rounding to integers and back.

FakeQuantize modules are one operator; pt2e writes a quantize and a dequantize operator, of activations and of weights.
They mean what ONNX's QuantizeLinear and DequantizeLinear mean (`onnx_quantized.py`).
"""

from functools import partial

import numpy as np

from dyadic.passes.building import Array
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.onnx_quantized import SMALLEST_SCALE, dequantized, fake_quantized, scaled, spread
from dyadic.passes.ingest.translation import Literal, Node, Quantized, Result, Unsupported, literal


def integers_within(low: int, high: int) -> tuple[int, bool]:
    """(bits, signed) of the smallest type that holds all of [low, high].

    >>> integers_within(-128, 127), integers_within(0, 127), integers_within(-127, 127), integers_within(0, 15)
    ((8, True), (7, False), (8, True), (4, False))
    """
    signed = low < 0
    return max(high.bit_length(), (-low - 1).bit_length() if signed else 1) + signed, signed


def numbers(node: Node, index: int, what: str) -> Array:
    return node.array(index, what).astype(np.float64).reshape(-1)


def steps_of(x: Literal, scale: Array, points: Array, axis: int, low: int, high: int) -> Array:
    """A constant in integers, halves to even."""
    wide, offset = (spread(a, x.array.shape, axis, 0) for a in (scale, points))
    steps = np.rint(x.array.astype(np.float32) * (1 / wide).astype(np.float32)) + offset
    return np.clip(steps, low, high).astype(np.int64)


def rounded(node: Node, scale: Array, points: Array, axis: int, low: int, high: int) -> Result:
    """A constant or a tensor rounded to integers of [low, high] and back."""
    if not (np.isfinite(scale).all() and (scale >= SMALLEST_SCALE).all()):
        raise Unsupported(f"its scale {scale.min():.6g} is not positive and finite")
    x, (bits, signed) = node.argument(0), integers_within(low, high)
    scale, points = scale.astype(np.float32).astype(np.float64), points.astype(np.int64)
    if isinstance(x, Literal):
        codes = literal(steps_of(x, scale, points, axis, low, high))
        return dequantized(codes, scale, points, axis, 0, bits, signed)
    if scale.size != 1:
        raise Unsupported(f"it has {scale.size} scales; activations with one scale a tensor are supported")
    return fake_quantized(x, float(scale[0]), int(points[0]), low, high, bits, signed)


@aten("fake_quantize_per_tensor_affine", "fake_quantize_per_tensor_affine.tensor_qparams")
def fake_quantize(node: Node) -> Result:
    scale, points = numbers(node, 1, "scale"), numbers(node, 2, "zero point")
    return rounded(node, scale, points, 0, int(node.array(3, "bound")), int(node.array(4, "bound")))


@aten("fake_quantize_per_channel_affine")
def fake_quantize_channels(node: Node) -> Result:
    scale, points = numbers(node, 1, "scale"), numbers(node, 2, "zero point")
    axis, low, high = (int(node.array(i, "bound")) for i in (3, 4, 5))
    return rounded(node, scale, points, axis, low, high)


@aten("quantized_decomposed.quantize_per_tensor")
def quantize_per_tensor(node: Node) -> Result:
    """pt2e's (x, scale, zero point, low, high, type)."""
    scale, points = numbers(node, 1, "scale"), numbers(node, 2, "zero point")
    low, high = (int(node.array(i, "bound")) for i in (3, 4))
    x = node.argument(0)
    if isinstance(x, Literal):
        return literal(steps_of(x, scale, points, 0, low, high))
    factor, point = float(np.float32(scale[0])), int(points[0])
    real = rounded(node, scale, points, 0, low, high)
    return Quantized(real, np.asarray(factor), np.asarray(point), partial(scaled, real, 1 / factor, point))


@aten("quantized_decomposed.quantize_per_channel")
def quantize_per_channel(node: Node) -> Result:
    """pt2e's (x, scales, zero points, axis, low, high, type), of constants."""
    scale, points = numbers(node, 1, "scale"), numbers(node, 2, "zero point")
    axis, low, high = (int(node.array(i, "bound")) for i in (3, 4, 5))
    x = node.argument(0)
    if not isinstance(x, Literal):
        raise Unsupported(f"it has {scale.size} scales; activations with one scale a tensor are supported")
    return literal(steps_of(x, scale, points, axis, low, high))


@aten("quantized_decomposed.dequantize_per_tensor")
def dequantize_per_tensor(node: Node) -> Result:
    """pt2e's (codes, scale, zero point, low, high, type)."""
    return back(node, 0, 3)


@aten("quantized_decomposed.dequantize_per_channel")
def dequantize_per_channel(node: Node) -> Result:
    """pt2e's (codes, scales, zero points, axis, low, high, type)."""
    return back(node, int(node.array(3, "axis")), 4)


def back(node: Node, axis: int, bounds: int) -> Result:
    scale, points = (
        numbers(node, 1, "scale"),
        numbers(node, 2, "zero point") if node.argument(2) is not None else np.zeros(1),
    )
    scale, points = scale.astype(np.float32).astype(np.float64), points.astype(np.int64)
    x = node.argument(0)
    if isinstance(x, Quantized):
        if not np.array_equal(x.scale.reshape(-1), scale) or (x.zero_point.reshape(-1) != points).any():
            raise Unsupported("its scale or zero point is another than that of the integers that it reads")
        return x.value
    if not isinstance(x, Literal):
        raise Unsupported("it reads integers that nothing before quantizes")
    low, high = (int(node.array(bounds + i, "bound")) for i in range(2))
    return dequantized(x, scale, points, axis, 0, *integers_within(low, high))
