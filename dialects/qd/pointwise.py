"""Arithmetic of two tensors, element by element, with broadcasting."""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir.dialects.ext import Operand, Pure, Result

from dyadic.dialects.laws import fail, shape
from dyadic.dialects.qd.dialect import QD


class AddOp(QD.Operation, name="add", traits=[Pure]):
    """`a + b`, with broadcasting."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return broadcast_law(self)


class SubOp(QD.Operation, name="sub", traits=[Pure]):
    """`a - b`, with broadcasting."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return broadcast_law(self)


class MulOp(QD.Operation, name="mul", traits=[Pure]):
    """`a * b`, with broadcasting (squeeze-and-excite multiplies [1,C,H,W] by [1,C,1,1])."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return broadcast_law(self)


def broadcast_law(op: Any) -> bool:
    """The result's shape is what broadcasting makes of the operands'."""
    a, b, out = shape(op.a), shape(op.b), shape(op.out)
    rank = max(len(a), len(b))
    pairs = list(zip([1] * (rank - len(a)) + a, [1] * (rank - len(b)) + b, strict=True))
    if any(m != n and 1 not in (m, n) for m, n in pairs) or [max(pair) for pair in pairs] != out:
        return fail(op, f"{a} and {b} do not broadcast to {out}")
    return True
