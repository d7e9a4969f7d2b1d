"""Softmax of rows that stands alone (`qi.softmax`): weights of 8 bits, then one over their sum as a multiplier.

Two passes over a row, one for its largest number, one for its weights (`attention_softmax.py`), which go through
scratch memory, and their sum. The third reads those: a weight w becomes `(w * M + 2^(r-1)) >> r` by products of words
(`word_scale.py`), shifted left by 7 bits first so that r is 15 at least; from 46 on there is nothing left of it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.dialects import integer_softmax as softmax
from dyadic.passes.lower.cpu.kernels.families.attention_softmax import Rows, Rule, reciprocal
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import SIGN, ByteLanes, Narrow, with_dot_words
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import SHORT
from dyadic.passes.lower.cpu.kernels.vocabulary.rows import Row, first, horizontal
from dyadic.passes.lower.cpu.kernels.vocabulary.units import unit_at, units_of
from dyadic.passes.lower.cpu.kernels.vocabulary.word_scale import WordScale, in_order
from dyadic.passes.lower.memory.strided import Strided

# places in the parameters, int32, behind zero point, low and high of the result
DISTANCE, DISTANCE_SHIFT, DISTANCE_HALF, FARTHEST, MULTIPLIER, SHIFT = range(3, 9)
PARAMS = 16
LINE = 64
LIFT = 7  # bits that a weight has room for in a word
MOST_SHIFT = 46


@dataclass(frozen=True)
class SoftmaxSpec:
    """`rows` rows of `channels` numbers. A column is a whole row."""

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
        return -(-self.channels // LINE) * LINE


def pack_params(rule: softmax.Distances, multiplier: int, shift: int, header: list[int]) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result."""
    own = [rule.multiplier, rule.shift, 1 << rule.shift >> 1, rule.farthest, multiplier, shift]
    values = [*header[:3], *own]
    return np.array(values + [0] * (PARAMS - len(values)), np.int64).astype(np.uint32).view(np.int32)


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

    c.kernel(symbol, body, features=with_dot_words(level))


class _Kernel:
    def __init__(self, spec: SoftmaxSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.level, self.params, self.scratch = spec, level, k.params, k.scratch
        self.x, self.weights = Row(level, spec.channels, spec.x.plane), Row(level, spec.channels, 0)
        names = (DISTANCE, DISTANCE_SHIFT, DISTANCE_HALF, FARTHEST)
        self.rule = Rule(*(self.scalar(name) for name in names))
        self.rows = Rows(level, spec.channels, self.rule)
        self.narrow = Narrow.load(k.params, SHORT, clamp=spec.clamp, wide=spec.out.plane > 0)

    def scalar(self, place: int) -> c.Value:
        return c.load(c.integer(32), self.params, 4 * place, align=4)

    def row(self, source: c.Value, target: c.Value) -> None:
        total = self.weigh(source, self.largest(source))
        # the sum is at least one weight of 255
        zeros = c.intrinsic("llvm.ctlz.i32", c.integer(32), total, c.const(1, 1))
        inverse = reciprocal(c.shift_right_logical(c.shift_left(total, zeros), 16))
        product = c.mul(c.extend(self.scalar(MULTIPLIER), 64, signed=False), c.extend(inverse, 64, signed=False))
        log2 = c.sub(c.const(31, 32), zeros)
        shift = c.extend(c.smallest(c.add(c.add(self.scalar(SHIFT), log2), LIFT), MOST_SHIFT), 64, signed=False)
        half = c.shift_left(c.const(1), c.sub(shift, 1))
        scale = WordScale.of(self.level, c.shift_right_logical(product, 16), half, shift)

        def vector(v: ByteLanes, offset: c.Value, count: int) -> None:
            words = [c.shift_left(w, LIFT) for w in self.weights.words(v, self.scratch, offset, v.size)]
            packed = v.pack([scale.scaled(v, w, odd) for w in words for odd in (0, 1)], self.narrow)
            v.store_planes([in_order(v, p) for p in packed], target, offset, count, self.spec.out.plane)

        self.weights.over(vector, narrow=True)

    def largest(self, source: c.Value) -> c.Value:
        """The largest number of a row, as i16."""
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
        return c.element(most, 0)

    def weigh(self, source: c.Value, largest: c.Value) -> c.Value:
        """The weights of a row to scratch memory; their sum, as i32."""
        v = ByteLanes.of(self.level)
        ones = c.fill(1, v.size // 2, 16)

        def vector(v: ByteLanes, offset: c.Value, count: int, total: c.Value) -> list[c.Value]:
            words = self.x.words(v, source, offset, v.size)
            most = c.splat(largest, v.size // 2)
            made = tuple(self.rows.word_weights(self.logarithm(v, c.sub(most, w))) for w in words)
            weights = v.to_planes(*made)[0]
            if count < v.size:
                weights = c.both(weights, first(v, count))
                made = v.to_words(weights)
            c.store(weights, self.scratch, offset, align=v.size)
            for w in made:
                total = v.add_products(total, w, ones)
            return [total]

        (total,) = self.x.over(vector, [c.zeros(v.dwords, 32)])
        return c.truncate(horizontal([total])[0], 32)

    def logarithm(self, v: ByteLanes, distances: c.Value) -> c.Value:
        """`u` of words without a sign."""
        pairs = c.bits_as(distances, v.dwords, 32)
        count = v.dwords

        def scaled(d: c.Value) -> c.Value:
            near = c.smallest_unsigned(d, c.splat(self.rule.farthest, count))
            product = c.add(c.mul(near, c.splat(self.rule.multiplier, count)), c.splat(self.rule.half, count))
            return c.shift_right_logical(product, c.splat(self.rule.shift, count))

        even, odd = scaled(c.both(pairs, 0xFFFF)), scaled(c.shift_right_logical(pairs, 16))
        return c.bits_as(c.either(even, c.shift_left(odd, 16)), v.size // 2, 16)
