"""Normalization of rows, to a size or to a sum of 1.

    layer_norm(x, weight, bias) {epsilon}  -->  qi.layer_norm {centered}   gain = weight / S_out, bias = bias / S_out
    rms_norm(x, weight, bias) {epsilon}    -->  qi.layer_norm

    softmax(x)                             -->  qi.softmax

Gain and bias have as many fraction bits as keep a gain inside s16 and the sum inside int32 (docs/arithmetic.md).
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd, qi, tabulated_softmax
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
from dyadic.passes.rewriting import layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import ADD_SHIFT_MAX, INT32_MAX, S16_MAX, SHIFT_MIN, limited_multiplier, round_half_up


@dataclass(frozen=True)
class Affine:
    """What follows a row's normalization: `(xhat * gain + bias + 2^(shift-1)) >> shift`."""

    gain: npt.NDArray[np.int32]
    bias: npt.NDArray[np.int32]
    shift: int
    acc: tuple[int, int]  # of the sum, with the result's zero point


@converts(qd.Norm)
def norm(c: Conversion, op: qd.Norm, target: Target) -> ir.Value:
    """One op, whichever the width of its input and its result.

    Raises:
        ModelError: a row is longer than what has an integer form, or weight or bias is not finite.
    """
    x, n = c.get(op.x), shape(op.x)[-1]
    if n > qi.MOST_NORMALIZED:
        raise ModelError(
            f"{layer_name(op)}: normalizes over {n} numbers; at most {qi.MOST_NORMALIZED} have an integer form. "
            "Smaller groups would work."
        )
    weight, bias = constant_array(op, op.weight), constant_array(op, op.bias)
    for name, values in (("weight", weight), ("bias", bias)):
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise ModelError(f"{layer_name(op)}: its {name} contains {bad} NaN or infinite values; check the export.")
    exact = Fraction(op.epsilon.value) * n * n / activation_of(x).exact ** 2
    epsilon = min(max(round_half_up(exact), 1), qi.MOST_EPSILON)
    weaker = Fraction(1)
    if (
        exact > qi.MOST_EPSILON
    ):  # x is as nothing beside epsilon, of which only so much fits: gain makes up for the rest
        weaker = Fraction(math.isqrt(qi.MOST_EPSILON), math.isqrt(int(exact)))
    affine = affine_of([Fraction(w) * weaker for w in weight.tolist()], bias.tolist(), target.activation)
    return qi.LayerNormOp(
        x=x,
        gain=constant(affine.gain),
        bias=constant(affine.bias),
        epsilon=i64(epsilon),
        shift=i64(affine.shift),
        low=i64(target.low),
        high=i64(target.high),
        acc=i64s(affine.acc),
        centered=ir.BoolAttr.get(op.centered),
        out=target.activation.tensor(shape(op.out)),
    ).out


@converts(qd.SoftmaxOp)
def softmax(c: Conversion, op: qd.SoftmaxOp, target: Target) -> ir.Value:
    """Over the last dimension; another one changes places with it. Distances of numbers are in steps of their scale."""
    rank, axis = len(shape(op.x)), op.axis.value
    order = [d for d in range(rank) if d != axis] + [axis]
    x, out = c.permute(c.get(op.x), order), target.activation
    kind = activation_of(x)
    m, s = limited_multiplier(1 / out.exact)
    made = qi.SoftmaxOp(
        x=x,
        table=dense(tabulated_softmax.table(kind.exact, wide=kind.bits > 8)),
        multiplier=i64(m),
        shift=i64(s),
        low=i64(target.low),
        high=i64(target.high),
        out=out.tensor(shape(x)),
    ).out
    return c.permute(made, [order.index(d) for d in range(rank)])


def affine_of(weight: list[Fraction], bias: list[float], out: Activation) -> Affine:
    """Weight and bias of a normalization in steps of its result.

    The shift is the largest with which every gain is inside s16 and `2^15 * |gain| + |bias| + (zp + 1) * 2^shift`
    inside int32. Where there is none, what is too large is cut off: such a result is saturated whatever its row holds.
    """
    n = len(weight)
    bits = qi.normalized_bits(n)
    g = [w / out.exact for w in weight]
    b = [Fraction(v) / out.exact for v in bias]
    most = max(abs(v) for v in g)
    sums = max(abs(v) * (1 << 15 - bits) + abs(w) for v, w in zip(g, b, strict=True)) + out.zero_point + 1
    shift = next(
        (
            s
            for s in range(ADD_SHIFT_MAX, SHIFT_MIN, -1)
            if round_half_up(most * Fraction(2) ** (s - bits)) <= S16_MAX and sums * (1 << s) < INT32_MAX - 1
        ),
        SHIFT_MIN,
    )
    gain = [limited(v * Fraction(2) ** (shift - bits), S16_MAX) for v in g]
    room = INT32_MAX - ((out.zero_point + 1) << shift)
    offset = [limited(v * (1 << shift), room - abs(k) * (1 << 15)) for v, k in zip(b, gain, strict=True)]
    constant_part = (out.zero_point << shift) + (1 << shift - 1)
    largest = qi.largest_normalized(n)
    low = min(o - largest * abs(k) for o, k in zip(offset, gain, strict=True)) + constant_part
    high = max(o + largest * abs(k) for o, k in zip(offset, gain, strict=True)) + constant_part
    return Affine(np.array(gain, np.int32), np.array(offset, np.int32), shift, (low, high))


def limited(value: Fraction, most: int) -> int:
    """The nearest integer, no farther from 0 than `most`."""
    return min(max(round_half_up(value), -most), most)


def constant(values: npt.NDArray[np.int32]) -> ir.Value:
    """A `qi.constant` of i32."""
    value = dense(values)
    return qi.ConstantOp(value=value, out=value.type).out
