"""Functions of 16-bit integers as straight lines, between numbers of few leading bits.

Where a number lies is said by its highest bits, as a float's exponent and mantissa say it, so that lines are short near
0, where functions such as log bend, and as long as that allows far from it. With `b` bits behind the highest one, for x
not below 0 (for others `~x`, and the second half of the table):

    e = max(0, bits of x - b - 1)      i = e * 2^b + (x >> e)      f = x mod 2^e
    value = (start[i] + slope[i] * f + 2^13) >> 14

Numbers below 2^(b+1) have lines of one number, hence their exact values.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

FRACTION_BITS = 14  # of starts and slopes
LONGEST = 15  # bits of a number, without its sign
CHOICES = (5, 7, 9)  # b: 704, 2304 or 7168 lines
LARGEST_START = 1 << 30  # |start| and |start + slope * f| at most: with the rounding they stay inside int32

Integers = npt.NDArray[np.int64]


def lines(bits: int) -> int:
    """How many there are for numbers of one sign.

    >>> [2 * lines(bits) for bits in CHOICES]
    [704, 2304, 7168]
    """
    return (LONGEST + 1 - bits) << bits


def bits_of(count: int) -> int | None:
    """`b` of a table of so many lines; None where there is no such table."""
    return next((bits for bits in CHOICES if 2 * lines(bits) == count), None)


def pieces(bits: int) -> Iterator[tuple[int, int, int, int]]:
    """Of every line, in the table's order: the number that it begins at, the one in its middle, the one that the next
    begins at, and e. Of one number (e = 0) the middle is the number itself."""
    for sign in (0, -1):
        for index in range(lines(bits)):
            exponent = max((index >> bits) - 1, 0)
            place = (index - (exponent << bits)) << exponent
            middle, end = place + (1 << exponent >> 1), place + (1 << exponent)
            yield place ^ sign, middle ^ sign, end ^ sign, exponent


def reach(bits: int) -> Integers:
    """The largest f of every line, numbers not below 0 first."""
    first = np.arange(lines(bits)) >> bits
    return np.tile((1 << np.maximum(first - 1, 0)) - 1, 2)


def values(table: npt.NDArray[np.int32], x: npt.NDArray[np.integer[Any]]) -> Integers:
    """What the lines make of 16-bit integers; the table is [lines, 2]: starts and slopes."""
    start, slope, inside = line_of(table, x)
    return (start + slope * inside + (1 << FRACTION_BITS - 1)) >> FRACTION_BITS


def line_of(table: npt.NDArray[np.int32], x: npt.NDArray[np.integer[Any]]) -> tuple[Integers, Integers, Integers]:
    """(start, slope, f) of 16-bit integers."""
    bits = bits_of(len(table))
    assert bits is not None
    x = x.astype(np.int64)
    place = np.where(x < 0, ~x, x)
    exponent = sum(((place >> (bits + k)) > 0).astype(np.int64) for k in range(1, LONGEST - bits))
    line = table.astype(np.int64)[(exponent << bits) + (place >> exponent) + np.where(x < 0, lines(bits), 0)]
    return line[..., 0], line[..., 1], place & ((1 << exponent) - 1)
