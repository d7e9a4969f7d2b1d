"""Normalization over the last dimension: to a size of 1, or to a sum of 1."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.facts import TokensMeet
from dyadic.dialects.fields import given
from dyadic.dialects.qd.dialect import Operator, Values, rows_of_tokens
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail

__all__ = ["LayerNormOp", "Norm", "RmsNormOp", "SoftmaxOp"]


class Norm(Operator):
    """Each row of the last dimension over its own size; `weight` [n] scales the result, `bias` [n] shifts it."""

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    epsilon: ir.FloatAttr
    out: Result[Any]

    piecewise_linear = False
    centered = True  # subtracts the row's mean first

    @property
    def channel_axis(self) -> int:
        return len(shape(self.x)) - 1

    def verify_invariants(self) -> bool:
        x, weight, bias, out = (shape(v) for v in (self.x, self.weight, self.bias, self.out))
        if len(x) < 2 or x != out or weight != x[-1:] or bias != weight:
            return fail(self, f"shapes do not fit: x {x}, weight {weight}, bias {bias}, result {out}")
        if given(self, "epsilon") and not self.epsilon.value >= 0:
            return fail(self, f"epsilon {self.epsilon.value} must not be negative")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        return rows_of_tokens(axes[0], self.x)


class LayerNormOp(Norm, name="layer_norm"):
    """`(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * weight + bias`, over the last dimension."""

    def evaluate(self, xp: ModuleType, x: Values, weight: Values, bias: Values) -> Values:
        return xp.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, self.epsilon.value)


class RmsNormOp(Norm, name="rms_norm"):
    """`x / sqrt(mean(x^2) + epsilon) * weight + bias`, over the last dimension.

    `x / ||x||` is this with every weight 1 / sqrt(n).
    """

    centered = False

    def evaluate(self, xp: ModuleType, x: Values, weight: Values, bias: Values) -> Values:
        return x * xp.rsqrt((x * x).mean(-1, keepdim=True) + self.epsilon.value) * weight + bias


class SoftmaxOp(Operator, name="softmax"):
    """`exp(x) / sum(exp(x))` along `axis`; between the two products of an attention it is part of that."""

    x: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    last_function = "softmax"
    bounded = True
    piecewise_linear = False

    def verify_invariants(self) -> bool:
        if given(self, "axis") and not 0 < self.axis.value < len(shape(self.x)):
            return fail(self, f"axis {self.axis.value} is none of {shape(self.x)} behind the batch")
        return shape(self.x) == shape(self.out) or fail(self, f"makes {shape(self.out)} of {shape(self.x)}")

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        if axes[0] == self.axis.value:
            raise TokensMeet
        return axes[0]

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.softmax(x, self.axis.value)
