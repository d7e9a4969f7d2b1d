"""Elementary functions of each number: powers, roots, logarithms, and those that round or compare.

Where a function has no value, its op takes the nearest number that has one: `log` and `reciprocal` of 0 are those of
2^-126, the smallest normal float32, and their tables take the nearest step of the input (`Function.defined`).
"""
# pyright: reportInvalidTypeForm=false

import math
from fractions import Fraction
from types import ModuleType

from torch_mlir import ir

from dyadic.dialects import rational
from dyadic.dialects.fields import Bool, flag
from dyadic.dialects.qd.dialect import Values
from dyadic.dialects.qd.functions import SQRT_HALF, Function

__all__ = [
    "AbsOp",
    "CeilOp",
    "ErfOp",
    "ExpOp",
    "FloorOp",
    "LogOp",
    "PowerOp",
    "ReciprocalOp",
    "RoundOp",
    "SignOp",
    "SqrtOp",
    "StepOp",
    "TruncOp",
]

SMALLEST = 2.0**-126


class AbsOp(Function, name="abs"):
    """`|x|`."""

    @property
    def homogeneous(self) -> bool:
        return True

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.abs(x)

    def exact(self, x: Fraction) -> Fraction:
        return abs(x)


class SignOp(Function, name="sign"):
    """-1, 0 or 1, as x is below, at or above 0."""

    bounded, whole = True, True
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.sign(x)

    def exact(self, x: Fraction) -> Fraction:
        return Fraction((x > 0) - (x < 0))


class StepOp(Function, name="step"):
    """1 where x is above `threshold` (or equal to it, where `or_equal`), else 0."""

    threshold: ir.FloatAttr
    or_equal: Bool = flag()

    bounded, whole = True, True
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        threshold = self.threshold.value
        return (x >= threshold if self.or_equal.value else x > threshold).to(x.dtype)

    def exact(self, x: Fraction) -> Fraction:
        threshold = self.threshold.value
        if math.isinf(threshold):
            return Fraction(int(threshold < 0))
        return Fraction(int(x >= Fraction(threshold) if self.or_equal.value else x > Fraction(threshold)))


class FloorOp(Function, name="floor"):
    """The largest whole number that is not above x."""

    piecewise_linear, whole = False, True
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.floor(x)

    def exact(self, x: Fraction) -> Fraction:
        return Fraction(math.floor(x))


class CeilOp(Function, name="ceil"):
    """The smallest whole number that is not below x."""

    piecewise_linear, whole = False, True
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.ceil(x)

    def exact(self, x: Fraction) -> Fraction:
        return Fraction(math.ceil(x))


class TruncOp(Function, name="trunc"):
    """The nearest whole number that is not farther from 0."""

    piecewise_linear, whole = False, True
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.trunc(x)

    def exact(self, x: Fraction) -> Fraction:
        return Fraction(math.trunc(x))


class RoundOp(Function, name="round"):
    """The nearest whole number, the even one of two."""

    piecewise_linear, whole = False, True
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.round(x)

    def exact(self, x: Fraction) -> Fraction:
        return Fraction(round(x))


class ErfOp(Function, name="erf"):
    """`erf(x)`; inside of GELU, prepare names the whole."""

    bounded, piecewise_linear = True, False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.erf(x)

    def exact(self, x: Fraction) -> Fraction:
        return 2 * rational.normal_distribution(x / SQRT_HALF) - 1

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -2.1, 2.1  # within 1/256 of -1 and 1


class ExpOp(Function, name="exp"):
    """`exp(x)`; inside of a softmax, prepare names the whole."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.exp(x)

    def exact(self, x: Fraction) -> Fraction:
        return rational.exp(x)


class LogOp(Function, name="log"):
    """`log(x)`, the natural one; of what is not positive, that of the smallest number that is."""

    piecewise_linear, singular = False, True
    wide_operands = (0,)  # near 0 it is steep

    def defined(self, x: Fraction) -> bool:
        return x > 0

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.log(xp.clip(x, SMALLEST, None))

    def exact(self, x: Fraction) -> Fraction:
        return rational.log(x)


class SqrtOp(Function, name="sqrt"):
    """`sqrt(x)`, 0 of what is negative; inside of a norm, prepare names the whole."""

    piecewise_linear = False
    wide_operands = (0,)  # near 0 it is steep

    def defined(self, x: Fraction) -> bool:
        return x >= 0

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.sqrt(xp.clip(x, SMALLEST, None))  # with a gradient at 0

    def exact(self, x: Fraction) -> Fraction:
        return rational.sqrt(x)


class ReciprocalOp(Function, name="reciprocal"):
    """`1 / x`, of 0 that of the smallest positive number; inside of a norm or a softmax, prepare names the whole."""

    piecewise_linear, singular = False, True

    def defined(self, x: Fraction) -> bool:
        return x != 0

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return 1 / xp.where(x < 0, xp.clip(x, None, -SMALLEST), xp.clip(x, SMALLEST, None))

    def exact(self, x: Fraction) -> Fraction:
        return 1 / x


class PowerOp(Function, name="power"):
    """`x ** exponent`; where that has no value, as of the nearest x that has one."""

    exponent: ir.FloatAttr

    piecewise_linear = False

    @property
    def singular(self) -> bool:
        return self.exponent.value < 0

    def defined(self, x: Fraction) -> bool:
        n = self.exponent.value
        return x > 0 or (n > 0 and x == 0) or (n == int(n) and x != 0)

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        n = self.exponent.value
        if n == int(n):
            away = xp.where(x < 0, xp.clip(x, None, -SMALLEST), xp.clip(x, SMALLEST, None))
            return (away if n < 0 else x) ** int(n)
        return xp.clip(x, SMALLEST, None) ** n

    def exact(self, x: Fraction) -> Fraction:
        return rational.power(x, Fraction(self.exponent.value))
