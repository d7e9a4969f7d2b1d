"""Softmax in integers, without a division: weights of 8 bits that are not normalized, and one over their sum.

A row of scores becomes weights whose largest is 255, and the exact sum of these. What is weighted with them is then
requantized by a multiplier of the row's own, which has one over the sum in it. 11 fraction bits of a logarithm to base
2 and a polynomial of degree 2 fit in 16-bit lanes:

    d = min(max - score, farthest)
    u = (d*m + 2^(s-1)) >> s                                        -log2 of the weight, 11 fraction bits, below 2^16
    f = (u << 5) & 65535
    e = 65280 - ((f * (43725 - ((f * 11085) >> 16))) >> 16)         65280 * 2^-f, within 0.271 %
    weight = ((e >> (u >> 11)) + 128) >> 8                          255 * 2^-u, within 1.08; 0 from u = 18420 on

Networks that were trained with another function than the exponential have a curve of their own in place of these three
numbers. Over all u (`tests/dialects/test_integer_softmax.py`) the weight never rises. One over a sum t: r is t shifted
to [2^15, 2^16), R = floor(2^31 / r), all of whose bits are exact; k = floor(log2 t), and R * 2^-(16+k) is 1/t within
2^-15 of it.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.dialects.rational import LOG2_E
from dyadic.runtime.fixedpoint import round_half_up

FRACTION_BITS = 11
LARGEST_WEIGHT = 255
NOTHING = 18420  # the smallest u whose weight is 0; of any curve 9 * 2^11
WORD = 65535
MOST_SHIFT = 30

Integers = npt.NDArray[np.int64]


class Curve(NamedTuple):
    """`one - ((f * (linear - ((f * square) >> 16))) >> 16)`, about 65280 * 2^-f for f in [0, 1), times 2^16."""

    one: int
    linear: int
    square: int

    @property
    def fits(self) -> bool:
        """Whether every step stays in unsigned integers of 32 bits, 128 more than the result in 16, and it falls."""
        inner = self.linear - self.square
        return 0 < inner <= self.linear <= WORD and self.square >= 0 and inner <= self.one - 128 <= WORD - 256


EXPONENTIAL = Curve(65280, 43725, 11085)


class Distances(NamedTuple):
    """How the distance of a score from the largest becomes `u`; beyond `farthest` it makes no difference."""

    multiplier: int
    shift: int
    farthest: int

    def u(self, distance: npt.ArrayLike) -> Integers:
        """`(min(distance, farthest) * m + 2^(s-1)) >> s`."""
        d = np.minimum(np.asarray(distance, np.int64), self.farthest)
        return (d * self.multiplier + (1 << self.shift >> 1)) >> self.shift

    @property
    def fits(self) -> bool:
        """Whether everything stays in unsigned integers of 32 bits, and `u` in 16."""
        most = self.farthest * self.multiplier + (1 << self.shift >> 1)
        return most < 1 << 32 and most >> self.shift <= WORD


def distances(step: Fraction, most: int, log2_e: Fraction = LOG2_E) -> Distances:
    """For scores that are integers times `step` and never farther apart than `most`.

    `log2_e` is what the network takes for the logarithm of e. The largest shift that fits is taken. `farthest` is
    the last distance that makes a `u` of 16 bits, or `most`.

    >>> distances(Fraction(1, 2000), 1 << 24)
    Distances(multiplier=96818, shift=16, farthest=44360)
    >>> distances(Fraction(1, 10**8), 1 << 20)                          # scores that are close together
    Distances(multiplier=3966, shift=27, farthest=1048576)
    """
    # one step more than NOTHING apart is as good as any more; zero scores have a step all the same
    ratio = min(step * log2_e * (1 << FRACTION_BITS), Fraction(NOTHING))
    for shift in range(MOST_SHIFT, 1, -1):
        multiplier = max(round_half_up(ratio * (1 << shift)), 1)
        farthest = min(((WORD << shift) + (1 << shift >> 1) - 1) // multiplier, most)
        found = Distances(multiplier, shift, farthest)
        if found.fits:
            return found
    raise AssertionError("a shift of 16 always fits")


def weight(u: npt.ArrayLike, curve: Curve = EXPONENTIAL) -> Integers:
    """255 * 2^-(u / 2^11) of any u below 2^16, as `curve` has it.

    >>> weight([0, 2048, 4096, 18419, 18420]).tolist()
    [255, 128, 64, 1, 0]
    """
    u = np.asarray(u, np.int64)
    f = (u << (16 - FRACTION_BITS)) & WORD
    e = curve.one - ((f * (curve.linear - ((f * curve.square) >> 16))) >> 16)
    return ((e >> (u >> FRACTION_BITS)) + 128) >> 8


def weights(
    scores: Integers, valid: npt.NDArray[Any], rule: Distances, curve: Curve = EXPONENTIAL
) -> tuple[Integers, Integers]:
    """(weights, their sum) of rows of scores in the last dimension; 0 where not valid, whose scores do not count."""
    scores, valid = np.broadcast_arrays(scores, valid != 0)
    lowest = np.int64(-(1 << 40))
    largest = np.where(valid, scores, lowest).max(-1, keepdims=True)
    w = np.where(valid, weight(rule.u(np.where(valid, largest - scores, 0)), curve), 0)
    return w, w.sum(-1, keepdims=True)


def reciprocal(total: npt.ArrayLike) -> tuple[Integers, Integers]:
    """(R, k) of positive sums below 2^31: `R = floor(2^31 / r)`, r the sum shifted to [2^15, 2^16), k its log2.

    >>> [v.tolist() for v in reciprocal([255, 32768, 65535])]
    [[32896, 65536, 32768], [7, 15, 15]]
    """
    total = np.asarray(total, np.int64)
    k = np.floor(np.log2(total)).astype(np.int64)
    k += (total >> (k + 1) > 0).astype(np.int64) - (total >> k == 0)  # where log2 rounded over a power of two
    r = np.where(k > 15, total >> np.maximum(k - 15, 0), total << np.maximum(15 - k, 0))
    return (1 << 31) // r, k
