"""Moves that read some numbers more than once: repetition, and entries of one dimension in any constant order."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType

from torch_mlir import ir

from dyadic.dialects.facts import TokensMeet
from dyadic.dialects.fields import I64s, given, ints
from dyadic.dialects.qd.dialect import Values
from dyadic.dialects.qd.moves import Move
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail, verify_take

__all__ = ["RepeatOp", "TakeOp"]


class RepeatOp(Move, name="repeat"):
    """Every number `times[d]` times in a row along each dimension: `out[i, j] = x[i // times[0], j // times[1]]`.

    Enlarging an image to the nearest pixel, and broadcasting.
    """

    times: I64s

    folds = True

    def verify_invariants(self) -> bool:
        if not given(self, "times"):
            return True
        x, times, out = shape(self.x), ints(self.times), shape(self.out)
        fits = len(times) == len(x) and times[:1] == [1] and min(times) > 0
        if not fits or [n * t for n, t in zip(x, times, strict=True)] != out:
            return fail(self, f"{x} repeated {times} times does not make {out} with the batch as it is")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        (axis,) = axes
        if axis is not None and ints(self.times)[axis] != 1:
            raise TokensMeet
        return axis

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        for axis, times in enumerate(ints(self.times)):
            if times != 1:
                x = x[(slice(None),) * axis + ([i // times for i in range(x.shape[axis] * times)],)]
        return x


class TakeOp(Move, name="take"):
    """`out[..., i, ...] = x[..., places[i], ...]` along `axis` (never 0): any entries, in any order, any number of
    times."""

    axis: ir.IntegerAttr
    places: I64s

    folds = True

    def verify_invariants(self) -> bool:
        return verify_take(self)

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        (axis,) = axes
        if axis is not None and self.axis.value == axis:
            raise TokensMeet
        return axis

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return x[(slice(None),) * self.axis.value + (ints(self.places),)]
