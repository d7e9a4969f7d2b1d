"""Ops that compute nothing: the same numbers in other places."""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Pure, Result

from dyadic.dialects.laws import I64s, fail, given, ints, shape, slice_law
from dyadic.dialects.qd.dialect import QD


class ConcatOp(QD.Operation, name="concat", traits=[Pure]):
    """`a`, then `b`, along `axis` (never 0); more inputs are a chain. IRDL would give a variadic operand one type."""

    a: Operand[Any]
    b: Operand[Any]
    axis: ir.IntegerAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        axis, out = self.axis.value, shape(self.out)
        if not 0 < axis < len(out) or shape(self.a)[axis] + shape(self.b)[axis] != out[axis]:
            return fail(self, f"inputs {shape(self.a)} and {shape(self.b)} do not make {out} along axis {axis}")
        return True


class PadOp(QD.Operation, name="pad", traits=[Pure]):
    """`value` in `low[d]` places before and `high[d]` after the input in each dimension; negative entries crop."""

    x: Operand[Any]
    low: I64s
    high: I64s
    value: ir.FloatAttr
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "low", "high", "value"):
            return True
        x, out = shape(self.x), shape(self.out)
        expected = [lo + n + hi for lo, n, hi in zip(ints(self.low), x, ints(self.high), strict=False)]
        return expected == out or fail(
            self, f"{x} padded by {ints(self.low)} and {ints(self.high)} is {expected}, not {out}"
        )


class ReshapeOp(QD.Operation, name="reshape", traits=[Pure]):
    """The same numbers in the same (row-major) order under the result's shape; dimension 0 stays the batch."""

    x: Operand[Any]
    out: Result[Any]

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


class TransposeOp(QD.Operation, name="transpose", traits=[Pure]):
    """Dimension `d` of the result is dimension `permutation[d]` of x; dimension 0 stays in place."""

    x: Operand[Any]
    permutation: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "permutation"):
            return True
        x, out, order = shape(self.x), shape(self.out), ints(self.permutation)
        if sorted(order) != list(range(len(x))) or order[0] != 0 or [x[d] for d in order] != out:
            return fail(self, f"permutation {order} does not take {x} to {out} with the batch in place")
        return True


class SliceOp(QD.Operation, name="slice", traits=[Pure]):
    """Elements `starts[d], starts[d] + steps[d], ...` of each dimension, as many as the result has."""

    x: Operand[Any]
    starts: I64s
    steps: I64s
    out: Result[Any]

    def verify_invariants(self) -> bool:
        return slice_law(self)
