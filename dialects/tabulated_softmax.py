"""Softmax of rows of quantized numbers, whose exponentials are looked up: off by less than a step.

The distance d of a number from its row's largest is a whole number, so that a table has e^-(d * step) for each, with 30
fraction bits. Of 8 bits there are 256 distances; of 16 bits d is 256 * a + b, and two tables are multiplied:

    weight = table[d]                                               or (table[0, b] * table[1, a] + 2^29) >> 30
    total  = sum(weight)                                            at least 2^30
    k      = floor(log2(total)), r = total * 2^(31 - k) rounded down, in [2^31, 2^32)
    R      = 2^62 / r, from 48/17 - 32/17 * r by three steps of Newton's: R + ((R * ((2^62 - r*R) >> 32)) >> 30)
    result = (weight * M + 2^(t-1)) >> t                            with M = (m*R) >> 31 and t = min(s + k, 62)

where 1/S = m * 2^-s. The first R is off by 1/17 of itself, the last by less than 2^-27 and never too large
(`tests/dialects`). Nothing leaves 63 bits: weights are at most 2^30, m and M below 2^31, R at most 2^31. A product is
below 2^61, so that a t beyond 62 would make 0, too.

**Truth.** A weight is off by 2^-31 of the largest, or 2^-30 of it from two tables, and n of them by n times that. Of a
result v steps large that is `v * (n * 2^-30 + 2^-27)` of a step at most, and 2^-30 of the largest number of the row:
below a hundredth of a step of 8 bits in rows of up to 40,000 numbers.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects.rational import exp
from dyadic.runtime import fixedpoint
from dyadic.runtime.fixedpoint import round_half_up

ENTRIES = 256
FRACTION_BITS = 30
LARGEST = 1 << FRACTION_BITS
MOST_SHIFT = 62
FIRST, SLOPE, STEPS = 3031741621, 2021161080, 3  # of one over a sum: 48/17 and 32/17, 30 fraction bits
NOTHING = 22  # e to the power of minus that is below half a unit
MOST_NUMBERS = 1 << 22  # in a row: their sum is below 2^53

Integers = npt.NDArray[np.int64]


def sizes(*, wide: bool) -> list[int]:
    """The dimensions of a table: one row, and another for the upper byte of distances of 16 bits."""
    return [2, ENTRIES] if wide else [ENTRIES]


def table(step: Fraction, *, wide: bool) -> npt.NDArray[np.int32]:
    """`e^-(d * step)` of distances d, halves up, with 30 fraction bits; of `wide` numbers also of d times 256.

    >>> [int(v) for v in table(Fraction(1, 2), wide=False)[[0, 1, 2, 41, 255]]]
    [1073741824, 651257337, 395007542, 1, 0]
    """
    rows = [[entry(step * d * upper) for d in range(ENTRIES)] for upper in (1, ENTRIES)[: 1 + wide]]
    return np.array(rows, np.int32).reshape(sizes(wide=wide))


def entry(x: Fraction) -> int:
    """`e^-x` with 30 fraction bits."""
    return 0 if x > NOTHING else round_half_up(exp(-x) * LARGEST)


def weights(entries: npt.NDArray[Any], distances: Integers) -> Integers:
    """Of distances from 0 to 255, or 65535 where there are two tables."""
    entries = entries.astype(np.int64)
    if entries.ndim == 1:
        return entries[distances]
    product = entries[0][distances & (ENTRIES - 1)] * entries[1][distances >> 8]
    return (product + (LARGEST >> 1)) >> FRACTION_BITS


def reciprocal(total: npt.ArrayLike) -> tuple[Integers, Integers]:
    """(R, k) of sums from 1 to 2^53: R * 2^-(31 + k) is 1/total within 2^-28 of it, and R at most 2^31.

    >>> [v.tolist() for v in reciprocal([1 << 30, (1 << 31) - 1, 3 << 40])]
    [[2147483646, 1073741823, 1431655764], [30, 30, 41]]
    """
    total = np.asarray(total, np.int64)
    k = np.floor(np.log2(total)).astype(np.int64)
    k += (total >> (k + 1) > 0).astype(np.int64) - (total >> k == 0)  # where log2 rounded over a power of two
    r = np.where(k > 31, total >> np.maximum(k - 31, 0), total << np.maximum(31 - k, 0))
    inverse = FIRST - ((SLOPE * r) >> 32)
    for _ in range(STEPS):
        inverse = inverse + ((inverse * (((1 << 62) - r * inverse) >> 32)) >> 30)
    return inverse, k


def softmax(entries: npt.NDArray[Any], x: Integers, multiplier: int, shift: int) -> Integers:
    """Rows in the last dimension, in steps of `2^shift / multiplier`, without zero point and clamp."""
    made = weights(entries, x.max(-1, keepdims=True) - x)
    inverse, k = reciprocal(made.sum(-1, keepdims=True))
    return fixedpoint.round_shift(made * ((multiplier * inverse) >> 31), np.minimum(shift + k, MOST_SHIFT))
