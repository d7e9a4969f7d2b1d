"""`(w * M + C) >> r` of 16-bit words, exact, with products of words alone.

M is below 2^30 and not negative, r in 15..46, w signed or below 2^15:

    (w * M + C) >> r = (w * (M >> 15) + (C >> 15) + ((w * (M & 32767) + (C & 32767)) >> 15)) >> (r - 15)

since the sum's lower 15 bits matter to the rest by what they carry alone. Both products are those of words, as
multiply-adds of word pairs make them with 0 for the other word: even words of a vector with the one factor, odd words
with the other. Sums may wrap; what is shifted last must fit int32. z3 proof: `tests/arithmetic`.

A longer M, below 2^45, is in three parts (`LongScale`), and the sums of the first two make another such carry.
"""

from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import LANE, WIDTHS, ByteLanes

SPLIT = 15  # bits of the lower part of M


@dataclass(frozen=True)
class WordScale:
    """Vectors of int32 as wide as the level has them, and a scalar."""

    upper: tuple[c.Value, c.Value]  # M >> 15 in even and in odd words
    lower: tuple[c.Value, c.Value]  # M & 32767
    start_upper: c.Value  # C >> 15
    start_lower: c.Value  # C & 32767
    shift: c.Value  # r - 15

    @staticmethod
    def of(level: str, multiplier: c.Value, constant: c.Value, shift: c.Value) -> "WordScale":
        """From i64 scalars M, C and r."""
        lanes = WIDTHS[level] // 4

        def every(scalar: c.Value) -> c.Value:
            return c.splat(c.truncate(scalar, 32), lanes)

        def pair(scalar: c.Value) -> tuple[c.Value, c.Value]:
            return every(scalar), every(c.shift_left(scalar, 16))

        return WordScale(
            pair(c.shift_right_logical(multiplier, SPLIT)),
            pair(c.both(multiplier, (1 << SPLIT) - 1)),
            every(c.shift_right(constant, SPLIT)),
            every(c.both(constant, (1 << SPLIT) - 1)),
            c.truncate(c.sub(shift, SPLIT), 32),
        )

    def scaled(self, v: ByteLanes, words: c.Value, odd: int) -> c.Value:
        """Of the even or the odd words of a vector, as int32."""

        def row(vector: c.Value) -> c.Value:
            return c.part(vector, 0, v.dwords) if c.lane_count(vector) > v.dwords else vector

        lower = v.dot_words(row(self.start_lower), words, row(self.lower[odd]))
        upper = v.dot_words(row(self.start_upper), words, row(self.upper[odd]))
        return c.shift_right(c.add(upper, c.shift_right(lower, SPLIT)), c.splat(self.shift, v.dwords))


@dataclass(frozen=True)
class LongScale:
    """The same for M below 2^45, and r in 15..60; the result is cut off at the ends of s16."""

    parts: tuple[tuple[c.Value, c.Value], ...]  # of M, 15 bits each from below, in even and in odd words
    starts: tuple[c.Value, ...]  # of C likewise, the last one with its sign
    left: c.Value  # 30 - r, 0 from there on
    right: c.Value  # r - 30, 0 up to there
    carry: c.Value  # r - 15, 15 at most

    @staticmethod
    def of(level: str, multiplier: c.Value, constant: c.Value, shift: c.Value) -> "LongScale":
        """From i64 scalars M, C and r."""
        lanes, mask = WIDTHS[level] // 4, (1 << SPLIT) - 1

        def every(scalar: c.Value) -> c.Value:
            return c.splat(c.truncate(scalar, 32), lanes)

        def digits(value: c.Value) -> list[c.Value]:
            return [
                c.both(value, mask),
                c.both(c.shift_right(value, SPLIT), mask),
                c.shift_right(value, 2 * SPLIT),
            ]

        over = c.sub(shift, 2 * SPLIT)
        return LongScale(
            tuple((every(part), every(c.shift_left(part, 16))) for part in digits(multiplier)),
            tuple(every(part) for part in digits(constant)),
            c.truncate(c.largest(c.sub(c.const(0), over), 0), 32),
            c.truncate(c.largest(over, 0), 32),
            c.truncate(c.smallest(c.sub(shift, SPLIT), SPLIT), 32),
        )

    def scaled(self, v: ByteLanes, words: c.Value, odd: int) -> c.Value:
        """Of the even or the odd words of a vector, as int32."""

        def row(vector: c.Value) -> c.Value:
            return c.part(vector, 0, v.dwords) if c.lane_count(vector) > v.dwords else vector

        def by(count: c.Value) -> c.Value:
            return c.splat(count, v.dwords)

        sums = [
            v.dot_words(row(start), words, row(part[odd])) for start, part in zip(self.starts, self.parts, strict=True)
        ]
        middle = c.add(sums[1], c.shift_right(sums[0], SPLIT))
        upper = c.shift_right(c.add(sums[2], c.shift_right(middle, SPLIT)), by(self.right))
        rest = c.shift_right(c.both(middle, (1 << SPLIT) - 1), by(self.carry))
        total = c.add(c.shift_left(upper, by(self.left)), rest)
        return c.smallest(c.largest(total, -(1 << 15)), (1 << 15) - 1)


def in_order(v: ByteLanes, packed: c.Value) -> c.Value:
    """Bytes that were even words, then odd ones, of both halves of each lane, in their places."""
    order = [
        lane + 8 * half + 4 * odd + i
        for lane in range(0, v.size, LANE)
        for half in (0, 1)
        for i in range(4)
        for odd in (0, 1)
    ]
    return c.shuffle(packed, packed, order)
