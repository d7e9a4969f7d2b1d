"""Rows over their own standard deviation or root mean square, then gain and bias (`qi.layer_norm`).

A row's numbers are words w, in the order that interleaving leaves them in, with w = x + zero point. Sums give V, one
scalar Newton step R = floor(2^31 / sqrt(v)), and

    xhat = (w * M + C) >> r      M = n * R, below 2^28;   C = 2^(r-1) - total * R

is what `word_scale.py` computes with products of words. A row of so little variance that r < 15 is moved and scaled
first: r = 15 and w = (x - (first x)) * 2^(15-r), which fits a word, since |x - mean| <= sqrt(V / n), and
V < 2^(2F + 2r - 30). Rows that are not centered are moved by their zero point.

A row longer than 4095 has its variance in 128 bits and M in three parts; what is beyond s16 is cut off.

A result of 16 bits may have a copy of 8 bits beside it (`one_multiplication.py`): one more plane, behind the other two,
of the bytes that words become while they are in registers.

R is the table's entry for the upper eight bits of v, improved once: `y * (3 - y^2 * v) / 2`, rounded down, which is
never too large, and too small by at most two, for every v.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import LANE, ByteLanes, Narrow, with_dot_words
from dyadic.passes.lower.cpu.kernels.vocabulary.one_multiplication import Copy
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import SHORT
from dyadic.passes.lower.cpu.kernels.vocabulary.row_sums import sums
from dyadic.passes.lower.cpu.kernels.vocabulary.rows import Row
from dyadic.passes.lower.cpu.kernels.vocabulary.units import unit_at, units_of
from dyadic.passes.lower.cpu.kernels.vocabulary.word_scale import SPLIT, LongScale, WordScale, in_order
from dyadic.passes.lower.memory.strided import Strided

HEADER = 16  # int32: zero point, low, high of the result, shift, epsilon (two), zero point of the input
SHIFT, EPSILON, ZERO, COPY_SHIFT = 3, 4, 6, 7
FIRST_SEED, LAST_SEED = 64, 256  # the upper eight bits of v
SEEDS = LAST_SEED - FIRST_SEED
GROUP = 64  # numbers whose gains, then biases follow each other: even and odd words of both halves of every lane
TABLE_BYTES = 2 * SEEDS
GROUPS = 4 * HEADER + TABLE_BYTES  # bytes before the first group
GROUP_BYTES = 8 * GROUP
COPY_ROWS = 3  # of 64 numbers: lower and upper parts of factors, what sums start at
COPY_BYTES = 4 * COPY_ROWS * GROUP
ROOT_BITS = 31
LONGEST_SHORT = 4095
LONG = 128  # bits of the variance of a longer row


@dataclass(frozen=True)
class LayerNormSpec:
    """`rows` rows of `channels` numbers; `bits` are the fraction bits of normalized ones. A column is a whole row."""

    rows: int
    channels: int
    unit_rows: int
    x: Strided
    out: Strided
    bits: int
    centered: bool
    clamp: bool
    uniform: bool = False  # one gain and one bias for all
    copied: bool = False  # a third plane has the copy
    outer: tuple[int, ...] = ()

    @property
    def long(self) -> bool:
        """Whether n^2 * 2^30 leaves 64 bits, M 28 and normalized numbers s16."""
        return self.channels > LONGEST_SHORT

    @property
    def copy_place(self) -> int:
        """Where the copy's numbers begin in the parameters, in bytes."""
        return GROUPS + (1 if self.uniform else -(-self.channels // GROUP)) * GROUP_BYTES

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def seeds() -> npt.NDArray[np.uint16]:
    """2^31 / sqrt(v) in the middle of all v with the same upper eight bits."""
    middle = (np.arange(FIRST_SEED, LAST_SEED) + 0.5) * float(1 << 24)
    return np.minimum(np.rint(float(1 << ROOT_BITS) / np.sqrt(middle)), 65535).astype(np.uint16)


def pack_params(
    gain: npt.NDArray[np.int64],
    bias: npt.NDArray[np.int64],
    shift: int,
    epsilon: int,
    zero_point: int,
    header: list[int],
    copy: Copy | None = None,
) -> npt.NDArray[np.int32]:
    """Header (zero point, low, high of the result, ...), the seeds, for every 64 numbers gains and biases, and what
    makes the copy.

    Where all are equal, `gain` and `bias` may be those of 64 numbers.
    A gain is the lower word of an int32 whose upper one is 0; a bias has what rounds and the zero point added.
    """
    head = np.zeros(HEADER, np.int32)
    head[:SHIFT] = header
    head[SHIFT], head[ZERO] = shift, zero_point
    head[EPSILON : EPSILON + 2] = np.array([epsilon], np.int64).view(np.int32)
    groups = -(-len(gain) // GROUP)
    packed = np.zeros((groups, 2, 4, GROUP // 4), np.int64)
    offset = bias + (1 << shift - 1) + (header[0] << shift)
    for part, values in enumerate((gain & 0xFFFF, offset)):
        padded = np.zeros(groups * GROUP, np.int64)
        padded[: len(values)] = values
        # [group, lane, half of a lane, pair, word of a pair] --> [group, (half, word), (lane, pair)]
        ordered = padded.reshape(groups, GROUP // LANE, 2, 4, 2).transpose(0, 2, 4, 1, 3)
        packed[:, part] = ordered.reshape(groups, 4, GROUP // 4)
    made = [head, seeds().view(np.int32), packed.reshape(-1).astype(np.int32)]
    if copy is not None:
        head[COPY_SHIFT] = copy.shift
        made.append(_pack_copy(copy))
    return np.concatenate(made)


def _pack_copy(copy: Copy) -> npt.NDArray[np.int32]:
    """For every 64 numbers the lower and the upper words of factors, each where its number is and 0 in the other word
    of an int32, and what sums start at; in the order that words have once they are packed (`_copied_number`)."""
    groups = -(-len(copy.factor) // GROUP)
    rows = np.zeros((COPY_ROWS, groups * GROUP), np.int64)
    mask = (1 << SPLIT) - 1
    rows[:, : len(copy.factor)] = copy.factor & mask, copy.factor >> SPLIT, copy.start >> SPLIT
    lanes = rows.reshape(COPY_ROWS, groups, GROUP // LANE, LANE)[..., _copied_number()]  # [row, group, lane, vector, i]
    lanes[:2, ..., 1::2, :] <<= 16  # of odd words
    ordered = lanes.transpose(1, 0, 3, 2, 4).reshape(groups, COPY_ROWS, 4, GROUP // 4)
    return ordered.reshape(-1).astype(np.int32)


def _copied_number() -> npt.NDArray[np.int64]:
    """[vector, dword of a lane]: which of a lane's 16 numbers the even (first) or odd words of the first, then of the
    second half of them are: packing leaves the even numbers of a half in front of the odd ones."""
    half, odd, dword = np.ix_(range(2), range(2), range(4))
    word = 2 * dword + odd
    return (8 * half + 2 * (word % 4) + word // 4).reshape(4, 4)


def generate(spec: LayerNormSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        kernel = _Kernel(spec, level, k)

        def unit(index: c.Value) -> None:
            here = unit_at(spec, index)
            x, out = here.of(k.input(0), spec.x), here.of(k.out, spec.out)
            # a row's scalars take as long as its vectors: those of the next one are in work meanwhile
            last = spec.unit_rows - 1
            at = [lambda y, view=view: c.at(view.pointer, c.mul(y, view.row)) for view in (x, out)]

            def row(y: c.Value, *factor: c.Value) -> list[c.Value]:
                after = kernel.factor(at[0](c.smallest(c.add(y, 1), last)))
                kernel.row(at[0](y), at[1](y), _Factor(*factor))
                return list(after)

            c.loop(0, spec.unit_rows, row, kernel.factor(x.pointer))

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body, features=with_dot_words(level))


class _Factor(NamedTuple):
    """What a row is multiplied by, as i64: R, `total` and r."""

    root: c.Value
    total: c.Value
    shift: c.Value


class _Kernel:
    def __init__(self, spec: LayerNormSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.level, self.params = spec, level, k.params
        self.x = Row(level, spec.channels, spec.x.plane)
        self.narrow = Narrow.load(k.params, SHORT, clamp=spec.clamp, wide=spec.out.plane > 0)
        self.narrow.zero_point = None  # the biases have it
        self.shift = c.load(c.integer(32), k.params, 4 * SHIFT, align=4)
        self.epsilon = c.load(c.integer(64), k.params, 4 * EPSILON, align=4)
        self.zero = c.load(c.integer(32), k.params, 4 * ZERO, align=4)
        self.copy_shift = c.sub(c.load(c.integer(32), k.params, 4 * COPY_SHIFT, align=4), SPLIT)

    def row(self, source: c.Value, target: c.Value, factor: "_Factor") -> None:
        root, total, shift = factor

        def straight() -> None:
            self.normalize(source, target, self.scale(root, total, shift), None)

        def moved() -> None:
            first = self.x.number(source) if self.spec.centered else c.extend(self.zero, 64, signed=True)
            by = c.sub(c.const(SPLIT), shift)
            rest = c.shift_left(c.sub(total, c.mul(first, self.spec.channels)), by)
            move = c.truncate(first, 16), c.truncate(by, 16)
            self.normalize(source, target, self.scale(root, rest, c.const(SPLIT)), move)

        c.choose(c.less(shift, SPLIT), moved, straight)

    # --- scalars

    def factor(self, source: c.Value) -> "_Factor":
        """Of the row at `source`."""
        sum_, squares = sums(self.x, source)
        n = self.spec.channels
        if self.spec.centered:  # the zero point cancels
            total, variance = sum_, c.sub(self.product(squares, n), self.product(sum_, sum_))
        else:
            zero = c.extend(self.zero, 64, signed=True)
            total = c.mul(zero, n)
            less = c.mul(zero, c.sub(c.shift_left(sum_, 1), total))
            variance = self.product(c.sub(squares, less), n)
        epsilon = c.extend(self.epsilon, LONG, signed=True) if self.spec.long else self.epsilon
        root, left = self.root(c.add(variance, epsilon))
        # r = 31 - F + e/2, and e is what is left of the upper bits of V once it was shifted left
        shift = c.sub(c.const(31 - self.spec.bits + (LONG - 32 if self.spec.long else 32) // 2), left)
        return _Factor(root, total, shift)

    def product(self, a: c.Value, b: c.Value | int) -> c.Value:
        """Of i64; as i128 where that is needed."""
        if not self.spec.long:
            return c.mul(a, b)
        return c.mul(c.extend(a, LONG, signed=True), b if isinstance(b, int) else c.extend(b, LONG, signed=True))

    def root(self, variance: c.Value) -> tuple[c.Value, c.Value]:
        """R, and half the number of bits that V was shifted left by to have v on top."""
        bits = LONG if self.spec.long else 64
        zeros = c.intrinsic(f"llvm.ctlz.i{bits}", c.integer(bits), variance, c.const(1, 1))
        left = c.both(zeros, -2)
        v = c.shift_right_logical(c.shift_left(variance, left), bits - 32)
        if self.spec.long:
            v, left = c.truncate(v, 64), c.truncate(left, 64)
        entry = c.shift_left(c.shift_right_logical(v, 24), 1)
        seed = c.load(c.integer(16), c.at(self.params, 4 * HEADER - 2 * FIRST_SEED), entry, align=2)
        y = c.extend(seed, 64, signed=False)
        square = c.shift_right_logical(c.mul(c.mul(y, y), v), 38)  # 1 is 2^24
        y = c.shift_right_logical(c.mul(y, c.sub(c.const((3 << 24) - 1), square)), 25)
        root = y
        for more in (1, 2):
            larger = c.add(y, more)
            fits = c.less(c.mul(c.mul(larger, larger), v), (1 << 62) + 1)
            root = c.add(root, c.extend(fits, 64, signed=False))
        return c.smallest(root, 65535), c.shift_right_logical(left, 1)

    def scale(self, root: c.Value, total: c.Value, shift: c.Value) -> WordScale | LongScale:
        """M = n * R, and C = 2^(r-1) - total * R."""
        half = c.shift_left(c.const(1), c.sub(shift, 1))
        kind = LongScale if self.spec.long else WordScale
        return kind.of(self.level, c.mul(root, self.spec.channels), c.sub(half, c.mul(total, root)), shift)

    # --- vectors

    def normalize(
        self, source: c.Value, target: c.Value, scale: WordScale | LongScale, move: tuple[c.Value, c.Value] | None
    ) -> None:
        """Every number of a row to bytes in memory; `move`: what is subtracted from words, and their shift."""
        groups = c.at(self.params, GROUPS)

        def vector(v: ByteLanes, offset: c.Value, count: int) -> None:
            # a group has its numbers' lanes one after the other, whatever part of it a vector is
            group = c.const(0) if self.spec.uniform else c.mul(c.shift_right_logical(offset, 6), GROUP_BYTES)
            entries = c.at(groups, c.add(group, c.both(offset, GROUP - 1)))
            dwords: list[c.Value] = []
            for half, words in enumerate(self.x.words(v, source, offset, v.size)):
                if move is not None:
                    first, by = (c.splat(value, v.size // 2) for value in move)
                    words = c.shift_left(c.sub(words, first), by)
                for odd in (0, 1):
                    dwords.append(self.affine(v, scale.scaled(v, words, odd), entries, 2 * half + odd))
            packed = [in_order(v, plane) for plane in v.pack(dwords, self.narrow)]
            if self.spec.copied:
                packed.append(self.copy(v, v.saturated(dwords, self.narrow), offset))
            v.store_planes(packed, target, offset, count, self.spec.out.plane)

        self.x.over(vector, narrow=True)

    def copy(self, v: ByteLanes, words: tuple[c.Value, c.Value], offset: c.Value) -> c.Value:
        """Bytes of the copy of packed words."""
        group = c.mul(c.shift_right_logical(offset, 6), COPY_BYTES)
        entries = c.at(self.params, c.add(c.add(group, self.spec.copy_place), c.both(offset, GROUP - 1)))

        def entry(row: int, number: int) -> c.Value:
            return c.load(c.vec(v.dwords, 32), entries, 4 * GROUP * row + GROUP * number, align=LANE)

        dwords: list[c.Value] = []
        for half, word in enumerate(words):
            for number in (2 * half, 2 * half + 1):
                lower = v.add_products(c.zeros(v.dwords, 32), word, entry(0, number))
                upper = v.dot_words(c.shift_right(lower, SPLIT), word, entry(1, number))
                dwords.append(c.shift_right(c.add(upper, entry(2, number)), c.splat(self.copy_shift, v.dwords)))
        (packed,) = v.pack(dwords, Narrow(None, None))
        order = np.argsort(_copied_number().reshape(-1))
        return c.shuffle(packed, packed, [lane + int(i) for lane in range(0, v.size, LANE) for i in order])

    def affine(self, v: ByteLanes, normalized: c.Value, entries: c.Value, place: int) -> c.Value:
        """Gain, bias and shift, before saturation."""
        kind = c.vec(v.dwords, 32)
        gain, bias = (c.load(kind, entries, 64 * (place + part), align=LANE) for part in (0, 4))
        return c.shift_right(v.dot_words(bias, normalized, gain), c.splat(self.shift, v.dwords))
