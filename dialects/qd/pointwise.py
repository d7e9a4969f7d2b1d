"""Arithmetic of two tensors, element by element, with broadcasting."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.facts import Range, TokensMeet
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import is_constant, shape
from dyadic.dialects.verifiers import fail

__all__ = ["AddOp", "Binary", "DivOp", "GreaterOp", "MaxOp", "MinOp", "MulOp", "Pairwise", "SubOp"]


SMALLEST = 2.0**-126  # the smallest normal float32


class Pairwise(Operator):
    """Of each pair of numbers alone; the shape is what broadcasting makes of the operands'."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    folds = True

    def verify_invariants(self) -> bool:
        a, b, out = shape(self.a), shape(self.b), shape(self.out)
        rank = max(len(a), len(b))
        pairs = list(zip([1] * (rank - len(a)) + a, [1] * (rank - len(b)) + b, strict=True))
        if any(m != n and 1 not in (m, n) for m, n in pairs) or [max(pair) for pair in pairs] != out:
            return fail(self, f"{a} and {b} do not broadcast to {out}")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        """A constant may have something for each token; what is computed of no token is the same for all."""
        found: set[int] = set()
        rank = len(shape(self.out))
        for value, axis in zip((self.a, self.b), axes, strict=True):
            if axis is not None:
                found.add(axis + rank - len(shape(value)))
        if len(found) > 1:
            raise TokensMeet
        for axis in found:
            for value, own in zip((self.a, self.b), axes, strict=True):
                place = axis - rank + len(shape(value))
                if own is None and not is_constant(value) and place >= 0 and shape(value)[place] != 1:
                    raise TokensMeet
        return found.pop() if found else None


class Binary(Pairwise):
    """Arithmetic."""


class AddOp(Binary, name="add"):
    """`a + b`, with broadcasting."""

    adds = True

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return a + b


class SubOp(Binary, name="sub"):
    """`a - b`, with broadcasting."""

    adds = True

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return a - b


class MulOp(Binary, name="mul"):
    """`a * b`, with broadcasting (squeeze-and-excite multiplies [1,C,H,W] by [1,C,1,1])."""

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return a * b


class DivOp(Binary, name="div"):
    """`a / b`, with broadcasting; of 0 that of the smallest positive number, as of `qd.reciprocal`."""

    piecewise_linear = False
    wide_operands = (1,)  # near 0 it is steep

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return a / xp.where(abs(b) < SMALLEST, xp.full_like(b, SMALLEST), b)


class MaxOp(Pairwise, name="max"):
    """The larger of `a` and `b`, with broadcasting."""

    result_range = Range.JOINED
    takes_clamp = False

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return xp.maximum(a, b)


class MinOp(Pairwise, name="min"):
    """The smaller of `a` and `b`, with broadcasting."""

    result_range = Range.JOINED
    takes_clamp = False

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return xp.minimum(a, b)


class GreaterOp(Pairwise, name="greater"):
    """1 where `a > b`, else 0, with broadcasting."""

    folds, takes_clamp = False, False
    bounded, whole = True, True

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return (a > b).to(a.dtype)
