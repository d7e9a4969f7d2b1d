"""The one definition of rounding, saturation and dyadic multipliers. Everything else calls it, the tests too.

Real value `r = scale * (q - zero_point)`. The only way from a wide integer to a narrow one is `requant`, which is
TOSA's RESCALE with a single rounding. Nothing here is fast; it is what fast code is compared with.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SHIFT_MIN, SHIFT_MAX = 2, 62
ADD_SHIFT_MAX = 30  # an 8-bit addition's products and its 2^(s-1) then fit int32 together
WIDE_MIN, WIDE_END = 1 << 30, 1 << 31  # a wide multiplier lies in [WIDE_MIN, WIDE_END)
# The high form adds rounding, zero point and residual to the product's high half: from 33 on half a unit is a whole
# number of those, above 53 a zero point could leave int32.
HIGH_SHIFTS = range(33, 54)
HIGH_RESIDUAL_SHIFT = 32
ACC_SHIFT_MAX = 8  # bytes of a 16-bit number are summed apart; up to here the narrowed sum follows in 32 bits
S16_MIN, S16_MAX = -(1 << 15), (1 << 15) - 1
SHORT_MIN = 1 << 9  # below this, rounding a short multiplier up would cost more than 0.2 % of the weight range
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

IntArray = npt.NDArray[np.integer]


class ResidualLimits(NamedTuple):
    """What keeps a fused addition inside its integers: of the residual's shift, and of its multiplier where that is
    32."""

    shift: int
    high_bits: int


def residual_limits(largest: int) -> ResidualLimits:
    """For residuals of integers up to `largest`: with 16 bits both are smaller by what those are larger."""
    return ResidualLimits(16, 15) if largest <= 255 else ResidualLimits(8, 13)


def round_shift(value: npt.ArrayLike, shift: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """`(value + 2^(shift-1)) >> shift` in int64: halves round toward +infinity; shift 0 is the identity.

    >>> round_shift([5, 6, 7, -6, -5], 2).tolist()
    [1, 2, 2, -1, -1]
    """
    shift64 = np.asarray(shift, np.int64)
    half = np.where(shift64 > 0, np.int64(1) << np.maximum(shift64 - 1, 0), 0)
    return (np.asarray(value, np.int64) + half) >> shift64


def requant(
    acc: npt.ArrayLike,
    multiplier: npt.ArrayLike,
    shift: npt.ArrayLike,
    zero_point: int,
    low: int,
    high: int,
) -> npt.NDArray[np.int64]:
    """`clamp(((acc * m + 2^(s-1)) >> s) + zero_point, low, high)`; broadcasts, so per-channel m and s go last.

    >>> requant([100, -100, 3], 1 << 30, 31, 128, 0, 255).tolist()      # a half: 1.5 becomes 2
    [178, 78, 130]
    """
    product = np.asarray(acc, np.int64) * np.asarray(multiplier, np.int64)
    return np.clip(round_shift(product, shift) + zero_point, low, high)


def wide_multiplier(ratio: Fraction) -> tuple[int, int]:
    """(m, s) with m in [2^30, 2^31) and `m / 2^s` nearest to `ratio` (halves up), by exact rational arithmetic.

    >>> wide_multiplier(Fraction(3, 8))
    (1610612736, 32)
    >>> wide_multiplier(Fraction(0))                                    # a channel proven constant
    (0, 2)
    >>> wide_multiplier(Fraction((1 << 32) - 1, 1 << 32))               # rounds to 2^31: renormalized
    (1073741824, 30)

    Raises:
        ValueError: the ratio is negative or needs a shift outside [2, 62].
    """
    if ratio == 0:
        return 0, SHIFT_MIN
    if ratio < 0:
        raise ValueError(f"a requantization ratio must not be negative, got {float(ratio)}")
    exponent = ratio.numerator.bit_length() - ratio.denominator.bit_length()
    shift = 30 - exponent  # ratio * 2^shift lies in (2^29, 2^31): one correction at most
    if ratio * (Fraction(2) ** shift) < WIDE_MIN:
        shift += 1
    multiplier = round_half_up(ratio * (Fraction(2) ** shift))
    if multiplier >= WIDE_END:
        multiplier, shift = multiplier // 2, shift - 1
    if not SHIFT_MIN <= shift <= SHIFT_MAX:
        raise ValueError(f"ratio {float(ratio):g} needs a shift of {shift}, outside [{SHIFT_MIN}, {SHIFT_MAX}]")
    return multiplier, shift


def limited_multiplier(ratio: Fraction) -> tuple[int, int]:
    """`wide_multiplier`, with ratios outside its shifts replaced by what gives the same results.

    A ratio of 2^29 saturates everything but 0; one below 2^-32 makes 0 of every int32.

    >>> limited_multiplier(Fraction(1 << 40)), limited_multiplier(Fraction(1, 1 << 40))
    ((2147483647, 2), (0, 2))
    """
    largest = Fraction(WIDE_END - 1, 1 << SHIFT_MIN)
    if ratio >= largest:
        return WIDE_END - 1, SHIFT_MIN
    if ratio < Fraction(1, 1 << 32):
        return 0, SHIFT_MIN
    return wide_multiplier(ratio)


def short_multiplier(ratio: Fraction, acc_bound: int) -> tuple[int, int] | None:
    """(m, s), m rounded **up** and as large as int32 allows: `acc_bound * m + 2^(s-1) < 2^31`; None where m < 2^9.

    The caller then sets the weight scale to exactly `m / 2^s * S_out / S_in`, so that rounding m loses nothing. That
    makes the scale larger, hence the quantized weights and `acc_bound` no larger.

    >>> short_multiplier(Fraction(1, 1000), 1 << 20)
    (1049, 20)
    >>> short_multiplier(Fraction(1, 1000), 1 << 24) is None
    True
    """
    if ratio <= 0:
        return None
    for shift in range(30, SHIFT_MIN - 1, -1):
        multiplier = -((-ratio.numerator << shift) // ratio.denominator)
        if multiplier < SHORT_MIN:
            return None
        if acc_bound * multiplier + (1 << (shift - 1)) < INT32_MAX + 1:
            return multiplier, shift
    return None


def reciprocal_root(value: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(R, e) of integers in [1, 2^94), those beyond int64 as Python's: e is even, `v = floor(value / 2^e)` lies in
    [2^30, 2^32), and R = min(floor(2^31 / sqrt(v)), 65535), so that `R / 2^31 / 2^(e/2)` is 1 / sqrt(value) to 2^-15.

    >>> [[int(n) for n in pair] for pair in zip(*reciprocal_root([1, 9, 1 << 30, 1 << 62]))]
    [[65535, -30], [43690, -28], [65535, 0], [65535, 32]]
    """
    given = np.asarray(value)
    less = np.zeros(given.shape, np.int64)  # what Python's integers are shifted right by first
    if given.dtype == object:
        less = np.where(given >= 1 << 62, 32, 0).astype(np.int64)
        given = given >> less
    whole = given.astype(np.uint64)
    left = np.zeros_like(whole)  # bits to the left of the first one, an even number
    for bits in (32, 16, 8, 4, 2):
        free = whole << left < np.uint64(1) << np.uint64(64 - bits)
        left += np.where(free, np.uint64(bits), np.uint64(0))
    v = whole << left >> np.uint64(32)
    # the root of an integer below 2^33 rounded down is right in float64: the next square is too far away
    root = np.floor(np.sqrt((np.uint64(1 << 62) // v).astype(np.float64))).astype(np.int64)
    return np.minimum(root, 65535), 32 - left.astype(np.int64) + less


def planes(values: npt.NDArray[Any]) -> list[npt.NDArray[np.uint8]]:
    """The bytes that stand for integers in memory: u8 themselves; of s16 the low ones and, 128 larger, the high ones.

    >>> [plane.tolist() for plane in planes(np.array([0, 1, -1, 300], np.int16))]
    [[0, 1, 255, 44], [128, 128, 127, 129]]
    """
    if values.dtype == np.uint8:
        return [values]
    words = values.astype(np.int64)
    return [(words & 255).astype(np.uint8), ((words >> 8) + 128).astype(np.uint8)]


def round_half_up(value: Fraction) -> int:
    """Nearest integer, halves toward +infinity.

    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(-5, 2))
    (3, -2)
    """
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def quantize(x: npt.ArrayLike, scale: float, zero_point: int, low: int = 0, high: int = 255) -> npt.NDArray[Any]:
    """The input boundary: `clamp(rint_half_even(fl32(x / S)) + zp, low, high)`; NaN becomes zp, infinities saturate.

    uint8 where low is not negative, else int16.

    >>> quantize([0.0, 0.25, 0.75, float("nan"), float("inf"), -9e9], 0.5, 3).tolist()
    [3, 3, 5, 3, 255, 0]
    >>> quantize([0.75, float("inf"), -9e9], 0.5, 0, -32768, 32767).tolist()
    [2, 32767, -32768]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.rint(np.asarray(x, np.float32) / np.float32(scale))
    steps = np.nan_to_num(np.clip(steps, -65536.0, 65536.0), nan=0.0)
    return np.clip(steps.astype(np.int64) + zero_point, low, high).astype(np.uint8 if low >= 0 else np.int16)


def dequantize(q: npt.ArrayLike, scale: float, zero_point: int) -> npt.NDArray[np.float32]:
    """The output boundary: `fl32(fl32(q - zp) * S)`.

    >>> dequantize(np.array([3, 5], np.uint8), 0.5, 3).tolist()
    [0.0, 1.0]
    """
    return (np.asarray(q, np.int64) - zero_point).astype(np.float32) * np.float32(scale)
