"""Layers with integer weights: int32 accumulators, one requantization a channel."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order, image, pixels, pixels_shape
from dyadic.dialects.facts import Arithmetic, Weights
from dyadic.dialects.fields import I32s, I64s, acc_shift, given, ints
from dyadic.dialects.integer_verifiers import (
    verify_convolution,
    verify_last_dimension,
    verify_product,
    verify_residual,
)
from dyadic.dialects.qi.arithmetic import added, exact_float, narrow
from dyadic.dialects.qi.dialect import QI, Operator
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.dialects.windows import taps
from dyadic.runtime import fixedpoint

__all__ = [
    "Conv2dOp",
    "ConvAddOp",
    "Convolution",
    "Layer",
    "LinearAddOp",
    "LinearOp",
    "has_residual",
    "is_layer",
]

Array = npt.NDArray[Any]


class Layer(Operator):
    """A sum of products with weights `[outputs, ..., inputs of a group]`, and a bias for each output."""

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]

    weights = Weights(operand=1, outputs=0, inputs=-1)


class Convolution(Layer):
    """Over windows of an image, in groups of channels."""

    strides: I64s
    padding: I64s
    dilation: I64s
    groups: ir.IntegerAttr


class Conv2dOp(Convolution, name="conv2d"):
    """`clamp(requant(bias + sum(x * w), m[o], s[o]))`: x [1,C,H,W], weight [O,KH,KW,C/groups], bias i32[O].

    One m and one s a channel. Padded cells hold the zero point of x: the folded `-zp * sum(w)` holds everywhere.
    With the unit attribute `channels_last` x and the result are [1,H,W,C].
    `form` is "wide" or "short" (every |acc|*m + 2^(s-1) proven below 2^31): it says which computation is allowed, never
    which result is right.
    `acc` is the proven interval of every partial sum, bias included; of 16-bit inputs, those of low and of high bytes
    apart, and the accumulator after `acc_shift`.
    """

    multiplier: I32s
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    form: ir.StringAttr
    acc: I64s
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.Conv2dOp, qd.ScaleShiftOp)
    order = Order.IMAGE

    def verify_invariants(self) -> bool:
        return not given(self, "groups") or verify_convolution(self)

    def accumulate(self, x: Array, weight: Array, bias: Array) -> npt.NDArray[np.int64]:
        """The accumulators, narrowed to int32 where they must be, as int64 [N,OH,OW,O]."""
        kernel, out, groups = list(weight.shape[1:3]), pixels_shape(self, self.out)[1:3], self.groups.value
        x = pixels(self, x)
        kind = exact_float(weight, self.x)
        total = np.zeros((len(x), *out, weight.shape[0]), kind)
        step_in, step_out = x.shape[3] // groups, weight.shape[0] // groups
        for (kh, kw), cells in taps(
            x, kernel, ints(self.strides), ints(self.padding), ints(self.dilation), out, zero_point(self.x)
        ):
            tap = weight[:, kh, kw, :].astype(kind)
            cells = cells.astype(kind)
            if step_in == step_out == 1:
                total += cells * tap[:, 0]
                continue
            for g in range(groups):
                o = slice(g * step_out, (g + 1) * step_out)
                total[..., o] += cells[..., g * step_in : (g + 1) * step_in] @ tap[o].T
        return fixedpoint.round_shift(total.astype(np.int64) + bias, acc_shift(self))

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        return image(self, narrow(self, self.accumulate(x, weight, bias)))


class ConvAddOp(Convolution, name="conv_add"):
    """A convolution whose accumulator is added to a residual before the one rounding.

    `clamp(((acc * m[o] + ((b - zb) << residual_shift) * mb[o] + 2^(s[o]-1)) >> s[o]) + zp, low, high)`; sum in int64.
    `residual_shift` lies in [0, 16], or is 32 where every mb is below 2^15 and every s in [33, 53]. For a residual of
    16 bits it lies in [0, 8], or is 32 where every mb is below 2^13.
    """

    residual: Operand[Any]
    multiplier: I32s
    residual_multiplier: I32s
    residual_shift: ir.IntegerAttr
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    acc: I64s
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.AddOp,)
    order = Order.IMAGE

    def verify_invariants(self) -> bool:
        return not given(self, "groups") or (verify_residual(self) and verify_convolution(self))

    accumulate = Conv2dOp.accumulate

    def evaluate(self, x: Array, weight: Array, bias: Array, residual: Array) -> Array:
        return image(self, added(self, self.accumulate(x, weight, bias), pixels(self, residual)))


class LinearOp(Layer, name="linear"):
    """The same over the last dimension: x [..., K], weight [O, K], bias i32[O]."""

    multiplier: I32s
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    form: ir.StringAttr
    acc: I64s
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.LinearOp,)
    order = Order.LAST

    def verify_invariants(self) -> bool:
        return verify_last_dimension(self) and verify_product(self, shape(self.weight)[0])

    def evaluate(self, x: Array, weight: Array, bias: Array) -> Array:
        return narrow(self, self.accumulate(x, weight, bias))

    def accumulate(self, x: Array, weight: Array, bias: Array) -> npt.NDArray[np.int64]:
        """The accumulators, narrowed to int32 where they must be, as int64 [..., O]."""
        kind = exact_float(weight, self.x)
        acc = (x.astype(kind) @ weight.astype(kind).T).astype(np.int64) + bias
        return fixedpoint.round_shift(acc, acc_shift(self))


class LinearAddOp(Layer, name="linear_add"):
    """A linear layer whose accumulator is added to a residual before the one rounding, as in `conv_add`.

    x [..., K], weight [O, K], bias i32[O], residual [..., O].
    """

    residual: Operand[Any]
    multiplier: I32s
    residual_multiplier: I32s
    residual_shift: ir.IntegerAttr
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    acc: I64s
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.AddOp,)
    order = Order.LAST

    def verify_invariants(self) -> bool:
        fits = verify_last_dimension(self) and verify_residual(self)
        return fits and verify_product(self, shape(self.weight)[0])

    accumulate = LinearOp.accumulate

    def evaluate(self, x: Array, weight: Array, bias: Array, residual: Array) -> Array:
        return added(self, self.accumulate(x, weight, bias), residual)


def has_residual(op: object) -> bool:
    """Whether it is a layer that takes in an addition."""
    return isinstance(op, ConvAddOp | LinearAddOp)


def is_layer(name: str) -> bool:
    """Whether ops of this name are layers with weights."""
    return any(op.OPERATION_NAME == name and issubclass(op, Layer) for op in QI.operations)
