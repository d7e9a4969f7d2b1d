"""Normalization of rows: by one reciprocal square root a row, or by one over the sum of its exponentials."""
# pyright: reportInvalidTypeForm=false

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd, tabulated_softmax
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import Bool, Dense, I64s, flag, given
from dyadic.dialects.integer_verifiers import verify_accumulator, verify_clamp
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, is_wide, shape, storage, zero_point
from dyadic.dialects.verifiers import fail
from dyadic.runtime import fixedpoint

__all__ = [
    "MOST_EPSILON",
    "MOST_NORMALIZED",
    "LayerNormOp",
    "SoftmaxOp",
    "largest_normalized",
    "normalized_bits",
]

Array = npt.NDArray[Any]
MOST_NORMALIZED = (1 << 20) - 1  # numbers in a row: n * (x - mean) then is below 2^36
LONGEST_SHORT = 4095  # and here below 2^28, and n^2 times their variance below 2^54
MOST_EPSILON = 1 << 62  # added to that variance


def normalized_bits(n: int) -> int:
    """The fraction bits of a row's normalized numbers: as many as a row with one number that is not 0 has room for.

    That of a longer row may be cut off, at 32 deviations.
    """
    return 9 if 1023 < n <= LONGEST_SHORT else 10


def largest_normalized(n: int) -> int:
    """What no normalized number of a row of `n` is beyond: sqrt(n), by Cauchy-Schwarz, and its rounding; or s16."""
    return min(math.isqrt(n << 2 * normalized_bits(n)) + 1, -fixedpoint.S16_MIN)


