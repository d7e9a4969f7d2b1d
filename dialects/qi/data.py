"""Integers known at compile time, and the boundary between them and float32."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import Dense, given
from dyadic.dialects.integer_verifiers import verify_weights
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, known_activation, quantized_bounds, shape, storage
from dyadic.dialects.verifiers import fail
from dyadic.runtime import fixedpoint

__all__ = ["ConstantOp", "DequantizeOp", "QuantizeOp"]

Array = npt.NDArray[Any]


class ConstantOp(Operator, name="constant"):
    """Integers known at compile time: weights (i8), biases (i32), or an activation that never changes.

    Such an activation has leading dimension 1 and is the same in every image of a batch. Weights in groups are whole
    here, and their groups beside them (`dialects/weight_groups.py`).
    """

    value: Dense
    out: Result[Any]

    arithmetic = Arithmetic.DATA
    order = Order.MODEL

    def verify_invariants(self) -> bool:
        return not given(self, "value") or verify_weights(self)

    def evaluate(self) -> Array:
        value = np.array(self.value)
        return value.view(storage(self.out)) if activation(self.out) is not None else value


class QuantizeOp(Operator, name="quantize"):
    """The input boundary (docs/arithmetic.md): float32 to integers, of the same shape. Done by the runtime."""

    x: Operand[Any]
    out: Result[Any]

    arithmetic = Arithmetic.BOUNDARY
    order = Order.MODEL

    def verify_invariants(self) -> bool:
        if activation(self.out) is None or shape(self.x) != shape(self.out):
            return fail(self, f"must make a quantized activation of its input's shape, not {self.out.type}")
        return True

    def evaluate(self, x: Array) -> Array:
        kind = known_activation(self.out)
        return fixedpoint.quantize(x, kind.scale, kind.zero_point, *quantized_bounds(self.out))


class DequantizeOp(Operator, name="dequantize"):
    """The output boundary (docs/arithmetic.md): integers to float32, of the same shape. Done by the runtime."""

    x: Operand[Any]
    out: Result[Any]

    arithmetic = Arithmetic.BOUNDARY
    order = Order.MODEL

    def verify_invariants(self) -> bool:
        if activation(self.x) is None or shape(self.x) != shape(self.out):
            return fail(self, f"must read a quantized activation of its result's shape, not {self.x.type}")
        return True

    def evaluate(self, x: Array) -> Array:
        kind = known_activation(self.x)
        return fixedpoint.dequantize(x, kind.scale, kind.zero_point)
