"""Layers that the user excluded from the integers: float32 between integers."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order, image, pixels, pixels_shape
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import given, ints
from dyadic.dialects.integer_verifiers import verify_float_product, verify_image, verify_last_dimension
from dyadic.dialects.qi.arithmetic import quantized, real
from dyadic.dialects.qi.products import Convolution, Layer
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.windows import taps

__all__ = ["FloatConv2dOp", "FloatLinearOp"]

Array = npt.NDArray[Any]


class FloatConv2dOp(Convolution, name="float_conv2d"):
    """A float island: x [1,C,H,W] of integers, weight f32[O,KH,KW,C/groups], bias f32[O], a result of integers.

    `clamp(quantize(bias + r * w + ...), low, high)`: `r` and `quantize` are the boundary's (docs/arithmetic.md).
    The sum begins with the bias and takes one product after the other: kernel row, kernel column, input channel, the
    last innermost. Each product and each sum is a float32, rounded half to even by itself, never fused. Padded cells
    are 0.0; as weights are finite, adding their products or leaving them out makes the same result. With the unit
    attribute `channels_last` x and the result are [1,H,W,C].
    """

    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.FLOAT
    made_from = (qd.Conv2dOp,)
    order = Order.IMAGE

    def verify_invariants(self) -> bool:
        return not given(self, "groups") or (verify_float_product(self, shape(self.weight)[0]) and verify_image(self))

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        (outputs, *kernel, depth), groups, out = weight.shape, self.groups.value, pixels_shape(self, self.out)[1:3]
        x = pixels(self, x)
        strides, padding, dilation = ints(self.strides), ints(self.padding), ints(self.dilation)
        total = np.broadcast_to(bias.reshape(groups, -1), (len(x), *out, groups, outputs // groups)).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for (kh, kw), cells in taps(real(self.x, x), kernel, strides, padding, dilation, out, 0):
                for i in range(depth):
                    total += cells[..., i::depth, None] * weight[:, kh, kw, i].reshape(groups, -1)
        return image(self, quantized(self, total.reshape(len(x), *out, outputs)))


class FloatLinearOp(Layer, name="float_linear"):
    """The same over the last dimension: x [..., K] of integers, weight f32[O, K], bias f32[O]."""

    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.FLOAT
    made_from = (qd.LinearOp,)
    order = Order.LAST

    def verify_invariants(self) -> bool:
        return verify_last_dimension(self) and verify_float_product(self, shape(self.weight)[0])

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        r, total = real(self.x, x), np.broadcast_to(bias, (*x.shape[:-1], len(bias))).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for i in range(weight.shape[1]):
                total += r[..., i, None] * weight[:, i]
        return quantized(self, total)
