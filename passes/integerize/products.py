"""Weights, biases and multipliers of one layer of products: convolution, linear, per-channel scale.

Everything about a channel follows from its real weights and bias and the scales around it (docs/arithmetic.md).
Weights are rounded half to even; a bias is rounded half up at the exact rational scale `S_in * S_w`. Every
accumulator is proven inside int32, whatever the order of its partial sums, or the layer is refused by name.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.passes.integerize.quantization import Activation
from dyadic.passes.integerize.weight_scheme import LARGEST_GROUPED, PLAIN, Scheme
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import (
    ACC_SHIFT_MAX,
    ADD_SHIFT_MAX,
    HIGH_RESIDUAL_SHIFT,
    HIGH_SHIFTS,
    INT32_MAX,
    INT32_MIN,
    SHIFT_MAX,
    SHIFT_MIN,
    ResidualLimits,
    limited_multiplier,
    residual_limits,
    round_half_up,
    short_multiplier,
)

BLOCK = 1 << 21  # weights that are float64 at once: a layer's may be a hundred millions
RESIDUAL_ERROR = Fraction(1, 32)  # steps of the result, at the residual's largest distance from its zero point
Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Steps = npt.NDArray[np.signedinteger[Any]]  # of weights: int8, int16 where they are times a group scale
Weights = npt.NDArray[np.floating[Any]]  # float32 as they are stored, or float64


@dataclass(frozen=True)
class Product:
    """One layer in integers. `scales` are exact; `dead` are the channels that the scale floor made coarser.

    Weights in groups are whole here: step times group scale.
    """

    weight: npt.NDArray[np.int8]
    scheme: Scheme
    bias: npt.NDArray[np.int32]
    scales: tuple[Fraction, ...]
    multiplier: tuple[int, ...]
    shift: tuple[int, ...]
    form: str
    acc: tuple[int, int]
    acc_shift: int
    dead: tuple[int, ...]
    dead_error: float


@dataclass(frozen=True)
class Layer:
    """One layer in real numbers: rows [O, K] of weights, a bias a row, and what each of the K inputs is on average.

    The average decides how far rounded weights shift a result, which the bias then takes back (0 where none was seen).
    """

    rows: Weights
    bias: Reals
    mean: Reals  # [K] or, where rows read different inputs (groups), [O, K]
    largest: int = 127  # step of a weight
    factors: Integers | None = None  # [O, K]: what steps are multiplied with where weights are in groups

    def row(self, c: int) -> "Layer":
        """Channel `c` alone."""
        return self.some(slice(c, c + 1))

    def some(self, rows: slice) -> "Layer":
        """Some channels alone."""
        mean = self.mean[rows] if self.mean.ndim == 2 else self.mean
        factors = None if self.factors is None else self.factors[rows]
        return Layer(self.rows[rows], self.bias[rows], mean, self.largest, factors)

    @property
    def blocks(self) -> list[slice]:
        """All channels, so many at a time that what is computed of them needs little memory."""
        count = max(1, BLOCK // max(1, self.rows.shape[1]))
        return [slice(start, start + count) for start in range(0, len(self.rows), count)]


def quantize_product(
    name: str,
    weight: Weights,
    bias: Reals,
    mean: Reals,
    x: Activation,
    out: Activation,
    *,
    short: bool,
    scheme: Scheme = PLAIN,
) -> Product:
    """`weight` [O, ..., D] and `bias` [O] in integers, for inputs of type `x` and results of type `out`.

    `mean` is what each input is on average, in real numbers: [K] or [O, K] for rows of K weights. The short form needs
    scales of its own, so weights with given ones have none.

    Raises:
        ModelError: an accumulator may leave int32, or a weight is not finite.
    """
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        bad = int((~np.isfinite(weight)).sum() + (~np.isfinite(bias)).sum())
        raise ModelError(f"{name}: weights contain {bad} NaN or infinite values; quantization needs finite weights.")
    rows = weight.reshape(len(weight), -1)
    layer = Layer(rows, bias, mean, scheme.largest, scheme.factors(weight.shape[-1]))
    wanted = weight_scales(layer) if scheme.scale is None else scheme.scale
    floored = floored_scales(wanted, bias, x, out)
    scales = [Fraction(float(s)) for s in floored]
    q = round_weights(layer, floored)
    if scheme.steps is not None:  # they are steps of the given scale and of no other
        q = np.where((floored == wanted)[:, None], scheme.steps * (1 if layer.factors is None else layer.factors), q)
    folded = folded_bias(layer, scales, q, x)
    acc_shift = check_accumulators(name, q, folded, x)
    ratios = [x.exact * s * (1 << acc_shift) / out.exact for s in scales]
    constant = (rows == 0).all(1) & (q == 0).all(1) & (bias == 0)
    pairs = [(0, SHIFT_MIN) if c else limited_multiplier(r) for c, r in zip(constant, ratios, strict=True)]
    form = "wide"
    short = short and x.bits <= 8 and not scheme.given
    if short and (shortened := _shorten(layer, x, out, q, folded, ratios, constant)) is not None:
        q, folded, scales, pairs = shortened
        check_accumulators(name, q, folded, x)
        form = "short"
    low, high = accumulators(q, folded, x, acc_shift)
    dead = np.flatnonzero(floored > wanted)
    error = np.abs(rows[dead] - q[dead] * np.array([float(scales[c]) for c in dead])[:, None]).sum(1)
    largest_x = x.scale * x.farthest
    return Product(
        weight=q.astype(np.int8).reshape(weight.shape),
        scheme=scheme,
        bias=folded.astype(np.int32),
        scales=tuple(scales),
        multiplier=tuple(m for m, _ in pairs),
        shift=tuple(s for _, s in pairs),
        form=form,
        acc=(int(low.min()), int(high.max())),
        acc_shift=acc_shift,
        dead=tuple(int(c) for c in dead if not constant[c]),
        dead_error=float(error.max(initial=0.0) * largest_x),
    )


def weight_scales(layer: Layer) -> Reals:
    """One scale an output channel, as float32 values: the largest weight becomes the largest integer."""
    largest = layer.largest if layer.factors is None else LARGEST_GROUPED
    ends = np.maximum(layer.rows.max(1), -layer.rows.min(1)).astype(np.float64)
    return (np.abs(ends) / largest).astype(np.float32).astype(np.float64)


def floored_scales(scales: Reals, bias: Reals, x: Activation, out: Activation) -> Reals:
    """The scale floor: the bias fits 31 bits and no shift exceeds 62, also in nearly dead channels; 1 where all is 0.

    >>> unit = Activation(1.0, 0)
    >>> floored_scales(np.array([0.5, 0.0, 1e-30]), np.zeros(3), unit, unit).tolist() == [0.5, 1.0, 2.0**-31]
    True
    """
    constant = (scales == 0) & (bias == 0)
    by_bias = np.abs(bias) / (x.scale * 2.0**30)
    by_shift = out.scale / (x.scale * 2.0**31)
    return np.where(constant, 1.0, np.maximum(scales, np.maximum(by_bias, by_shift)))


def round_weights(layer: Layer, scales: Reals) -> Steps:
    """Nearest steps, halves to even, within the width; times the scales of their groups."""
    made = np.empty(layer.rows.shape, np.int8 if layer.factors is None else np.int16)
    for rows in layer.blocks:
        factors = np.int64(1) if layer.factors is None else layer.factors[rows]
        steps = np.rint(layer.rows[rows] / (scales[rows, None] * factors))
        made[rows] = np.clip(steps, -layer.largest, layer.largest).astype(made.dtype) * factors
    return made


def folded_bias(layer: Layer, scales: list[Fraction], q: Steps, x: Activation) -> Integers:
    """`bias / (S_in * S_w)`, halves up, minus `zp * sum(w)`. May leave int32: `check_accumulators` looks.

    The bias is first corrected by what the rounding of the weights adds on average, `sum((S_w * q - w) * mean)`.
    """
    floats, corrected = np.array([float(s) for s in scales]), layer.bias.copy()
    for rows in layer.blocks:
        rounding = q[rows] * floats[rows, None] - layer.rows[rows]
        corrected[rows] -= (rounding * layer.some(rows).mean).sum(1)
    steps = [round_half_up(Fraction(float(b)) / (x.exact * s)) for b, s in zip(corrected, scales, strict=True)]
    return np.array(steps, np.int64) - x.zero_point * q.sum(1)


def partial_sums(q: Steps, bias: Integers, largest: int = 255) -> tuple[Integers, Integers]:
    """Per channel, the interval of every partial sum in any order, with or without the bias, over inputs 0..largest.

    Padded cells hold a zero point, which is one of those.

    >>> low, high = partial_sums(np.array([[2, -1]]), np.array([10]))
    >>> low.tolist(), high.tolist()
    ([-255], [520])
    """
    low = np.minimum(bias, 0) + largest * np.minimum(q, 0).sum(1)
    high = np.maximum(bias, 0) + largest * np.maximum(q, 0).sum(1)
    return low, high


def accumulators(q: Steps, bias: Integers, x: Activation, acc_shift: int) -> tuple[Integers, Integers]:
    """Per channel, the interval of all that a kernel may hold in an int32 on the way to the requantization.

    The bytes of 16-bit inputs are summed apart: low ones from the bias and the half that `acc_shift` rounds by, high
    ones, which are stored 128 larger, from what takes that back. Then there is the narrowed accumulator.
    """
    if x.bits <= 8:
        return partial_sums(q, bias, x.high)
    half = 1 << acc_shift >> 1
    least, most = np.minimum(q, 0).sum(1), np.maximum(q, 0).sum(1)
    low, high = bias + x.high * least + x.low * most, bias + x.high * most + x.low * least
    bounds = [
        partial_sums(q, bias + half),
        partial_sums(q, -128 * q.sum(1)),
        ((low + half) >> acc_shift, (high + half) >> acc_shift),
    ]
    return np.min([low for low, _ in bounds], 0), np.max([high for _, high in bounds], 0)


def final_sums(q: Steps, bias: Integers, largest: int = 255) -> Integers:
    """Per channel, the largest size of a finished accumulator over inputs 0..largest."""
    low, high = bias + largest * np.minimum(q, 0).sum(1), bias + largest * np.maximum(q, 0).sum(1)
    return np.maximum(np.abs(low), np.abs(high))


def check_accumulators(name: str, q: Steps, bias: Integers, x: Activation) -> int:
    """The fewest bits by which accumulators must be narrowed to fit int32; those of 8-bit inputs are not narrowed.

    Raises:
        ModelError: no number of bits is enough; names the layer, the channel and the interval.
    """
    most = ACC_SHIFT_MAX if x.bits == 16 else 0

    def inside(acc_shift: int) -> npt.NDArray[np.bool_]:
        low, high = accumulators(q, bias, x, acc_shift)
        return (low >= INT32_MIN) & (high <= INT32_MAX)

    for acc_shift in range(most + 1):
        if inside(acc_shift).all():
            return acc_shift
    c = int(inside(most).argmin())
    low, high = accumulators(q, bias, x, most)
    raise ModelError(
        f"{name}: the sum of {q.shape[1]} products in output channel {c} can reach [{low[c]}, {high[c]}], "
        "which int32 cannot hold; split the layer or keep its weights smaller."
    )


def _shorten(
    layer: Layer,
    x: Activation,
    out: Activation,
    q: Steps,
    folded: Integers,
    ratios: list[Fraction],
    constant: npt.NDArray[np.bool_],
) -> tuple[Steps, Integers, list[Fraction], list[tuple[int, int]]] | None:
    """The short form of a layer, or None where some channel has none.

    A channel's scale grows to exactly `m / 2^s * S_out / S_in`, so its weights are rounded anew and its bound is taken
    anew; rounding can lift the bound a little through the folded zero point, hence a second try with some room.
    """
    q, folded = q.copy(), folded.copy()
    bounds = final_sums(q, folded, x.high)
    scales: list[Fraction] = []
    pairs: list[tuple[int, int]] = []
    for c, ratio in enumerate(ratios):
        if constant[c]:
            scales.append(Fraction(1))
            pairs.append((0, SHIFT_MIN))
            continue
        for room in (0, int(bounds[c]) // 64 + 1, int(bounds[c]) // 8 + 1):
            pair = short_multiplier(ratio, int(bounds[c]) + room)
            if pair is None:
                return None
            scale = Fraction(pair[0], 1 << pair[1]) * out.exact / x.exact
            row = round_weights(layer.row(c), np.array([float(scale)]))
            row_bias = folded_bias(layer.row(c), [scale], row, x)
            if int(final_sums(row, row_bias, x.high)[0]) * pair[0] + (1 << (pair[1] - 1)) <= INT32_MAX:
                break
        else:
            return None
        q[c], folded[c] = row[0], row_bias[0]
        scales.append(scale)
        pairs.append(pair)
    return q, folded, scales, pairs


def residual_multipliers(
    ratios: list[Fraction], residual: Fraction, largest: int = 255
) -> tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...]]:
    """conv_add, linear_add: (m per channel, residual m per channel, residual_shift, shift per channel).

    The shift is the largest for which both multipliers stay below their bounds. `residual_shift` moves the residual up
    by whole bits first, so that its coarser ratio does not cost m its bits: by 32, which kernels like best, where a
    small residual multiplier then says the ratio well enough (`align_residuals` sees to it), else as far as the
    channel with the largest ratio needs, with both multipliers below 2^31. `largest` is the residual's largest integer.
    """
    limits = residual_limits(largest)
    high = _high_residual_multipliers(ratios, residual, limits, largest)
    return high or _any_residual_multipliers(ratios, residual, limits)


def _high_residual_multipliers(
    ratios: list[Fraction], residual: Fraction, limits: ResidualLimits, largest: int
) -> tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...]] | None:
    """With a residual shift of 32; None where a channel's residual would be off by more than `RESIDUAL_ERROR` steps."""
    unit = residual / (1 << HIGH_RESIDUAL_SHIFT)
    # unit * 2^s is half of what its bits hold, at most
    limit = min(largest_shift(unit * (1 << 32 - limits.high_bits)), HIGH_SHIFTS[-1])
    shifts = tuple(min(largest_shift(ratio), limit) for ratio in ratios)
    if min(shifts) not in HIGH_SHIFTS:
        return None
    m = tuple(round_half_up(ratio * (1 << s)) for ratio, s in zip(ratios, shifts, strict=True))
    mb = tuple(round_half_up(unit * (1 << s)) for s in shifts)
    error = max(abs(unit - Fraction(b, 1 << s)) for b, s in zip(mb, shifts, strict=True))
    return None if error * (largest << HIGH_RESIDUAL_SHIFT) > RESIDUAL_ERROR else (m, mb, HIGH_RESIDUAL_SHIFT, shifts)


