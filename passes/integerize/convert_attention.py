"""Attention as one integer op.

    attention(q, k, v, bias, valid)  -->  qi.attention

A score's step is that of q times that of k times the scale. The bias counts in those; what is the same along a row
changes no softmax and goes, and what is so far below its row's largest that its weight is 0 whatever the scores are
counts as no farther, so that nothing leaves 32 bits. Truth: within the rounding of the bias, the weights (1.08 of 255)
and the result.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import qd, qi
from dyadic.dialects.nonlinear import exponential_of
from dyadic.dialects.qi.attention import CURVE, HALF_BYTE, NEVER, SCORE_LIMIT, log2_of_sum
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.conversion import (
    Conversion,
    Target,
    activation_of,
    constant_array,
    converts,
    dense,
    i64,
    i64s,
)
from dyadic.passes.integerize.quantization import Activation
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import SHIFT_MAX, limited_multiplier

MASKED = -1e4  # an additive mask that leaves something valid means "not valid" from here on
FLAG = Activation(1.0, 0, 1)  # 0 or 1


@converts(qd.AttentionOp)
def attention(c: Conversion, op: qd.AttentionOp, target: Target) -> ir.Value:
    """Both products, the softmax between them and the requantization behind them."""
    q, k, v = (c.get(value) for value in (op.q, op.k, op.v))
    kinds, out = [activation_of(value) for value in (q, k, v)], target.activation
    if any(kind.bits > 8 for kind in kinds):
        raise ModelError(f"{layer_name(op)}: reads activations of 16 bits; attention reads 8 at most.")
    scores = [*shape(op.q)[:-1], shape(op.k)[-2]]
    low, high = score_interval(kinds[0], kinds[1], shape(op.q)[-1])
    step = kinds[0].exact * kinds[1].exact * Fraction(float(op.scale.value))
    computed = not isinstance(defining(op.valid), qd.ConstantOp)
    if computed and shape(op.valid)[-2:-1] not in ([], [1]):
        raise ModelError(
            f"{layer_name(op)}: which keys are valid is computed for each query; attention reads one mask for all."
        )
    bias, never = without_masks(constant_bias(op))
    steps = bias_steps(bias, step, high - low, room_for_bias(op, kinds[0]))
    least, most = low + int(steps.min()), high + int(steps.max())
    if never.any():
        steps = np.where(never, NEVER, steps)
    trained = exponential_of(op)
    rule = softmax.distances(step, most - least, trained.log2_e)
    bound = max(partial_score(op, kinds[0]) - int(steps[steps != NEVER].min(initial=0)), partial_context(op))
    m, s = context_multiplier(kinds[2].exact / out.exact, scores[-1])
    made = qi.AttentionOp(
        q=q,
        k=k,
        v=v,
        bias=bias_constant(steps),
        valid=c.get(op.valid) if computed else flags(constant_array(op, op.valid) != 0, len(scores)),
        acc=i64s([-bound, bound]),
        distance_multiplier=i64(rule.multiplier),
        distance_shift=i64(rule.shift),
        farthest=i64(rule.farthest),
        multiplier=i64(m),
        shift=i64(s),
        low=i64(target.low),
        high=i64(target.high),
        out=out.tensor(shape(op.out)),
    )
    if trained.curve != softmax.EXPONENTIAL:
        made.operation.attributes[CURVE] = i64s(trained.curve)
    return made.out


def score_interval(q: Activation, k: Activation, depth: int) -> tuple[int, int]:
    """What sums of `depth` products can be."""
    corners = [(a - q.zero_point) * (b - k.zero_point) for a in (q.low, q.high) for b in (k.low, k.high)]
    return depth * min(corners), depth * max(corners)


def partial_score(op: qd.AttentionOp, q: Activation) -> int:
    """No partial sum of a score is farther from 0: q times k - 128 and, a key at a time, zq times that."""
    return shape(op.q)[-1] * HALF_BYTE * (q.high + q.zero_point)


def partial_context(op: qd.AttentionOp) -> int:
    """No partial sum of weights times v is farther from 0: 128 - zv times the row's sum, and each times v - 128."""
    return shape(op.k)[-2] * softmax.LARGEST_WEIGHT * 2 * HALF_BYTE


def room_for_bias(op: qd.AttentionOp, q: Activation) -> int:
    """How large a bias may be beside the partial sums of a kernel.

    Raises:
        ModelError: rows so long that nothing is left.
    """
    depth, keys = shape(op.q)[-1], shape(op.k)[-2]
    room = SCORE_LIMIT - 1 - partial_score(op, q)
    if room < 0 or partial_context(op) >= 1 << 31:
        raise ModelError(
            f"{layer_name(op)}: attention over {keys} keys of {depth} numbers could leave 32-bit sums; up to 32,896 "
            f"keys of about 8,000 numbers are supported."
        )
    return room


def constant_bias(op: qd.AttentionOp) -> npt.NDArray[np.float64]:
    """The numbers that are added to scores.

    Raises:
        ModelError: the model computes them.
    """
    if not isinstance(defining(op.bias), qd.ConstantOp):
        raise ModelError(f"{layer_name(op)}: adds to its scores what the model computes; attention adds constants.")
    return np.atleast_1d(constant_array(op, op.bias))


def without_masks(bias: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(bias, what is not valid): minus infinity, and what an additive mask means so where its row has something else.

    There the bias is the largest of what is left in the row.
    """
    masked = bias <= MASKED
    masked &= ~masked.all(-1, keepdims=True) | np.isneginf(bias)
    left = np.where(masked, -np.inf, bias).max(-1, keepdims=True)
    return np.where(masked, np.where(np.isfinite(left), left, 0.0), bias), masked


def bias_steps(bias: npt.NDArray[np.float64], step: Fraction, span: int, room: int) -> npt.NDArray[np.int64]:
    """The bias in steps of the scores, halves up: 0 for the largest of a row, no lower than what makes no weight.

    `span` is how far scores alone can be apart.
    """
    rows = bias - bias.max(-1, keepdims=True)
    if not rows.any():
        return np.zeros(1, np.int64)
    nothing = -(-10 / (step * softmax.LOG2_E)).__floor__() + 1
    least = -min(span + nothing, room)
    return np.floor(np.maximum(rows / float(step), 1.0 * least) + 0.5).astype(np.int64)


def context_multiplier(ratio: Fraction, keys: int) -> tuple[int, int]:
    """(m, s) of the ratio of v's step to the result's; s leaves room for the logarithm of the weights' sum."""
    m, s = limited_multiplier(ratio)
    excess = s + log2_of_sum(keys) - SHIFT_MAX
    if excess > 0:
        m, s = (m + (1 << excess >> 1)) >> excess, s - excess
    return m, s


def bias_constant(steps: npt.NDArray[np.int64]) -> ir.Value:
    """As i32."""
    value = dense(steps.astype(np.int32))
    return qi.ConstantOp(value=value, out=value.type).out


def flags(valid: npt.NDArray[np.bool_], rank: int) -> ir.Value:
    """A constant of zeros and ones, of the scores' rank."""
    array = valid.reshape((1,) * (rank - valid.ndim) + valid.shape)
    return qi.ConstantOp(value=dense(array.astype(np.uint8)), out=FLAG.tensor(list(array.shape))).out
