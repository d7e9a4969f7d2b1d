"""Arithmetic element by element."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import piecewise_linear, qd, quotients
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import Dense, given
from dyadic.dialects.integer_verifiers import verify_broadcast, verify_clamp, verify_requantization
from dyadic.dialects.qi.arithmetic import narrow
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, is_wide, shape, storage, zero_point
from dyadic.dialects.verifiers import fail
from dyadic.runtime import fixedpoint

__all__ = ["AddOp", "DivOp", "Extreme", "MaxOp", "MinOp", "MulOp", "PiecewiseLinearOp", "RequantOp", "TableOp"]

Array = npt.NDArray[Any]


class AddOp(Operator, name="add"):
    """`clamp((((a-za)*ma + (b-zb)*mb + 2^(s-1)) >> s) + zp, low, high)`: one rounding.

    |m| < 2^15, so the sum fits int32; where an operand or the result has 16 bits, |m| < 2^31 and the sum is int64.
    A subtraction has a negative mb (ma where the operands were exchanged). Operands of size 1 where the result has more
    are broadcast; all have one rank. A comparison is a subtraction whose multipliers are even: with a shift of 2 and
    clamped to [0, 1] it is 1 exactly where it is positive.
    """

    a: Operand[Any]
    b: Operand[Any]
    multiplier_a: ir.IntegerAttr
    multiplier_b: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.AddOp, qd.SubOp, qd.GreaterOp)
    order = Order.ANY

    def verify_invariants(self) -> bool:
        if not (verify_broadcast(self) and verify_clamp(self)):
            return False
        if given(self, "multiplier_a", "multiplier_b", "shift"):
            ma, mb, shift = self.multiplier_a.value, self.multiplier_b.value, self.shift.value
            wide = any(is_wide(value) for value in (self.a, self.b, self.out))
            bits, most, sum_ = (31, fixedpoint.SHIFT_MAX, "int64") if wide else (15, fixedpoint.ADD_SHIFT_MAX, "int32")
            if max(abs(ma), abs(mb)) >= 1 << bits:
                return fail(self, f"multipliers {ma}, {mb} must be below 2^{bits} in size")
            if not fixedpoint.SHIFT_MIN <= shift <= most:
                return fail(self, f"shift {shift} must lie in [2, {most}]: the sum is {sum_}")
        return True

    def evaluate(self, a: Array, b: Array) -> Array:
        total = (a.astype(np.int64) - zero_point(self.a)) * self.multiplier_a.value
        total = total + (b.astype(np.int64) - zero_point(self.b)) * self.multiplier_b.value
        q = fixedpoint.round_shift(total, self.shift.value) + zero_point(self.out)
        return np.clip(q, self.low.value, self.high.value).astype(storage(self.out))


class MulOp(Operator, name="mul"):
    """`requant((a-za) * (b-zb), m, s)`; operands are broadcast as those of `qi.add` are."""

    a: Operand[Any]
    b: Operand[Any]
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.MulOp,)
    order = Order.ANY

    def verify_invariants(self) -> bool:
        return verify_broadcast(self) and verify_requantization(self)

    def evaluate(self, a: Array, b: Array) -> Array:
        product = (a.astype(np.int64) - zero_point(self.a)) * (b.astype(np.int64) - zero_point(self.b))
        return narrow(self, product)


class DivOp(Operator, name="div"):
    """`clamp((((a-za) * M(b) + 2^(s-1)) >> s) + zp, low, high)`; M is near `ratio * 2^s / b` (`dialects/quotients.py`).

    b has 16 bits. A quotient is rounded once; M is off by 2^-16 of itself at most.
    """

    a: Operand[Any]
    b: Operand[Any]
    table: Dense
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.DivOp,)
    order = Order.ANY

    def verify_invariants(self) -> bool:
        if not (verify_broadcast(self) and verify_clamp(self)):
            return False
        if not is_wide(self.b):
            return fail(self, f"must divide by an activation of 16 bits, not {self.b.type}")
        if given(self, "shift") and not quotients.SHIFT_MIN <= self.shift.value <= quotients.SHIFT_MAX:
            return fail(self, f"shift {self.shift.value} must lie in [{quotients.SHIFT_MIN}, {quotients.SHIFT_MAX}]")
        if not given(self, "table"):
            return True
        if list(self.table.type.shape) != quotients.SIZES or ir.IntegerType(self.table.type.element_type).width != 32:
            return fail(self, f"table of {self.table.type} must be tensor<2304x2xi32>")
        return quotients.fits(np.array(self.table)) or fail(self, "a multiplier or what is added to it leaves 31 bits")

    def evaluate(self, a: Array, b: Array) -> Array:
        by = quotients.multipliers(np.array(self.table), b)
        y = fixedpoint.round_shift((a.astype(np.int64) - zero_point(self.a)) * by, self.shift.value)
        return np.clip(y + zero_point(self.out), self.low.value, self.high.value).astype(storage(self.out))


class Extreme(Operator):
    """One of two integers of the result's type; operands are broadcast as those of `qi.add` are."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    order = Order.ANY

    def verify_invariants(self) -> bool:
        element = ir.RankedTensorType(self.out.type).element_type
        if any(ir.RankedTensorType(v.type).element_type != element for v in (self.a, self.b)):
            return fail(self, "inputs must have the result's scale and zero point; requantize them in their producers")
        return verify_broadcast(self)


