"""Rows of scores in int32 to weights in bytes, and what the rows are requantized with (dialects/integer_softmax.py).

A row's scores lie in scratch memory. Its largest is found in one pass; the other makes 16-bit words of four vectors of
int32, the weights in those, and bytes of two vectors of words. Packing works inside 128-bit lanes, which one shuffle at
the end puts in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dyadic.dialects import integer_softmax as softmax
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import HIGH, SMALL_SHIFT, Rounding

SIGN16 = 0x8000
QUOTIENT_BITS = 17
UNROLLED = 16  # vectors of int32 that are straight-line code
_SUM = {16: "llvm.x86.sse2.psad.bw", 32: "llvm.x86.avx2.psad.bw", 64: "llvm.x86.avx512.psad.bw.512"}
_PACK = {32: "llvm.x86.avx2.packusdw", 64: "llvm.x86.avx512.packusdw.512"}
_PACK_BYTES = {16: "llvm.x86.sse2.packuswb.128", 32: "llvm.x86.avx2.packuswb", 64: "llvm.x86.avx512.packuswb.512"}


@dataclass(frozen=True)
class Rule:
    """Scalars of `softmax.Distances`."""

    multiplier: c.Value
    shift: c.Value
    half: c.Value
    farthest: c.Value


class Rows:
    """Softmax of rows of `keys` scores; memory holds as many as fill vectors of bytes."""

    def __init__(self, level: str, keys: int, rule: Rule, curve: softmax.Curve = softmax.EXPONENTIAL) -> None:
        self.lanes, self.keys, self.rule, self.curve = ByteLanes.of(level), keys, rule, curve

    def weights(self, scores: c.Value, largest: c.Value, masks: Sequence[c.Value], target: c.Value) -> c.Value:
        """Of one row: stores the weights, and zeros behind them; returns their sum in the first of some i32.

        largest: what `largest` says of the row. masks: bytes that are 0 where a key is not valid and -1 elsewhere.
        """
        v, keys, count = self.lanes, self.keys, self.lanes.dwords
        groups = -(-keys // v.size)

        def group(first: c.Value | int, total: c.Value, left: int) -> c.Value:
            """`left` keys from `first` on are real."""
            at = c.at(scores, c.mul(first, 4) if not isinstance(first, int) else 4 * first)
            parts = [c.load(c.vec(count, 32), at, 4 * count * i, align=4 * count) for i in range(4)]
            made = self.bytes_of([self.logarithm(largest, part) for part in parts])
            if left < v.size:
                made = c.both(made, c.lanes([-1] * left + [0] * (v.size - left), 8))
            for mask in masks:
                made = c.both(made, v.load(mask, first))
            c.store(made, target, first, align=v.size)
            return c.add(total, c.intrinsic(_SUM[v.size], c.vec(v.size // 8, 64), made, v.zero_bytes()))

        total, whole = c.zeros(v.size // 8, 64), keys // v.size
        if groups * 4 > UNROLLED and whole:
            (total,) = c.loop(0, whole * v.size, lambda k, t: [group(k, t, v.size)], [total], step=v.size)
        else:
            for i in range(whole):
                total = group(i * v.size, total, v.size)
        if keys % v.size:
            total = group(whole * v.size, total, keys % v.size)
        while (n := c.lane_count(total)) > 2:
            total = c.add(c.part(total, 0, n // 2), c.part(total, n // 2, n // 2))
        return c.bits_as(c.add(total, c.shuffle(total, total, (1, 0))), 4, 32)

    def largest(self, scores: c.Value) -> c.Value:
        """Of a row, whose scores end with a whole vector of 16; in every lane."""
        count = self.lanes.dwords
        vectors = -(-self.keys // LANES) * LANES // count

        def load(offset: c.Value | int) -> c.Value:
            return c.load(c.vec(count, 32), scores, offset, align=4 * count)

        if vectors <= UNROLLED:
            found = [load(4 * count * i) for i in range(vectors)]
        else:
            most = load(0)
            found = c.loop(4 * count, 4 * count * vectors, lambda o, m: [c.largest(m, load(o))], [most], step=4 * count)
        while len(found) > 1:
            found = [
                c.largest(*pair) if len(pair) == 2 else pair[0]
                for pair in (found[i : i + 2] for i in range(0, len(found), 2))
            ]
        most = found[0]
        while (n := c.lane_count(most)) > 1:
            most = c.largest(c.part(most, 0, n // 2), c.part(most, n // 2, n // 2))
        return c.splat(c.element(most, 0), count)

    def logarithm(self, largest: c.Value, scores: c.Value) -> c.Value:
        """`u` of int32 scores."""
        count, rule = c.lane_count(scores), self.rule
        distance = c.smallest_unsigned(c.sub(largest, scores), c.splat(rule.farthest, count))
        scaled = c.add(c.mul(distance, c.splat(rule.multiplier, count)), c.splat(rule.half, count))
        return c.shift_right_logical(scaled, c.splat(rule.shift, count))

    def bytes_of(self, u: list[c.Value]) -> c.Value:
        """Weights of four vectors of `u`, in order."""
        size = self.lanes.size
        words = [self.word_weights(self.words(u[i], u[i + 1])) for i in (0, 2)]
        packed = c.intrinsic(_PACK_BYTES[size], c.vec(size, 8), *words)
        lanes = size // 16
        if lanes == 1:
            return packed
        dwords = c.bits_as(packed, size // 4, 32)
        order = [lane * 4 + i for i in range(4) for lane in range(lanes)]
        return c.bits_as(c.shuffle(dwords, dwords, order), size, 8)

    def words(self, a: c.Value, b: c.Value) -> c.Value:
        """Unsigned int32 below 2^16 as words, inside 128-bit lanes."""
        size = self.lanes.size
        if size in _PACK:
            return c.intrinsic(_PACK[size], c.vec(size // 2, 16), a, b)
        signed = c.intrinsic("llvm.x86.sse2.packssdw.128", c.vec(8, 16), c.sub(a, SIGN16), c.sub(b, SIGN16))
        return c.exclusive(signed, -SIGN16)

    def word_weights(self, u: c.Value) -> c.Value:
        """The polynomial, and the shift by the whole part of the logarithm."""
        bits = softmax.FRACTION_BITS
        f = c.shift_left(u, 16 - bits)
        square = multiply_high(f, self.curve.square)
        e = c.sub(_word(self.curve.one, u), multiply_high(f, c.sub(_word(self.curve.linear, u), square)))
        whole = c.shift_right_logical(u, bits)
        if self.lanes.size == 64:
            e = c.intrinsic("llvm.x86.avx512.psrlv.w.512", u.type, e, whole)
        else:
            e = c.shift_right_logical(e, c.smallest(whole, 15))  # by 15 it is 0 or 1: no weight, too
        return c.shift_right_logical(c.add(e, 128), 8)


def _word(value: int, like: c.Value) -> c.Value:
    """A constant of 16 bits without a sign."""
    return c.fill(value - (1 << 16) if value >= SIGN16 else value, c.lane_count(like), 16)


def multiply_high(a: c.Value, b: c.Value | int) -> c.Value:
    """The upper 16 of the 32 bits of a product without signs."""
    b = _word(b, a) if isinstance(b, int) else b
    product = c.mul(c.extend(a, 32, signed=False), c.extend(b, 32, signed=False))
    return c.truncate(c.shift_right_logical(product, 16), 16)  # pmulhuw


@dataclass(frozen=True)
class Context:
    """Scalars: `multiplier` and `shift` of the ratio of v's step to the result's, its zero point, and 128 - zv."""

    multiplier: c.Value
    shift: c.Value
    zero_point: c.Value
    correction: c.Value


class RowScales:
    """What each of up to 16 rows is requantized with, from the sums of their weights, through scratch memory:
    rows of 16 int32 with multipliers, shifts (less 32 in the high form), roundings, and what sums begin at."""

    MULTIPLIER, SHIFT, ROUNDING, START = 0, 64, 128, 192
    BYTES = 256
    MOST_ROWS = LANES

    def __init__(self, level: str, form: str, context: Context, table: c.Value) -> None:
        assert form in (HIGH, SMALL_SHIFT)
        self.level, self.form, self.context, self.table = level, form, context, table
        self.scalar = level == "x86-64"  # has no shift by another number in every lane

    def begin(self) -> list[c.Value]:
        """What a loop over rows carries for `row`: their sums, since a load of what was just stored apart has to wait
        for all of it."""
        return [] if self.scalar else [c.zeros(LANES, 32)]

    def add_row(self, r: c.Value, total: c.Value, before: Sequence[c.Value]) -> list[c.Value]:
        """Row r, whose sum is the first lane of `total`: what to carry on."""
        if self.scalar:
            self._make(c.element(total, 0), c.mul(r, 4))
            return []
        last = c.shuffle(total, total, [0] * LANES)
        return [c.shuffle(before[0], last, range(1, LANES + 1))]

    def make(self, carried: Sequence[c.Value], rows: int) -> None:
        """Of `rows` rows that were added."""
        if not self.scalar:
            self._make(c.shuffle(carried[0], carried[0], [(LANES - rows + r) % LANES for r in range(LANES)]), 0)

    def _make(self, total: c.Value, offset: c.Value | int) -> None:
        count = 1 if self.scalar else LANES

        def each(value: c.Value) -> c.Value:
            return value if count == 1 else c.splat(value, count)

        # less than one weight of 255 is only where nothing is valid
        total_or_one = c.largest(total, softmax.LARGEST_WEIGHT)
        zeros = c.leading_zeros(total_or_one)
        norm, log2 = c.shift_left(total_or_one, zeros), c.sub(each(c.const(31, 32)), zeros)
        multiplier = self.scaled(reciprocal(c.shift_right_logical(norm, 16)), count)
        shift = c.add(each(self.context.shift), log2)
        if self.form == HIGH:
            shift = c.sub(shift, 32)
            half = c.add(c.shift_left(self.context.zero_point, 1), 1)  # in halves of a step
            c.store(c.shift_left(each(half), c.sub(shift, 1)), c.at(self.table, self.ROUNDING), offset, align=4)
        c.store(multiplier, c.at(self.table, self.MULTIPLIER), offset, align=4)
        c.store(shift, c.at(self.table, self.SHIFT), offset, align=4)
        start = c.mul(total, each(self.context.correction))
        c.store(start, c.at(self.table, self.START), offset, align=4)

    def scaled(self, inverse: c.Value, count: int) -> c.Value:
        """`(m * R) >> 16`, below 2^31."""
        m = self.context.multiplier
        if count == 1:
            product = c.mul(c.extend(m, 64, signed=False), c.extend(inverse, 64, signed=False))
            return c.truncate(c.shift_right_logical(product, 16), 32)
        factor = c.splat(c.extend(m, 64, signed=False), count // 2)
        pairs = c.bits_as(inverse, count // 2, 64)
        even, odd = c.both(pairs, (1 << 32) - 1), c.shift_right_logical(pairs, 32)
        low = c.shift_right_logical(c.mul(even, factor), 16)
        high = c.shift_left(c.shift_right_logical(c.mul(odd, factor), 16), 32)
        return c.bits_as(c.either(low, high), count, 32)

    def ready(self) -> "RowScales":
        """The same behind what was made: LLVM would keep all rows' numbers in registers, or rather on the stack, where
        broadcasts from memory cost nothing."""
        return RowScales(self.level, self.form, self.context, c.opaque(self.table))

    def start(self, row: int | c.Value) -> c.Value:
        """What the sums of a row begin at: v is taken less 128, not less its zero point."""
        return c.splat(c.load(c.integer(32), self._entry(row), self.START, align=4), LANES)

    def row(self, row: int | c.Value) -> "RowRounding":
        """How the sums of a row are rounded."""
        return RowRounding(self._entry(row), self.form)

    def _entry(self, row: int | c.Value) -> c.Value:
        return c.at(self.table, 4 * row if isinstance(row, int) else c.mul(row, 4))


class RowRounding(Rounding):
    """One multiplier and shift for all channels of a row."""

    def __init__(self, entry: c.Value, form: str) -> None:
        def scalar(offset: int) -> c.Value:
            return c.load(c.integer(32), entry, offset, align=4)

        self.form = form
        self.multiplier = c.splat(scalar(RowScales.MULTIPLIER), LANES)
        shift = scalar(RowScales.SHIFT)
        self.shift = c.splat(shift, LANES)
        if form == HIGH:
            self.rounding = c.splat(scalar(RowScales.ROUNDING), LANES)
        else:
            half = c.shift_left(c.const(1), c.sub(c.extend(shift, 64, signed=False), 1))
            self.round_even = self.round_odd = c.splat(half, LANES // 2)


def reciprocal(r: c.Value) -> c.Value:
    """`floor(2^31 / r)` of r in [2^15, 2^16), bit by bit: 16 bits of the dividend are one below r or r itself."""
    rest, missing = c.like(r, 1 << 15), c.like(r, 0)
    for bit in range(QUOTIENT_BITS):
        if bit:
            rest, missing = c.add(rest, rest), c.add(missing, missing)
        less = c.sub(rest, r)
        missing = c.add(missing, c.shift_right(less, 31))  # -1 where r does not fit
        rest = c.smallest_unsigned(rest, less)  # what is below 0 is large
    return c.add(missing, (1 << QUOTIENT_BITS) - 1)
