"""`clamp(((x*a + b) >> s) + zp, 0, 255)` of 16-bit numbers x, channel by channel, by products of words alone.

The same bytes from factors of 30 bits and one shift for all channels:

    clamp((x*M + C) >> S, 0, 255)  =  clamp((x * (M >> 15) + (C >> 15) + ((x * (M & 32767)) >> 15)) >> (S - 15), 0, 255)

M is near a * 2^(S-s), and C a multiple of 2^15. A byte is at least k from some x on: M and C are right if they make it
so for every k, at the last x before and at the first x behind, and those are found exactly.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN

Array = npt.NDArray[np.int64]

SPLIT = 15  # bits of the lower part of M
FACTOR_BITS, START_BITS = 30, 45  # of M and C: sums then fit int32
LEAST_ROOM = 0.01  # bits
TRIED = sorted(range(-16, 17), key=abs)  # beside the nearest M
MOST_BITS = 61  # of what is computed on the way
STEPS = np.arange(1, 256, dtype=np.int64)


class Copy(NamedTuple):
    """M, C and S, the first two of every channel."""

    factor: Array
    start: Array
    shift: int


def one_multiplication(a: Array, b: Array, s: Array, zero_point: int) -> Copy | None:
    """M, C and S for a, b and s of every channel; None where no M and C of so many bits make the same bytes."""
    if (a < 0).any() or s.max() > MOST_BITS - 9 or np.abs(b).max() >= 1 << MOST_BITS - 1:
        return None
    scale = np.ldexp(1.0, -s)
    reach, offset = float((a * scale).max()), float((np.abs(b) * scale).max()) + zero_point + 1
    if reach == 0:
        return None
    shift = int(min(FACTOR_BITS - np.log2(reach), START_BITS - np.log2(offset), FACTOR_BITS + SPLIT) - LEAST_ROOM)
    if shift < SPLIT or (s < shift).any():
        return None
    first = _first(a, b, s, zero_point)
    down = s - shift
    factor, start = (a + (np.int64(1) << down >> 1)) >> down, np.zeros_like(a)
    left = np.arange(len(a))
    for moved in TRIED:
        fits, start[left] = _starts(factor[left] + moved, first[left], shift)
        factor[left] += np.where(fits, moved, 0)
        left = left[~fits]
        if not len(left):
            return Copy(factor, start, shift)
    return None


def _first(a: Array, b: Array, s: Array, zero_point: int) -> Array:
    """The first x whose byte is at least k, of every channel (rows) and of k = 1..255; one beyond s16 for none."""
    wanted = ((STEPS[None, :] - zero_point) << s[:, None]) - b[:, None]
    first = -(-wanted // np.maximum(a, 1)[:, None])
    first = np.where(a[:, None] == 0, np.where(wanted <= 0, S16_MIN, S16_MAX + 1), first)
    return np.clip(first, S16_MIN, S16_MAX + 1)


def _starts(factor: Array, first: Array, shift: int) -> tuple[npt.NDArray[np.bool_], Array]:
    """Whether there is a C for each M, and the smallest."""
    target, m = STEPS[None, :] << shift, factor[:, None]
    least = np.where(first <= S16_MAX, target - first * m, 1 - (1 << START_BITS)).max(1)
    beyond = np.where(first > S16_MIN, target - (first - 1) * m, 1 << START_BITS).min(1)
    start = -(-least >> SPLIT) << SPLIT
    fits = (start < beyond) & (factor >= 0) & (factor < 1 << FACTOR_BITS) & (np.abs(start) < 1 << START_BITS)
    return fits, start