class LayerNormOp(Operator, name="layer_norm"):
    """Every row of n numbers over its own standard deviation, or over its root mean square where it is not `centered`.

        total = sum(x - zx) where `centered`, else 0
        V     = n * sum((x - zx)^2) - total^2 + epsilon
        e     = even, with v = V * 2^-e (rounded down) in [2^30, 2^32)
        R     = min(floor(2^31 / sqrt(v)), 65535)
        xhat  = clamp_s16(((n * (x - zx) - total) * R + 2^(r-1)) >> r)      r = 31 - F + e/2
        out   = clamp(((xhat * gain + bias + 2^(shift-1)) >> shift) + zp, low, high)

    x [..., n] with n below 2^20, gain (within s16) and bias i32[n], epsilon in [1, 2^62]. F is 10, and 9 where n is
    1024 to 4095: |xhat| <= 2^F * sqrt(n) fits s16 up to there, and is cut off beyond. `acc` is the interval of what is
    shifted last, `zp << shift` included.
    """

    x: Operand[Any]
    gain: Operand[Any]
    bias: Operand[Any]
    epsilon: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    acc: I64s
    out: Result[Any]
    centered: Bool = flag()

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.Norm,)
    order = Order.LAST

    def verify_invariants(self) -> bool:
        x, out, n = shape(self.x), shape(self.out), shape(self.x)[-1]
        if activation(self.x) is None or len(x) < 2 or x != out:
            return fail(self, f"must make an activation of its input's shape, not {self.x.type} --> {self.out.type}")
        if not 1 <= n <= MOST_NORMALIZED:
            return fail(self, f"normalizes rows of {n} numbers, needs 1 to {MOST_NORMALIZED}")
        for name, value in (("gain", self.gain), ("bias", self.bias)):
            kind = ir.RankedTensorType(value.type)
            if list(kind.shape) != [n] or str(kind.element_type) != "i32":
                return fail(self, f"needs a {name} tensor<{n}xi32>, got {value.type}")
        if given(self, "epsilon", "shift"):
            epsilon, shift = self.epsilon.value, self.shift.value
            if not 1 <= epsilon <= MOST_EPSILON:
                return fail(self, f"epsilon {epsilon} must lie in [1, 2^62]")
            if not fixedpoint.SHIFT_MIN <= shift <= fixedpoint.ADD_SHIFT_MAX:
                return fail(self, f"shift {shift} must lie in [2, 30]: the sum is int32")
        if not verify_accumulator(self):
            return False
        return verify_clamp(self)

    def normalized(self, x: Array) -> npt.NDArray[np.int64]:
        """`xhat`, with `normalized_bits` fraction bits."""
        x = x.astype(np.int64) - zero_point(self.x)
        n = x.shape[-1]
        total = x.sum(-1, keepdims=True) if self.centered.value else np.zeros_like(x[..., :1])
        squares = (x * x).sum(-1, keepdims=True)
        if n > LONGEST_SHORT:  # beyond 64 bits
            squares, exact = squares.astype(object), total.astype(object)
            root, e = fixedpoint.reciprocal_root(n * squares - exact * exact + self.epsilon.value)
        else:
            root, e = fixedpoint.reciprocal_root(n * squares - total * total + self.epsilon.value)
        made = fixedpoint.round_shift((n * x - total) * root, 31 - normalized_bits(n) + e // 2)
        return np.clip(made, fixedpoint.S16_MIN, fixedpoint.S16_MAX)

    def evaluate(self, x: Array, gain: Array, bias: Array) -> Array:
        scaled = self.normalized(x) * gain.astype(np.int64) + bias
        q = fixedpoint.round_shift(scaled, self.shift.value) + zero_point(self.out)
        return np.clip(q, self.low.value, self.high.value).astype(storage(self.out))


class SoftmaxOp(Operator, name="softmax"):
    """`exp(x) / sum(exp(x))` of every row of the last dimension, of a tensor that is no attention's.

        weights = table[max(x) - x], total = sum(weights), R and k = 1 / total    (dialects/tabulated_softmax.py)
        out     = clamp(((weights * ((m*R) >> 32) + 2^(t-1)) >> t) + zp, low, high)     t = min(s + k, 62)

    `table` is i32[256] for x of at most 8 bits, i32[2, 256] for 16; its entries lie in [0, 2^30], the first of a row is
    2^30. m lies below 2^31 and s in [2, 62].
    """

    x: Operand[Any]
    table: Dense
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.SoftmaxOp,)
    order = Order.LAST

    def verify_invariants(self) -> bool:
        x, n = shape(self.x), shape(self.x)[-1]
        if activation(self.x) is None or len(x) < 2 or x != shape(self.out):
            return fail(self, f"must make an activation of its input's shape, not {self.x.type} --> {self.out.type}")
        if not 1 <= n <= tabulated_softmax.MOST_NUMBERS:
            return fail(self, f"normalizes rows of {n} numbers, needs 1 to {tabulated_softmax.MOST_NUMBERS}")
        if given(self, "table") and not self._verify_table():
            return False
        if given(self, "multiplier", "shift"):
            m, s = self.multiplier.value, self.shift.value
            if not (0 <= m < fixedpoint.WIDE_END and fixedpoint.SHIFT_MIN <= s <= fixedpoint.SHIFT_MAX):
                return fail(self, f"multiplier {m} must lie in [0, 2^31) and shift {s} in [2, 62]")
        return verify_clamp(self)

    def _verify_table(self) -> bool:
        sizes, kind = tabulated_softmax.sizes(wide=is_wide(self.x)), self.table.type
        if list(kind.shape) != sizes or str(kind.element_type) != "i32":
            return fail(self, f"table of {kind} needs shape {sizes} and entries of i32 for {self.x.type}")
        rows, largest = np.array(self.table).reshape(-1, tabulated_softmax.ENTRIES), tabulated_softmax.LARGEST
        if rows.min() < 0 or rows.max() > largest or (rows[:, 0] != largest).any():
            return fail(self, "entries of the table must lie in [0, 2^30], and those of distance 0 be 2^30")
        return True

    def evaluate(self, x: Array) -> Array:
        steps = tabulated_softmax.softmax(
            np.array(self.table), x.astype(np.int64), self.multiplier.value, self.shift.value
        )
        return np.clip(steps + zero_point(self.out), self.low.value, self.high.value).astype(storage(self.out))
