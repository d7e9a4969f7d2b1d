"""Functions of each number alone.

To add one: a class with its fields, `evaluate` and `exact`, and its facts; it is then a table of its input of at most
8 bits everywhere behind, of 16 bits straight lines (docs/adding-an-operator.md).
"""
# pyright: reportInvalidTypeForm=false

import math
from collections.abc import Sequence
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import nonlinear, rational
from dyadic.dialects.fields import given
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail

__all__ = [
    "ClampOp",
    "Elementwise",
    "Function",
    "GeluIBertOp",
    "GeluIVitOp",
    "GeluOp",
    "GeluTanhOp",
    "HardSigmoidOp",
    "HardSwishOp",
    "LeakyReluOp",
    "SigmoidOp",
    "SiluOp",
    "TanhOp",
]

EVERYWHERE = (-math.inf, math.inf)
SQRT_HALF = Fraction("0.70710678118654752440084436210484903928483593768847403658833987")
I_VIT_SLOPE = Fraction(27, 16)  # 1 + 1/2 + 1/8 + 1/16, in place of 1.702
SQRT_2_OVER_PI = Fraction("0.79788456080286535587989211986876373695171726232986931533185165")


class Elementwise(Operator):
    """Of each number alone: the shape stays."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return shape(self.x) == shape(self.out) or fail(self, f"makes {shape(self.out)} of {shape(self.x)}")

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        return axes[0]


class Function(Elementwise):
    """What integerize makes a table of: 256 entries, each `exact` of a number, rounded once; of 16 bits, lines.

    One that jumps reads 8 bits at most: lines would go up where it does.
    """

    singular = False  # it grows without bounds near a number that has no value: results are what steps of x can make

    def exact(self, x: Fraction) -> Fraction:
        """The function's value, exact or to 50 digits."""
        raise NotImplementedError(f"{type(self).__name__} has no exact value")

    def defined(self, x: Fraction) -> bool:
        """Whether it has a value there; where it has none, it takes that of the nearest step of its input."""
        return True

    @property
    def useful_inputs(self) -> tuple[float, float]:
        """Where the function still changes by what 8 bits can tell: those of an input need no steps beyond."""
        return EVERYWHERE


class ClampOp(Elementwise, name="clamp"):
    """`min(max(x, low), high)`: Relu is [0, inf], Relu6 is [0, 6]."""

    low: ir.FloatAttr
    high: ir.FloatAttr

    takes_clamp = False  # it is one
    folds = True

    @property
    def homogeneous(self) -> bool:
        return {self.low.value, self.high.value} <= {0.0, math.inf, -math.inf}

    def verify_invariants(self) -> bool:
        if given(self, "low", "high") and not self.low.value <= self.high.value:
            return fail(self, f"low {self.low.value} must not exceed high {self.high.value}")
        return super().verify_invariants()

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        low, high = self.low.value, self.high.value
        if (low, high) == (0.0, math.inf) and xp is not np:
            return xp.relu(x)  # unlike that of clip, its gradient is 0 at 0
        return xp.clip(x, low, high)


class SigmoidOp(Function, name="sigmoid"):
    """`1 / (1 + exp(-x))`."""

    bounded, piecewise_linear = True, False
    last_function = "sigmoid"

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.sigmoid(x)

    def exact(self, x: Fraction) -> Fraction:
        return rational.sigmoid(x)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -6.25, 6.25  # within 1/512 of 0 and 1: half a step of [0, 1]


class TanhOp(Function, name="tanh"):
    """`tanh(x)`."""

    bounded, piecewise_linear = True, False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.tanh(x)

    def exact(self, x: Fraction) -> Fraction:
        return 2 * rational.sigmoid(2 * x) - 1

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -3.125, 3.125  # within 1/256 of -1 and 1: half a step of [-1, 1]


class SiluOp(Function, name="silu"):
    """`x * sigmoid(x)`."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.nn.functional.silu(x)

    def exact(self, x: Fraction) -> Fraction:
        return x * rational.sigmoid(x)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -8.0, math.inf  # -0.0027 there, and 0 from there on


class GeluOp(Function, name="gelu"):
    """`x * (1 + erf(x / sqrt(2))) / 2` (Hendrycks and Gimpel, 2016)."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.nn.functional.gelu(x)

    def exact(self, x: Fraction) -> Fraction:
        return x * rational.normal_distribution(x)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -4.0, math.inf  # -0.00013 there, and 0 from there on


class GeluTanhOp(GeluOp, name="gelu_tanh"):
    """`x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`: what exporters call the tanh approximation."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.nn.functional.gelu(x, approximate="tanh")

    def exact(self, x: Fraction) -> Fraction:
        return x * rational.sigmoid(2 * SQRT_2_OVER_PI * (x + Fraction(44715, 1000000) * x**3))

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -4.0, math.inf


class GeluIBertOp(GeluOp, name="gelu_i_bert"):
    """GELU with I-BERT's polynomial in place of erf (dialects/nonlinear.py)."""

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        size = -0.2888 * (xp.clip(xp.abs(x) * math.sqrt(0.5), 0, 1.769) - 1.769) ** 2 + 1
        return x * (1 + xp.where(x < 0, -size, size)) / 2

    def exact(self, x: Fraction) -> Fraction:
        return x * (1 + nonlinear.erf_i_bert(x * SQRT_HALF)) / 2

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -2.51, math.inf  # where the polynomial ends


class GeluIVitOp(GeluOp, name="gelu_i_vit"):
    """I-ViT's ShiftGELU: x times a sigmoid of about 1.702 x, all of shifts (dialects/nonlinear.py)."""

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        power, y = nonlinear.EXPONENTIALS[nonlinear.I_VIT], x * float(I_VIT_SLOPE)
        one, other = power(xp, xp.clip(y, max=0)), power(xp, xp.clip(-y, max=0))
        return x * one / (one + other)

    def exact(self, x: Fraction) -> Fraction:
        return x * nonlinear.sigmoid_i_vit(x * I_VIT_SLOPE)


class HardSigmoidOp(Function, name="hard_sigmoid"):
    """`min(max(alpha * x + beta, 0), 1)`."""

    alpha: ir.FloatAttr
    beta: ir.FloatAttr

    bounded = True

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.clip(self.alpha.value * x + self.beta.value, 0.0, 1.0)

    def exact(self, x: Fraction) -> Fraction:
        return rational.clip(Fraction(self.alpha.value) * x + Fraction(self.beta.value), 0, 1)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        alpha, beta = self.alpha.value, self.beta.value
        return (-beta / alpha, (1 - beta) / alpha) if alpha > 0 else EVERYWHERE


class HardSwishOp(Function, name="hard_swish"):
    """`x * min(max(x + 3, 0), 6) / 6`."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.nn.functional.hardswish(x)

    def exact(self, x: Fraction) -> Fraction:
        return x * rational.clip(x + 3, 0, 6) / 6

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -3.0, math.inf


class LeakyReluOp(Function, name="leaky_relu"):
    """`x` where positive, `alpha * x` elsewhere."""

    alpha: ir.FloatAttr

    @property
    def homogeneous(self) -> bool:
        return True

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.nn.functional.leaky_relu(x, self.alpha.value)

    def exact(self, x: Fraction) -> Fraction:
        return x if x >= 0 else Fraction(self.alpha.value) * x
