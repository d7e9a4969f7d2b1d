"""Division by 16-bit integers: a multiplication with one over them, from straight lines.

`M(b)` is near `r / b` for some r below 2^30, of 0 that of 1. Its lines are those of `piecewise_linear.py` with 7 bits
behind the highest one, slopes having 10 fraction bits:

    M = start[i] + ((slope[i] * f + 2^9) >> 10)

A chord of 1/b over 1/128 of b, moved by half of its bend, is off by 2^-17 of it; sizes below 256 have exact lines.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import piecewise_linear
from dyadic.runtime.fixedpoint import round_half_up

BITS = 7
SIZES = [2 * piecewise_linear.lines(BITS), 2]
SLOPE_BITS = 10
SHIFT_MIN, SHIFT_MAX = 16, 45  # kernels split products into parts of 15 bits, whose sums fit int32
LARGEST = 1 << 30  # |M| is below it, and so is |slope * f|

Integers = npt.NDArray[np.int64]


def multipliers(table: npt.NDArray[np.int32], b: npt.NDArray[np.integer[Any]]) -> Integers:
    """M of 16-bit integers."""
    start, slope, inside = piecewise_linear.line_of(table, b)
    return start + ((slope * inside + (1 << SLOPE_BITS - 1)) >> SLOPE_BITS)


def fits(table: npt.NDArray[np.int32]) -> bool:
    """Whether all multipliers, and what is added to starts before it is narrowed, stay below their bounds."""
    start, slope = table.astype(np.int64).T
    added = slope * piecewise_linear.reach(BITS)
    ends = start + ((added + (1 << SLOPE_BITS - 1)) >> SLOPE_BITS)
    return bool(max(np.abs(start).max(), np.abs(ends).max(), np.abs(added).max()) < LARGEST)


def shift_of(ratio: Fraction) -> int:
    """The largest shift with which `ratio * 2^s` is below 2^30, in [16, 45].

    >>> [shift_of(Fraction(1, 1 << n)) for n in (40, 1, 0)], shift_of(Fraction(1 << 20))
    ([45, 30, 29], 16)
    """
    shift = SHIFT_MAX
    while shift > SHIFT_MIN and ratio * (1 << shift) >= LARGEST:
        shift -= 1
    return shift


def line_table(ratio: Fraction) -> tuple[npt.NDArray[np.int32], int]:
    """(the lines of `ratio * 2^s / b`, s)."""
    shift = shift_of(ratio)
    scaled, most = ratio * (1 << shift), Fraction(LARGEST - 1)

    def at(place: int) -> Fraction:
        return min(max(scaled / (place or 1), -most), most)  # beyond it a step of a makes 2^14 of the result

    rows = []
    for *places, exponent in piecewise_linear.pieces(BITS):
        start, middle, end = map(at, places)
        bend = middle - (start + end) / 2 if exponent else Fraction(0)
        slope = (end - start) * (1 << SLOPE_BITS) / (1 << exponent) if exponent else Fraction(0)
        rows.append((round_half_up(start + bend / 2), round_half_up(slope)))
    return np.array(rows, np.int32), shift
