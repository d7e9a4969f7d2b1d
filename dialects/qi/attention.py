"""Attention: two products of tensors that are both computed, and a softmax between them."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import I64s, given, ints
from dyadic.dialects.integer_verifiers import verify_accumulator, verify_requantization
from dyadic.dialects.qi.data import ConstantOp
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, is_wide, quantized_bounds, shape, storage, zero_point
from dyadic.dialects.verifiers import broadcasts, fail
from dyadic.runtime import fixedpoint

__all__ = ["AttentionOp"]

Array = npt.NDArray[Any]
CURVE = "curve"  # IRDL has no optional attribute, so this field is known by its name alone
HALF_BYTE = 128  # kernels multiply with k - 128 and v - 128, as s8
SCORE_LIMIT = 1 << 29  # scores and biases stay below it, so that twice as far down is always lower
NEVER = -(1 << 30)  # a bias that says "not valid"


class AttentionOp(Operator, name="attention"):
    """Every row of q is scored against the rows of k; those of v, weighted by a softmax of the scores, are averaged.

        score   = sum((q-zq) * (k-zk)) + bias
        weights = softmax.weights(score, curve)       (dialects/integer_softmax.py), 0 where `valid` is 0 or the bias is
                                              -2^30
        out     = clamp(((sum(weights * (v-zv)) * ((m*R) >> 16) + 2^(s+k-1)) >> (s+k)) + zp, low, high)

    where R and k are one over the sum of the weights. A row without anything valid is zp. q [1,...,M,D], k [1,...,N,D]
    and v [1,...,N,E] have at most 8 bits; what is in front of the last two dimensions is equal. `bias` is an i32
    constant; it and `valid`, an activation of 8 bits, broadcast to the scores [1,...,M,N]. `acc` holds every partial
    sum of both products, also as kernels make them. `curve` (three numbers, i64) is there where the network was trained
    with another function than the exponential.
    """

    q: Operand[Any]
    k: Operand[Any]
    v: Operand[Any]
    bias: Operand[Any]
    valid: Operand[Any]
    acc: I64s
    distance_multiplier: ir.IntegerAttr
    distance_shift: ir.IntegerAttr
    farthest: ir.IntegerAttr
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.AttentionOp,)
    order = Order.ROWS

    @property
    def rule(self) -> softmax.Distances:
        """How distances from the largest score become weights."""
        return softmax.Distances(self.distance_multiplier.value, self.distance_shift.value, self.farthest.value)

    @property
    def curve(self) -> softmax.Curve:
        """What stands for powers of 2 between 1/2 and 1."""
        attributes = self.operation.attributes
        return softmax.Curve(*ints(attributes[CURVE])) if CURVE in attributes else softmax.EXPONENTIAL

    def verify_invariants(self) -> bool:
        q, k, v, bias, valid, out = (shape(x) for x in (self.q, self.k, self.v, self.bias, self.valid, self.out))
        ranks = {len(x) for x in (q, k, v, out)}
        fits = len(ranks) == 1 and len(q) >= 3 and q[:-2] == k[:-2] == v[:-2]
        if not fits or q[-1] != k[-1] or k[-2] != v[-2] or out != [*q[:-1], v[-1]]:
            return fail(self, f"shapes do not fit: q {q}, k {k}, v {v}, result {out}")
        for value in (self.q, self.k, self.v, self.valid):
            if activation(value) is None or is_wide(value):
                return fail(self, f"must read activations of at most 8 bits, not {value.type}")
        scores = [*q[:-1], k[-2]]
        if str(ir.RankedTensorType(self.bias.type).element_type) != "i32":
            return fail(self, f"needs a bias of i32, got {self.bias.type}")
        if not (broadcasts(bias, scores) and broadcasts(valid, scores)):
            return fail(self, f"bias {bias} and valid {valid} do not broadcast to scores {scores}")
        return self._verify_bounds() and verify_requantization(self)

    def _verify_bounds(self) -> bool:
        keys, biases = shape(self.k)[-2], constant_of(self.bias)
        if biases is not None and (biases != NEVER).any():
            largest = int(np.abs(biases[biases != NEVER].astype(np.int64)).max())
            if score_bound(self) + largest >= SCORE_LIMIT:
                return fail(self, f"scores reach {score_bound(self)} and biases {largest}, together beyond 2^29")
        if not verify_accumulator(self):
            return False
        if score_bound(self) >= SCORE_LIMIT:
            return fail(self, f"scores reach {score_bound(self)}, beyond 2^29")
        if context_bound(self) > fixedpoint.INT32_MAX:
            return fail(self, f"the weighted sum of {keys} rows reaches {context_bound(self)}, beyond int32")
        if given(self, "distance_multiplier", "distance_shift", "farthest"):
            m, s, farthest = self.rule
            if min(m, s, farthest) < 1 or s > softmax.MOST_SHIFT or not self.rule.fits:
                return fail(self, f"distances up to {farthest} times {m} >> {s} leave 16 bits")
        if not self.curve.fits:
            return fail(self, f"curve {list(self.curve)} rises or leaves 16 bits")
        if given(self, "shift") and self.shift.value + log2_of_sum(keys) > fixedpoint.SHIFT_MAX:
            return fail(self, f"shift {self.shift.value} leaves 62 once the sum of {keys} weights is in it")
        return True

    def evaluate(self, q: Array, k: Array, v: Array, bias: Array, valid: Array) -> Array:
        centered = (x.astype(np.int64) - zero_point(value) for x, value in ((q, self.q), (k, self.k), (v, self.v)))
        a, b, values = centered
        scores = exact_product(a, np.swapaxes(b, -1, -2)) + bias.astype(np.int64)
        weights, total = softmax.weights(scores, (valid != 0) & (bias != NEVER), self.rule, self.curve)
        inverse, log2 = softmax.reciprocal(np.maximum(total, softmax.LARGEST_WEIGHT))  # less only where nothing is
        made = fixedpoint.requant(
            exact_product(weights, values),
            (self.multiplier.value * inverse) >> 16,
            self.shift.value + log2,
            zero_point(self.out),
            self.low.value,
            self.high.value,
        )
        return made.astype(storage(self.out))


def constant_of(value: ir.Value) -> Array | None:
    """The integers of a `qi.constant`; None where there are none to be seen."""
    op = value.owner.opview if isinstance(value, ir.OpResult) else None
    if not isinstance(op, ConstantOp) or isinstance(op.value, ir.UnitAttr):
        return None
    return np.array(op.value, copy=False)


def exact_product(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`a @ b` of integers of at most 9 bits, in the narrowest float type in which every partial sum is exact."""
    largest = (1 << 16) * a.shape[-1]
    kind = np.float32 if largest <= 1 << 24 else np.float64
    return (a.astype(kind) @ b.astype(kind)).astype(np.int64)


def log2_of_sum(keys: int) -> int:
    """floor(log2) of the largest sum of so many weights."""
    return (softmax.LARGEST_WEIGHT * keys).bit_length() - 1


def score_bound(op: Any) -> int:
    """No partial sum of a score is farther from 0, its bias apart: q times k - 128 and, a column at a time,
    zq times that."""
    return shape(op.q)[-1] * HALF_BYTE * (quantized_bounds(op.q)[1] + zero_point(op.q))


def context_bound(op: Any) -> int:
    """No partial sum of weights times v is farther from 0: 128 - zv times the row's sum, and each times v - 128."""
    return shape(op.k)[-2] * softmax.LARGEST_WEIGHT * 2 * HALF_BYTE
