"""Functions of each number alone: any of them may become a table."""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Pure, Result

from dyadic.dialects.laws import fail, given, shape
from dyadic.dialects.qd.dialect import QD


class ClampOp(QD.Operation, name="clamp", traits=[Pure]):
    """`min(max(x, low), high)`: Relu is [0, inf], Relu6 is [0, 6]."""

    x: Operand[Any]
    low: ir.FloatAttr
    high: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if given(self, "low", "high") and not self.low.value <= self.high.value:
            return fail(self, f"low {self.low.value} must not exceed high {self.high.value}")
        return same_shape_law(self)


class SigmoidOp(QD.Operation, name="sigmoid", traits=[Pure]):
    """`1 / (1 + exp(-x))`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class TanhOp(QD.Operation, name="tanh", traits=[Pure]):
    """`tanh(x)`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class SiluOp(QD.Operation, name="silu", traits=[Pure]):
    """`x * sigmoid(x)`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class HardSigmoidOp(QD.Operation, name="hard_sigmoid", traits=[Pure]):
    """`min(max(alpha * x + beta, 0), 1)`."""

    x: Operand[Any]
    alpha: ir.FloatAttr
    beta: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class HardSwishOp(QD.Operation, name="hard_swish", traits=[Pure]):
    """`x * min(max(x + 3, 0), 6) / 6`."""

    x: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


class LeakyReluOp(QD.Operation, name="leaky_relu", traits=[Pure]):
    """`x` where positive, `alpha * x` elsewhere."""

    x: Operand[Any]
    alpha: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return same_shape_law(self)


def same_shape_law(op: Any) -> bool:
    """A function of each number alone keeps the shape."""
    return shape(op.x) == shape(op.out) or fail(op, f"makes {shape(op.out)} of {shape(op.x)}")
