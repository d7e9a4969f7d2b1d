"""Integers known at compile time, and the boundary between them and float32."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import Dense, given
from dyadic.dialects.integer_verifiers import verify_weights
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, known_activation, quantized_bounds, shape, storage
from dyadic.dialects.verifiers import fail
from dyadic.runtime import fixedpoint

__all__ = ["ConstantOp", "DequantizeOp", "InputOp", "JoinOp", "QuantizeOp"]

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


class InputOp(Operator):
    """The input boundary: the user's numbers to the network's integers. Done by the runtime."""

    x: Operand[Any]
    out: Result[Any]

    arithmetic = Arithmetic.BOUNDARY


class QuantizeOp(InputOp, name="quantize"):
    """The input boundary (docs/arithmetic.md): float32 to integers, of the same shape. Done by the runtime.

    Of i32, which are then 0 or 1: what says which tokens are valid, with a scale of 1.
    """

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
    is_result = True
    order = Order.MODEL

    def verify_invariants(self) -> bool:
        if activation(self.x) is None or shape(self.x) != shape(self.out):
            return fail(self, f"must read a quantized activation of its result's shape, not {self.x.type}")
        return True

    def evaluate(self, x: Array) -> Array:
        kind = known_activation(self.x)
        return fixedpoint.dequantize(x, kind.scale, kind.zero_point)


class JoinOp(Operator, name="join"):
    """`a`, then `b`, along `axis` of a result of the network: float32 behind `qi.dequantize` or another `qi.join`.

    The output boundary as well: parts of one result have scales of their own, and the runtime writes each to its place.
    """

    a: Operand[Any]
    b: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.BOUNDARY
    is_result = True
    order = Order.MODEL

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        every = (self.a, self.b, self.out)
        if any(not isinstance(ir.RankedTensorType(value.type).element_type, ir.F32Type) for value in every):
            return fail(self, f"must join float32, not {self.a.type} and {self.b.type}")
        axis, out = self.axis.value, shape(self.out)
        a, b = shape(self.a), shape(self.b)
        others = [[*part[:axis], *part[axis + 1 :]] for part in (a, b, out)]
        if not 0 < axis < len(out) or others != others[-1:] * 3 or a[axis] + b[axis] != out[axis]:
            return fail(self, f"inputs {a} and {b} do not make {out} along axis {axis}")
        return True

    def evaluate(self, a: Array, b: Array) -> Array:
        return np.concatenate([a, b], self.axis.value)
