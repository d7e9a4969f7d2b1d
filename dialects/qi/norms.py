"""Normalization of rows: with one reciprocal square root a row, or with one over the sum of its weights."""
# pyright: reportInvalidTypeForm=false

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import Bool, I64s, flag, given
from dyadic.dialects.integer_verifiers import verify_accumulator, verify_clamp
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.qi.weighting import Weighting
from dyadic.dialects.tensor_types import activation, shape, storage, zero_point
from dyadic.dialects.verifiers import fail
from dyadic.runtime import fixedpoint

__all__ = [
    "MOST_EPSILON",
    "MOST_MULTIPLIER",
    "MOST_NORMALIZED",
    "MOST_SOFTMAX_SHIFT",
    "LayerNormOp",
    "SoftmaxOp",
    "largest_normalized",
    "normalized_bits",
]

Array = npt.NDArray[Any]
MOST_NORMALIZED = (1 << 20) - 1  # numbers in a row: n * (x - mean) then is below 2^36
LONGEST_SHORT = 4095  # and here below 2^28, and n^2 times their variance below 2^54
MOST_EPSILON = 1 << 62  # added to that variance
MOST_SOFTMAX_SHIFT = 32  # more would leave nothing of the largest weight
MOST_MULTIPLIER = (1 << 30) - 1  # of a softmax: products of words then are enough
MOST_WEIGHTED = 1 << 22  # numbers in a row: the sum of their weights is below 2^30


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


class SoftmaxOp(Weighting, name="softmax"):
    """`exp(x) / sum(exp(x))` of every row of the last dimension, of a tensor that is no attention's.

        weights = softmax.weights(x)                          (dialects/integer_softmax.py), 0..255
        out     = clamp(((weights * ((m*R) >> 16) + 2^(s+k-1)) >> (s+k)) + zp, low, high)

    where R and k are one over the sum of the weights. m lies below 2^30 and s in [1, 32].
    """

    x: Operand[Any]
    distance_multiplier: ir.IntegerAttr
    distance_shift: ir.IntegerAttr
    farthest: ir.IntegerAttr
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
        if not 1 <= n <= MOST_WEIGHTED:
            return fail(self, f"normalizes rows of {n} numbers, needs 1 to {MOST_WEIGHTED}")
        if not self.verify_rule():
            return False
        if given(self, "multiplier", "shift"):
            m, s = self.multiplier.value, self.shift.value
            if not (0 <= m <= MOST_MULTIPLIER and 1 <= s <= MOST_SOFTMAX_SHIFT):
                return fail(self, f"multiplier {m} must lie in [0, 2^30) and shift {s} in [1, {MOST_SOFTMAX_SHIFT}]")
        return verify_clamp(self)

    def evaluate(self, x: Array) -> Array:
        weights, total = softmax.weights(x.astype(np.int64), np.ones(1, bool), self.rule)
        inverse, log2 = softmax.reciprocal(total)
        q = fixedpoint.requant(
            weights,
            (self.multiplier.value * inverse) >> 16,
            self.shift.value + log2,
            zero_point(self.out),
            self.low.value,
            self.high.value,
        )
        return q.astype(storage(self.out))