class MaxOp(Extreme, name="max"):
    """The larger of `a` and `b`."""

    made_from = (qd.MaxOp,)

    def evaluate(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)


class MinOp(Extreme, name="min"):
    """The smaller of `a` and `b`."""

    made_from = (qd.MinOp,)

    def evaluate(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b)


class RequantOp(Operator, name="requant"):
    """`requant(x - zx, m, s)`: another scale, or a clamp that no producer could take."""

    x: Operand[Any]
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.ClampOp,)
    order = Order.ANY

    def verify_invariants(self) -> bool:
        if activation(self.x) is None or shape(self.x) != shape(self.out):
            return fail(self, f"must make an activation of its input's shape, not {self.x.type} --> {self.out.type}")
        return verify_requantization(self)

    def evaluate(self, x: Array) -> Array:
        return narrow(self, x.astype(np.int64) - zero_point(self.x))


class TableOp(Operator, name="table"):
    """`table[x]`, 256 entries: any function of a number of at most 8 bits, exact to the rounding of the result.

    An entry has the result's storage, i8 for u8 and i16.
    """

    x: Operand[Any]
    table: Dense
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.Function,)
    order = Order.ANY

    def verify_invariants(self) -> bool:
        if given(self, "table") and list(self.table.type.shape) != [256]:
            return fail(self, f"table has shape {list(self.table.type.shape)}, needs 256 entries")
        if activation(self.x) is None or activation(self.out) is None or is_wide(self.x):
            return fail(self, f"must map activations of at most 8 bits, not {self.x.type} --> {self.out.type}")
        width = 16 if is_wide(self.out) else 8
        if given(self, "table") and ir.IntegerType(self.table.type.element_type).width != width:
            return fail(self, f"table of {self.table.type.element_type} needs entries of {width} bits")
        return True

    def evaluate(self, x: Array) -> Array:
        return np.array(self.table).view(storage(self.out))[x]


class PiecewiseLinearOp(Operator, name="piecewise_linear"):
    """`clamp(line(x) + zp, low, high)` of a number of 16 bits; lines are those of `dialects/piecewise_linear.py`."""

    x: Operand[Any]
    table: Dense
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.Function,)
    order = Order.ANY

    def verify_invariants(self) -> bool:
        if not verify_clamp(self):
            return False
        if activation(self.x) is None or not is_wide(self.x) or shape(self.x) != shape(self.out):
            return fail(self, f"must map an activation of 16 bits to its shape, not {self.x.type} --> {self.out.type}")
        return not given(self, "table") or self._verify_lines()

    def _verify_lines(self) -> bool:
        sizes = list(self.table.type.shape)
        bits = piecewise_linear.bits_of(sizes[0]) if len(sizes) == 2 and sizes[1] == 2 else None
        if bits is None or ir.IntegerType(self.table.type.element_type).width != 32:
            return fail(self, f"table of {self.table.type} must be [704, 2], [2304, 2] or [7168, 2] of i32")
        start, slope = np.array(self.table).astype(np.int64).T
        ends = start + slope * piecewise_linear.reach(bits)
        if max(np.abs(start).max(), np.abs(ends).max()) > piecewise_linear.LARGEST_START:
            return fail(self, "a line leaves [-2^30, 2^30]: its values must be below 2^16")
        return True

    def evaluate(self, x: Array) -> Array:
        y = piecewise_linear.values(np.array(self.table), x) + zero_point(self.out)
        return np.clip(y, self.low.value, self.high.value).astype(storage(self.out))
