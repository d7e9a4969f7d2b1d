"""Activation functions that few networks have."""
# pyright: reportInvalidTypeForm=false

import math
from fractions import Fraction
from types import ModuleType

from torch_mlir import ir

from dyadic.dialects import rational
from dyadic.dialects.qd.dialect import Values
from dyadic.dialects.qd.functions import EVERYWHERE, Function

__all__ = ["EluOp", "LogSigmoidOp", "MishOp", "ShrinkOp", "SoftplusOp", "SoftsignOp", "ThresholdedReluOp"]


class EluOp(Function, name="elu"):
    """`gamma * x` where positive, `gamma * alpha * (exp(x / width) - 1)` elsewhere: Elu, Selu and Celu."""

    alpha: ir.FloatAttr
    gamma: ir.FloatAttr
    width: ir.FloatAttr

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        negative = self.alpha.value * xp.expm1(xp.clip(x, None, 0) / self.width.value)
        return self.gamma.value * (xp.clip(x, 0, None) + negative)

    def exact(self, x: Fraction) -> Fraction:
        alpha, gamma, width = (Fraction(each.value) for each in (self.alpha, self.gamma, self.width))
        return gamma * (x if x >= 0 else alpha * (rational.exp(x / width) - 1))

    @property
    def useful_inputs(self) -> tuple[float, float]:
        width = self.width.value
        return (-9.0 * width, math.inf) if width > 0 else EVERYWHERE  # exp is 0.0001 there


class SoftplusOp(Function, name="softplus"):
    """`log(1 + exp(beta * x)) / beta`."""

    beta: ir.FloatAttr

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        beta = self.beta.value
        return (xp.clip(beta * x, 0, None) + xp.log1p(xp.exp(-xp.abs(beta * x)))) / beta

    def exact(self, x: Fraction) -> Fraction:
        beta = Fraction(self.beta.value)
        return rational.softplus(beta * x) / beta

    @property
    def useful_inputs(self) -> tuple[float, float]:
        beta = self.beta.value
        return (-8.0 / beta, math.inf) if beta > 0 else EVERYWHERE


class LogSigmoidOp(Function, name="log_sigmoid"):
    """`-log(1 + exp(-x))`."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.clip(x, None, 0) - xp.log1p(xp.exp(-xp.abs(x)))

    def exact(self, x: Fraction) -> Fraction:
        return -rational.softplus(-x)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -math.inf, 8.0


class MishOp(Function, name="mish"):
    """`x * tanh(log(1 + exp(x)))` (Misra, 2019)."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.nn.functional.mish(x)

    def exact(self, x: Fraction) -> Fraction:
        return x * (2 * rational.sigmoid(2 * rational.softplus(x)) - 1)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -9.0, math.inf  # -0.001 there, and 0 from there on


class SoftsignOp(Function, name="softsign"):
    """`x / (1 + |x|)`."""

    bounded, piecewise_linear = True, False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return x / (1 + xp.abs(x))

    def exact(self, x: Fraction) -> Fraction:
        return x / (1 + abs(x))


class ThresholdedReluOp(Function, name="thresholded_relu"):
    """`x` above `threshold`, `value` elsewhere."""

    threshold: ir.FloatAttr
    value: ir.FloatAttr
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.where(x > self.threshold.value, x, xp.full_like(x, self.value.value))

    def exact(self, x: Fraction) -> Fraction:
        return x if x > Fraction(self.threshold.value) else Fraction(self.value.value)


class ShrinkOp(Function, name="shrink"):
    """`x + bias` below `-threshold`, `x - bias` above `threshold`, 0 in between."""

    threshold: ir.FloatAttr
    bias: ir.FloatAttr
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        threshold, bias = self.threshold.value, self.bias.value
        zero = xp.zeros_like(x)
        return xp.where(x < -threshold, x + bias, xp.where(x > threshold, x - bias, zero))

    def exact(self, x: Fraction) -> Fraction:
        threshold, bias = Fraction(self.threshold.value), Fraction(self.bias.value)
        return x + bias if x < -threshold else x - bias if x > threshold else Fraction(0)
