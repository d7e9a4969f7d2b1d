"""Trigonometric and hyperbolic functions of each number, and their inverses.

Where an inverse has no value, it takes that of the nearest number which has one.
"""
# pyright: reportInvalidTypeForm=false

from fractions import Fraction
from types import ModuleType

from dyadic.dialects import rational
from dyadic.dialects.qd.dialect import Values
from dyadic.dialects.qd.functions import Function

__all__ = [
    "AcosOp",
    "AcoshOp",
    "AsinOp",
    "AsinhOp",
    "AtanOp",
    "AtanhOp",
    "CosOp",
    "CoshOp",
    "SinOp",
    "TanOp",
]

BELOW_1 = 1 - 2.0**-24


class SinOp(Function, name="sin"):
    """`sin(x)`."""

    bounded, piecewise_linear = True, False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.sin(x)

    def exact(self, x: Fraction) -> Fraction:
        return rational.sin(x)


class CosOp(Function, name="cos"):
    """`cos(x)`."""

    bounded, piecewise_linear = True, False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.cos(x)

    def exact(self, x: Fraction) -> Fraction:
        return rational.cos(x)


class TanOp(Function, name="tan"):
    """`tan(x)`."""

    piecewise_linear = False
    widest_input = 8  # it jumps

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.tan(x)

    def exact(self, x: Fraction) -> Fraction:
        return rational.sin(x) / rational.cos(x)


class AsinOp(Function, name="asin"):
    """The angle in [-pi/2, pi/2] whose sine is x."""

    bounded, piecewise_linear = True, False

    def defined(self, x: Fraction) -> bool:
        return abs(x) <= 1

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.asin(xp.clip(x, -1, 1))

    def exact(self, x: Fraction) -> Fraction:
        return rational.asin(x)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -1.0, 1.0


class AcosOp(Function, name="acos"):
    """The angle in [0, pi] whose cosine is x."""

    bounded, piecewise_linear = True, False

    def defined(self, x: Fraction) -> bool:
        return abs(x) <= 1

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.acos(xp.clip(x, -1, 1))

    def exact(self, x: Fraction) -> Fraction:
        return Fraction(rational.PI) / 2 - rational.asin(x)

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -1.0, 1.0


class AtanOp(Function, name="atan"):
    """The angle in (-pi/2, pi/2) whose tangent is x."""

    bounded, piecewise_linear = True, False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.atan(x)

    def exact(self, x: Fraction) -> Fraction:
        return rational.atan(x)


class CoshOp(Function, name="cosh"):
    """`(exp(x) + exp(-x)) / 2`."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.cosh(x)

    def exact(self, x: Fraction) -> Fraction:
        return (rational.exp(x) + rational.exp(-x)) / 2


class AsinhOp(Function, name="asinh"):
    """`log(x + sqrt(x^2 + 1))`."""

    piecewise_linear = False

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.asinh(x)

    def exact(self, x: Fraction) -> Fraction:
        size = rational.log(abs(x) + rational.sqrt(x * x + 1))
        return size if x >= 0 else -size


class AcoshOp(Function, name="acosh"):
    """`log(x + sqrt(x^2 - 1))`, 0 below 1."""

    piecewise_linear = False

    def defined(self, x: Fraction) -> bool:
        return x >= 1

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.acosh(xp.clip(x, 1, None))

    def exact(self, x: Fraction) -> Fraction:
        return rational.log(x + rational.sqrt(x * x - 1))


class AtanhOp(Function, name="atanh"):
    """`log((1 + x) / (1 - x)) / 2`; from 1 on that of the largest float32 below it."""

    bounded = False
    piecewise_linear, singular = False, True

    def defined(self, x: Fraction) -> bool:
        return abs(x) < 1

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.atanh(xp.clip(x, -BELOW_1, BELOW_1))

    def exact(self, x: Fraction) -> Fraction:
        return rational.log((1 + x) / (1 - x)) / 2

    @property
    def useful_inputs(self) -> tuple[float, float]:
        return -BELOW_1, BELOW_1