def _any_residual_multipliers(
    ratios: list[Fraction], residual: Fraction, limits: ResidualLimits
) -> tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...]]:
    largest = max(ratios)
    room = int(residual / largest).bit_length() - 1 if largest > 0 else 0
    residual_shift = min(max(room, 0), limits.shift)
    shifted = residual / (1 << residual_shift)
    residual_limit = largest_shift(shifted)
    m, mb, shifts = [], [], []
    for ratio in ratios:
        s = max(min(largest_shift(ratio), residual_limit), SHIFT_MIN)
        # a ratio of 2^29 and more saturates all but a zero
        m.append(min(round_half_up(ratio * (1 << s)), INT32_MAX))
        mb.append(min(round_half_up(shifted * (1 << s)), INT32_MAX))
        shifts.append(s)
    return tuple(m), tuple(mb), residual_shift, tuple(shifts)


def largest_shift(ratio: Fraction) -> int:
    """The largest s up to 62 for which `ratio * 2^s` rounds to less than 2^31.

    >>> largest_shift(Fraction(1)), largest_shift(Fraction(1, 1000)), largest_shift(Fraction(0))
    (30, 40, 62)
    """
    if ratio == 0:
        return SHIFT_MAX
    end = Fraction(2 * INT32_MAX + 1, 2)  # from here on it rounds to 2^31
    s = int(end / ratio).bit_length() - 1
    return min(s - (s >= 0 and ratio * (1 << s) == end), SHIFT_MAX)


def add_multipliers(
    a: Fraction, b: Fraction, limit: int = (1 << 15) - 1, most: int = ADD_SHIFT_MAX
) -> tuple[int, int, int]:
    """qi.add: (ma, mb, s) with the largest common s up to `most` for which neither size exceeds `limit`.

    Ratios may be negative.

    >>> add_multipliers(Fraction(1), Fraction(1, 2))
    (16384, 8192, 14)
    """
    for shift in range(most, SHIFT_MIN - 1, -1):
        ma, mb = round_half_up(a * (1 << shift)), round_half_up(b * (1 << shift))
        if max(abs(ma), abs(mb)) <= limit:
            return ma, mb, shift
    ma, mb = round_half_up(a * (1 << SHIFT_MIN)), round_half_up(b * (1 << SHIFT_MIN))
    return min(max(ma, -limit), limit), min(max(mb, -limit), limit), SHIFT_MIN
