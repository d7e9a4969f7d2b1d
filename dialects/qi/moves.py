"""Ops that compute nothing: the same integers in other places."""
# pyright: reportInvalidTypeForm=false

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import I64s, given, ints
from dyadic.dialects.integer_verifiers import verify_move
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, quantized_bounds, shape
from dyadic.dialects.verifiers import fail, verify_slice

__all__ = ["ConcatOp", "PadOp", "Rearrangement", "ReshapeOp", "SliceOp", "TransposeOp"]

Array = npt.NDArray[Any]


class Rearrangement(Operator):
    """The integers of its inputs in other places, and no others: its `evaluate` moves any numbers."""

    arithmetic = Arithmetic.MOVE


class ConcatOp(Rearrangement, name="concat"):
    """`a`, then `b`, both of the result's element type, along `axis` (never 0); more inputs are a chain."""

    a: Operand[Any]
    b: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    made_from = (qd.ConcatOp,)
    order = Order.ANY
    dimension = "axis"

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        element = ir.RankedTensorType(self.out.type).element_type
        if any(ir.RankedTensorType(v.type).element_type != element for v in (self.a, self.b)):
            return fail(self, "inputs must have the result's scale and zero point; requantize them in their producers")
        axis, out = self.axis.value, shape(self.out)
        if not 0 < axis < len(out) or shape(self.a)[axis] + shape(self.b)[axis] != out[axis]:
            return fail(self, f"inputs {shape(self.a)} and {shape(self.b)} do not make {out} along axis {axis}")
        return True

    def evaluate(self, *inputs: Array) -> Array:
        batch = max(len(x) for x in inputs)  # a constant has one image
        return np.concatenate([np.broadcast_to(x, (batch, *x.shape[1:])) for x in inputs], self.axis.value)


class PadOp(Operator, name="pad"):
    """`value` (already in the type's steps) in `low[d]` places before and `high[d]` after; negative entries crop."""

    x: Operand[Any]
    low: I64s
    high: I64s
    value: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.MOVE
    made_from = (qd.PadOp,)
    order = Order.ANY
    per_dimension = ("low", "high")

    def verify_invariants(self) -> bool:
        if not given(self, "low", "high", "value"):
            return True
        if activation(self.x) is None:
            return fail(self, f"must read a quantized activation, not {self.x.type}")
        lowest, highest = quantized_bounds(self.x)
        if not lowest <= self.value.value <= highest:
            return fail(self, f"value {self.value.value} leaves [{lowest}, {highest}]")
        sides = zip(ints(self.low), shape(self.x), ints(self.high), strict=True)
        return verify_move(self, [low + n + high for low, n, high in sides])

    def evaluate(self, x: Array) -> Array:
        low, high = ints(self.low), ints(self.high)
        crop = tuple(slice(max(0, -lo), n - max(0, -hi)) for lo, n, hi in zip(low, x.shape, high, strict=True))
        grow = [(max(0, lo), max(0, hi)) for lo, hi in zip(low, high, strict=True)]
        return np.pad(x[crop], grow, constant_values=self.value.value)


class ReshapeOp(Rearrangement, name="reshape"):
    """The same bytes in the same (row-major) order under the result's shape; dimension 0 stays the batch."""

    x: Operand[Any]
    out: Result[Any]

    made_from = (qd.ReshapeOp,)
    found_by_name = False  # an image may be flattened in another order, the weights behind it permuted instead
    order = Order.OWN

    def verify_invariants(self) -> bool:
        x, out = shape(self.x), shape(self.out)
        if math.prod(x) != math.prod(out) or x[0] != out[0]:
            return fail(self, f"{x} and {out} do not hold the same numbers with the batch in place")
        return verify_move(self, None)

    def evaluate(self, x: Array) -> Array:
        return x.reshape(len(x), *shape(self.out)[1:])


class TransposeOp(Rearrangement, name="transpose"):
    """Dimension `d` of the result is dimension `permutation[d]` of x; dimension 0 stays in place."""

    x: Operand[Any]
    permutation: I64s
    out: Result[Any]

    made_from = (qd.TransposeOp,)
    found_by_name = False  # one that moves no bytes is gone
    order = Order.OWN

    def verify_invariants(self) -> bool:
        if not given(self, "permutation"):
            return True
        x, order = shape(self.x), ints(self.permutation)
        if sorted(order) != list(range(len(x))) or order[0] != 0:
            return fail(self, f"{order} does not permute the dimensions of {x} with the batch in place")
        return verify_move(self, [x[d] for d in order])

    def evaluate(self, x: Array) -> Array:
        return np.ascontiguousarray(x.transpose(ints(self.permutation)))


class SliceOp(Rearrangement, name="slice"):
    """Elements `starts[d], starts[d] + steps[d], ...` of each dimension, as many as the result has."""

    x: Operand[Any]
    starts: I64s
    steps: I64s
    out: Result[Any]

    made_from = (qd.SliceOp,)
    order = Order.ANY
    per_dimension = ("starts", "steps")

    def verify_invariants(self) -> bool:
        return verify_slice(self) and verify_move(self, None)

    def evaluate(self, x: Array) -> Array:
        bounds = zip(ints(self.starts), ints(self.steps), shape(self.out), strict=True)
        places = [slice(start, start + (n - 1) * step + 1, step) for start, step, n in bounds]
        return x[(slice(None), *places[1:])]
