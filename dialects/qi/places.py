"""Moves that read some integers more than once."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order
from dyadic.dialects.fields import I64s, given, ints
from dyadic.dialects.integer_verifiers import verify_move
from dyadic.dialects.qi.moves import Rearrangement
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail, verify_take

__all__ = ["RepeatOp", "TakeOp"]

Array = npt.NDArray[Any]


class RepeatOp(Rearrangement, name="repeat"):
    """Every integer `times[d]` times in a row along each dimension."""

    x: Operand[Any]
    times: I64s
    out: Result[Any]

    made_from = (qd.RepeatOp,)
    order = Order.ANY
    per_dimension = ("times",)

    def verify_invariants(self) -> bool:
        if not given(self, "times"):
            return True
        x, times = shape(self.x), ints(self.times)
        if len(times) != len(x) or times[0] != 1 or min(times) < 1:
            return fail(self, f"needs how often each dimension of {x} is repeated, the batch once, got {times}")
        return verify_move(self, [n * t for n, t in zip(x, times, strict=True)])

    def evaluate(self, x: Array) -> Array:
        for axis, times in enumerate(ints(self.times)):
            x = np.repeat(x, times, axis)
        return x


class TakeOp(Rearrangement, name="take"):
    """`out[..., i, ...] = x[..., places[i], ...]` along `axis` (never 0)."""

    x: Operand[Any]
    axis: ir.IntegerAttr
    places: I64s
    out: Result[Any]

    made_from = (qd.TakeOp,)
    order = Order.ANY
    dimension = "axis"

    def verify_invariants(self) -> bool:
        return verify_take(self) and verify_move(self, None)

    def evaluate(self, x: Array) -> Array:
        return np.ascontiguousarray(np.take(x, ints(self.places), self.axis.value))
