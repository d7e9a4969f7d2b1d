"""Softmax of rows that stands alone (`qi.softmax`): exponentials from a table, then one over their sum as a multiplier.

Three passes over a row. The first finds its largest number; the second looks up one number at a time, adds and leaves
what it found in scratch memory (of bytes by plain stores, since LLVM would gather, which takes longer); the third
requantizes that in vectors. `(w * M + 2^(t-1)) >> t` is made of the high halves of 64-bit products of even and of odd
lanes, as t is 32 at least.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.dialects.tabulated_softmax import ENTRIES, FIRST, FRACTION_BITS, LARGEST, MOST_SHIFT, SLOPE, STEPS
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import LANE, SIGN, ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import SHORT, interleave_high, pairs
from dyadic.passes.lower.cpu.kernels.vocabulary.rows import Row, first
from dyadic.passes.lower.cpu.kernels.vocabulary.units import unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided

MULTIPLIER, SHIFT = 3, 4  # places in the parameters, int32, behind zero point, low and high of the result
PARAMS = 16
AT_ONCE = 64  # numbers that the last pass may read together
UNROLLED = 4  # numbers looked up in straight-line code
WORD_MASK = (1 << 32) - 1


@dataclass(frozen=True)
class SoftmaxSpec:
    """`rows` rows of `channels` numbers. A column is a whole row. The tables of exponentials are the weights."""

    rows: int
    channels: int
    unit_rows: int
    x: Strided
    out: Strided
    clamp: bool
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of one thread."""
        return 4 * -(-self.channels // AT_ONCE) * AT_ONCE


def pack_table(table: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
    """The kernel's weights. For bytes from the farthest to the nearest, so that numbers, not distances, are places."""
    ordered = table[::-1] if table.ndim == 1 else table
    return np.ascontiguousarray(ordered).view(np.int8).reshape(-1)


def pack_params(multiplier: int, shift: int, header: list[int]) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result."""
    params = np.zeros(PARAMS, np.int32)
    params[: SHIFT + 1] = [*header[:3], multiplier, shift]
    return params


def generate(spec: SoftmaxSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        kernel = _Kernel(spec, level, k)

        def unit(index: c.Value) -> None:
            here = unit_at(spec, index)
            x, out = here.of(k.input(0), spec.x), here.of(k.out, spec.out)
            c.loop(
                0,
                spec.unit_rows,
                lambda y: kernel.row(c.at(x.pointer, c.mul(y, x.row)), c.at(out.pointer, c.mul(y, out.row))),
            )

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


class _Kernel:
    def __init__(self, spec: SoftmaxSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.level, self.table, self.scratch = spec, level, k.weights, k.scratch
        self.x = Row(level, spec.channels, spec.x.plane)
        self.multiplier, self.shift = (
            c.extend(c.load(c.integer(32), k.params, 4 * place, align=4), 64, signed=False)
            for place in (MULTIPLIER, SHIFT)
        )
        self.narrow = Narrow.load(k.params, SHORT, clamp=spec.clamp, wide=spec.out.plane > 0)

    def row(self, source: c.Value, target: c.Value) -> None:
        total = self.weigh(source, self.largest(source))
        inverse, log2 = self.reciprocal(total)
        multiplier = c.shift_right_logical(c.mul(self.multiplier, inverse), 31)
        shift = c.smallest(c.add(self.shift, log2), MOST_SHIFT)
        half = c.shift_left(c.const(1), c.sub(shift, 1))
        behind = c.truncate(c.sub(shift, 32), 32)

        def scaled(v: ByteLanes, place: c.Value | int) -> c.Value:
            """Of int32 in order, as int32."""
            weights = pairs(c.load(c.vec(v.dwords, 32), self.scratch, place, align=4))
            m, rounding = c.splat(multiplier, v.dwords // 2), c.splat(half, v.dwords // 2)
            each = (c.both(weights, WORD_MASK), c.shift_right_logical(weights, 32))
            high = interleave_high(*(c.add(c.mul(w, m), rounding) for w in each))
            return c.shift_right_logical(high, c.splat(behind, v.dwords))

        def vector(v: ByteLanes, offset: c.Value, count: int) -> None:
            start = c.mul(offset, 4)
            packed = v.pack([scaled(v, c.add(start, i * v.size)) for i in range(4)], self.narrow)
            v.store_planes([_in_order(v, p) for p in packed], target, offset, count, self.spec.out.plane)

        Row(self.level, self.spec.channels, 0).over(vector, narrow=True)

    def largest(self, source: c.Value) -> c.Value:
        """The largest number of a row, as i64."""
        v = ByteLanes.of(self.level)

        def larger(v: ByteLanes, offset: c.Value, count: int, most: c.Value) -> list[c.Value]:
            low, *high = self.x.planes(v, source, offset, count)
            if high and count < v.size:  # what is no number is below all of them
                high = [c.either(high[0], c.both(c.exclusive(first(v, count), -1), SIGN))]
            words = v.interleave(low, high[0] if high else v.zero_bytes(), 8)
            return [c.largest(c.largest(most, words[0]), words[1])]

        lowest = c.fill(-(1 << 15), v.size // 2, 16)
        (most,) = self.x.over(larger, [lowest])
        while (count := c.lane_count(most)) > 1:
            most = c.largest(c.part(most, 0, count // 2), c.part(most, count // 2, count // 2))
        return c.extend(c.element(most, 0), 64, signed=True)

    def weigh(self, source: c.Value, largest: c.Value) -> c.Value:
        """The exponentials of a row to scratch memory; their sum, as i64."""
        n, nearest = self.spec.channels, c.at(self.table, c.mul(c.sub(c.const(ENTRIES - 1), largest), 4))

        def one(place: c.Value | int) -> c.Value:
            number = self.x.number(c.at(source, place))
            if not self.spec.x.plane:
                return self.entry(nearest, number)
            distance = c.sub(largest, number)
            near = self.entry(self.table, c.both(distance, ENTRIES - 1))
            far = self.entry(c.at(self.table, 4 * ENTRIES), c.shift_right_logical(distance, 8))
            return c.shift_right_logical(c.add(c.mul(near, far), LARGEST >> 1), FRACTION_BITS)

        def some(start: c.Value | int, count: int, *totals: c.Value) -> list[c.Value]:
            sums = list(totals)
            for i in range(count):
                place = start + i if isinstance(start, int) else c.add(start, i)
                found = one(place)
                scratch = 4 * place if isinstance(place, int) else c.mul(place, 4)
                c.store(c.truncate(found, 32), self.scratch, scratch, align=4, plain=not self.x.plane)
                sums[i % len(sums)] = c.add(sums[i % len(sums)], found)
            return sums

        whole, totals = n // UNROLLED * UNROLLED, [c.const(0)] * 2
        if whole:
            totals = c.loop(0, whole, lambda place, *sums: some(place, UNROLLED, *sums), totals, step=UNROLLED)
        return c.add(*some(whole, n - whole, *totals))

    @staticmethod
    def entry(table: c.Value, place: c.Value) -> c.Value:
        return c.extend(c.load(c.integer(32), table, c.mul(place, 4), align=4), 64, signed=False)

    @staticmethod
    def reciprocal(total: c.Value) -> tuple[c.Value, c.Value]:
        """(R, k) of a sum, as i64."""
        zeros = c.leading_zeros(total)
        r = c.shift_right_logical(c.shift_left(total, zeros), 32)
        inverse = c.sub(c.const(FIRST), c.shift_right_logical(c.mul(r, SLOPE), 32))
        for _ in range(STEPS):
            error = c.shift_right(c.sub(c.const(1 << 62), c.mul(r, inverse)), 32)
            inverse = c.add(inverse, c.shift_right(c.mul(inverse, error), 30))
        return inverse, c.sub(c.const(63), zeros)


def _in_order(v: ByteLanes, packed: c.Value) -> c.Value:
    """Bytes of four vectors, four of each in every 128-bit lane, one vector behind the other."""
    lanes = v.size // LANE
    if lanes == 1:
        return packed
    dwords = c.bits_as(packed, v.dwords, 32)
    order = [lane * 4 + i for i in range(4) for lane in range(lanes)]
    return c.bits_as(c.shuffle(dwords, dwords, order), v.size, 8)
