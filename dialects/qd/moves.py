"""Ops that compute nothing: the same numbers in other places."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from math import prod
from types import ModuleType
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.facts import Range, TokensMeet
from dyadic.dialects.fields import I64s, given, ints
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail, verify_slice

__all__ = ["ConcatOp", "Move", "PadOp", "ReshapeOp", "SliceOp", "TransposeOp"]


class Move(Operator):
    """Its result holds the numbers of its one input, and perhaps one more (`inserted`)."""

    x: Operand[Any]
    out: Result[Any]

    result_range = Range.INPUT
    takes_clamp = False


class ConcatOp(Operator, name="concat"):
    """`a`, then `b`, along `axis` (never 0); more inputs are a chain. IRDL would give a variadic operand one type."""

    a: Operand[Any]
    b: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    result_range = Range.JOINED
    takes_clamp = False
    folds = True

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        axis, out = self.axis.value, shape(self.out)
        if not 0 < axis < len(out) or shape(self.a)[axis] + shape(self.b)[axis] != out[axis]:
            return fail(self, f"inputs {shape(self.a)} and {shape(self.b)} do not make {out} along axis {axis}")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        if axes[0] != axes[1] or axes[0] == self.axis.value:
            return super().token_axis(axes)
        return axes[0]

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        batch = max(len(a), len(b))  # a constant has one image; it is the same in every image of the batch
        inputs = [x if len(x) == batch else xp.broadcast_to(x, (batch, *x.shape[1:])) for x in (a, b)]
        return xp.concatenate(inputs, self.axis.value)


class PadOp(Move, name="pad"):
    """`value` in `low[d]` places before and `high[d]` after the input in each dimension; negative entries crop."""

    low: I64s
    high: I64s
    value: ir.FloatAttr

    @property
    def inserted(self) -> float:
        return self.value.value

    def verify_invariants(self) -> bool:
        if not given(self, "low", "high", "value"):
            return True
        x, out = shape(self.x), shape(self.out)
        expected = [lo + n + hi for lo, n, hi in zip(ints(self.low), x, ints(self.high), strict=False)]
        return expected == out or fail(
            self, f"{x} padded by {ints(self.low)} and {ints(self.high)} is {expected}, not {out}"
        )

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        (axis,) = axes
        if axis is not None and (ints(self.low)[axis] or ints(self.high)[axis]):
            raise TokensMeet
        return axis

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        sides = zip(reversed(ints(self.low)), reversed(ints(self.high)), strict=True)  # from the last dimension on
        return xp.nn.functional.pad(x, [n for pair in sides for n in pair], value=self.value.value)


class ReshapeOp(Move, name="reshape"):
    """The same numbers in the same (row-major) order under the result's shape; dimension 0 stays the batch."""

    folds = True

    def verify_invariants(self) -> bool:
        x, out = shape(self.x), shape(self.out)
        if not x or not out or x[0] != out[0]:
            return fail(self, f"{x} --> {out} mixes the batch into other dimensions")
        product = [1, 1]
        for n in x:
            product[0] *= n
        for n in out:
            product[1] *= n
        return product[0] == product[1] or fail(self, f"{x} and {out} do not hold the same number of elements")

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        (axis,) = axes
        if axis is None:
            return None
        x, out = shape(self.x), shape(self.out)
        for place, size in enumerate(out):
            if size == x[axis] and prod(out[:place]) == prod(x[:axis]):
                return place
        raise TokensMeet

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return x.reshape(len(x) if x.ndim else 1, *shape(self.out)[1:])


class TransposeOp(Move, name="transpose"):
    """Dimension `d` of the result is dimension `permutation[d]` of x; dimension 0 stays in place."""

    permutation: I64s

    folds = True

    def verify_invariants(self) -> bool:
        if not given(self, "permutation"):
            return True
        x, out, order = shape(self.x), shape(self.out), ints(self.permutation)
        if sorted(order) != list(range(len(x))) or order[0] != 0 or [x[d] for d in order] != out:
            return fail(self, f"permutation {order} does not take {x} to {out} with the batch in place")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        return None if axes[0] is None else ints(self.permutation).index(axes[0])

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        order = ints(self.permutation)
        return xp.moveaxis(x, order, list(range(len(order))))


class SliceOp(Move, name="slice"):
    """Elements `starts[d], starts[d] + steps[d], ...` of each dimension, as many as the result has."""

    starts: I64s
    steps: I64s

    folds = True

    def verify_invariants(self) -> bool:
        return verify_slice(self)

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        """The first token alone is one that is always there."""
        (axis,) = axes
        if axis is None or shape(self.out)[axis] == shape(self.x)[axis]:
            return axis
        if shape(self.out)[axis] == 1 and ints(self.starts)[axis] == 0:
            return None
        raise TokensMeet

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        bounds = zip(ints(self.starts), ints(self.steps), shape(self.out), strict=True)
        places = [slice(start, start + (n - 1) * step + 1, step) for start, step, n in bounds]
        if shape(self.x)[0] == shape(self.out)[0]:
            places[0] = slice(None)  # the batch, whatever it is
        return x[tuple(places)]
