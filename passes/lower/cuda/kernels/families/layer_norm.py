"""Rows over their own standard deviation or root mean square, then gain and bias (`qi.layer_norm`).

Sums of numbers and of squares are `dp4a` of bytes: of 16 bits x = 256 * h + l, x^2 is 65536 * h^2 + 512 * h * l + l^2.
All threads of a row then know V and R = floor(2^31 / sqrt(v)), and

    xhat = (x * M + C) >> r      M = n * R;   C = 2^(r-1) - total * R

is one wide product a number. R is a table's entry for the upper eight bits of v, improved once:
`y * (3 - y^2 * v) / 2`, rounded down, which is never too large, and too small by at most two, for every v. A row longer
than 4095 has its variance in 128 bits; what is beyond s16 of it is cut off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    clamp_between,
    const,
    integer,
    least,
    load,
    mul,
    signed_wide,
    sub,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.exponential import leading_zeros
from dyadic.passes.lower.cuda.kernels.vocabulary.items import param
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.reductions import over_row, slot_bytes
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.rows import ONES, Chunk, RowsSpec, RowThread
from dyadic.passes.lower.cuda.kernels.vocabulary.words import (
    FLIP,
    bytes_of,
    dot,
    load_words,
    numbers_of,
    packed,
    planes_of,
)
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN

LOW, HIGH, SHIFT, ZERO, EPSILON, STEPS = 0, 1, 2, 3, 4, 6  # words of the parameters
HEADER = 8
FIRST_SEED, LAST_SEED = 64, 256  # the upper eight bits of v
TABLES = HEADER + (LAST_SEED - FIRST_SEED) // 2  # words before the gains
ROOT_BITS = 31
LONGEST_SHORT = 4095
SLOTS = 2  # of shared memory: both sums


@dataclass(frozen=True)
class LayerNormSpec(RowsSpec):
    """`bits` are the fraction bits of normalized numbers."""

    bits: int = 10
    centered: bool = True
    uniform: bool = False  # one gain and one bias for all
    copied: bool = False  # a copy of 8 bits is written behind both planes of the result
    copy_form: str = FULL  # how it is rounded

    @property
    def shared_bytes(self) -> int:
        return SLOTS * slot_bytes(self.lanes)

    @property
    def long(self) -> bool:
        """Whether n^2 * 2^30 leaves 64 bits, M 28 and normalized numbers s16."""
        return self.channels > LONGEST_SHORT

    @property
    def padded(self) -> int:
        """Gains, and biases."""
        return -(-(1 if self.uniform else self.channels) // 4) * 4

    @property
    def copy_word(self) -> int:
        """At which word of the parameters is what the copy has: zero point, low, high; then its tables."""
        return TABLES + 2 * self.padded


def seeds() -> npt.NDArray[np.uint16]:
    """2^31 / sqrt(v) in the middle of all v with the same upper eight bits."""
    middle = (np.arange(FIRST_SEED, LAST_SEED) + 0.5) * float(1 << 24)
    return np.minimum(np.rint(float(1 << ROOT_BITS) / np.sqrt(middle)), 65535).astype(np.uint16)


def pack_params(
    spec: LayerNormSpec,
    gain: npt.NDArray[np.int64],
    bias: npt.NDArray[np.int64],
    shift: int,
    epsilon: int,
    zero_points: tuple[int, int],
    bounds: tuple[int, int],
) -> npt.NDArray[np.int32]:
    """Header, seeds, gains, and biases that have what rounds and the zero point of the result in them.

    zero_points: of the input, of the result. bounds: of the result. Where the spec is uniform, only the first gain and
    bias count.
    """
    head = np.zeros(HEADER, np.int32)
    head[[LOW, HIGH, SHIFT, ZERO, STEPS]] = [*bounds, shift, zero_points[0], spec.steps]
    head[EPSILON : EPSILON + 2] = np.array([epsilon], np.int64).view(np.int32)
    tables = np.zeros((2, spec.padded), np.int64)
    count = 1 if spec.uniform else spec.channels
    tables[0, :count], tables[1, :count] = gain[:count], bias[:count] + (1 << shift - 1) + (zero_points[1] << shift)
    return np.concatenate([head, seeds().view(np.int32), tables.reshape(-1).astype(np.int32)])


def pack_copy(
    spec: LayerNormSpec,
    header: Sequence[int],
    weight: npt.NDArray[np.int64],
    bias: npt.NDArray[np.int64],
    multiplier: npt.NDArray[np.int64],
    shift: npt.NDArray[np.int64],
) -> npt.NDArray[np.int32]:
    """What follows of a copy, whose number is `(number * weight + bias) * multiplier >> shift`. header: zero point, low
    and high."""
    tables = [np.pad(each, (0, -spec.channels % 4), mode="edge") for each in (weight, bias, multiplier, shift)]
    return np.concatenate([np.array([*header, 0], np.int64), *tables]).astype(np.int32)


def generate(spec: LayerNormSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda k: Normalization(spec, k, RowThread.of_grid(spec, k)).write())


class Normalization:
    """Of one row, whose threads call this together."""

    def __init__(self, spec: LayerNormSpec, k: Arguments, row: RowThread) -> None:
        self.spec, self.k, self.row = spec, k, row
        self.zero, self.steps = param(k, ZERO), param(k, STEPS)

    def write(self) -> None:
        """Sums, then results."""
        spec, k = self.spec, self.k
        multiplier, start, shift = self.factor()
        low, high, last = param(k, LOW), param(k, HIGH), param(k, SHIFT)
        uniform = [self.table(number, None) for number in range(2)] if spec.uniform else None

        def results(chunk: Chunk, state: list[Value]) -> list[Value]:
            gains, biases = uniform or [self.table(number, chunk) for number in range(2)]
            every = []
            for number, gain, bias in zip(self.numbers(chunk), gains, biases, strict=True):
                moved = add(mul(signed_wide(number), multiplier), start)
                normalized = arith.shrsi(moved, shift)
                if spec.long:
                    normalized = clamp_between(normalized, S16_MIN, S16_MAX)
                total = add(mul(arith.trunci(integer(32), normalized), gain), bias)
                every.append(clamp_between(arith.shrsi(total, last), low, high))
            planes = [*planes_of(every)] if spec.out_plane else [packed(every)]
            if spec.copied:
                planes.append(packed(self.copy(every, chunk)))
            self.row.store(chunk, planes)
            return state

        self.row.over(results, [], self.steps)

    def copy(self, numbers: Sequence[Value], chunk: Chunk) -> list[Value]:
        """Of a word's numbers."""
        spec, word = self.spec, self.spec.copy_word
        bounds = [param(self.k, word + n) for n in range(3)]
        index = chunk.index if chunk.present is None else least(chunk.index, spec.chunks - 1)
        length = -(-spec.channels // 4) * 4

        def table(number: int) -> list[Value]:
            start = at(self.k.params, 4 * (word + 4 + number * length))
            return load_words(at(start, wide(mul(index, 4 * spec.width))), 4 * spec.width)

        made = []
        for each, weight, bias, multiplier, shift in zip(numbers, *(table(n) for n in range(4)), strict=True):
            rescale = Rescale.of(multiplier, shift, spec.copy_form)
            made.append(quantized(rescale.rescaled(add(mul(each, weight), bias)), *bounds))
        return made

    def table(self, number: int, chunk: Chunk | None) -> list[Value]:
        """Gains (0) or biases (1) of a word's numbers."""
        spec = self.spec
        start = at(self.k.params, 4 * (TABLES + number * spec.padded))
        if chunk is None:
            return [load(integer(32), start, 4)] * spec.width
        index = chunk.index if chunk.present is None else least(chunk.index, spec.chunks - 1)
        return load_words(at(start, wide(mul(index, 4 * spec.width))), 4 * spec.width)

    def numbers(self, chunk: Chunk) -> list[Value]:
        if self.spec.in_plane:
            low, high = chunk.planes
            return numbers_of([low], [high], self.spec.width)
        return bytes_of(chunk.planes, self.spec.width)

    # --- scalars of a row

    def sums(self) -> tuple[Value, Value]:
        """Of numbers and of their squares; 64 bits."""

        def of_bytes(chunk: Chunk, state: list[Value]) -> list[Value]:
            (word,) = chunk.planes
            return [dot(word, ONES, state[0]), dot(word, word, state[1])]

        def of_planes(chunk: Chunk, state: list[Value]) -> list[Value]:
            low, high = chunk.planes
            high = chunk.only(arith.xori(high, const(FLIP)))
            ones = const(ONES)
            return [
                dot(low, ones, state[0]),
                dot(ones, high, state[1], by_signed=True),
                dot(low, low, state[2]),
                dot(low, high, state[3], by_signed=True),
                dot(high, high, state[4], signed=True, by_signed=True),
            ]

        if not self.spec.in_plane:
            total, squares = map(wide, self.row.over(of_bytes, [const(0)] * 2, self.steps))
        else:
            low, high, *products = map(signed_wide, self.row.over(of_planes, [const(0)] * 5, self.steps))
            total = add(low, arith.shli(high, const(8, 64)))
            squares = products[0]
            for product, bits in zip(products[1:], (9, 16), strict=True):
                squares = add(squares, arith.shli(product, const(bits, 64)))
        total, squares = over_row([total, squares], [add, add], self.spec.lanes)
        return total, squares

    def factor(self) -> tuple[Value, Value, Value]:
        """M, C and r of this thread's row; 64 bits."""
        spec = self.spec
        total, squares = self.sums()
        n = spec.channels
        if spec.centered:  # the zero point cancels
            variance = self.difference(self.product(squares, const(n, 64)), self.product(*[self.magnitude(total)] * 2))
        else:
            zero = signed_wide(self.zero)
            all_zero = mul(zero, n)
            less = mul(zero, sub(arith.shli(total, const(1, 64)), all_zero))
            variance = self.product(sub(squares, less), const(n, 64))
            total = all_zero
        epsilon = load(integer(64), at(self.k.params, 4 * EPSILON), 8)
        root, left = self.root(self.sum(variance, epsilon))
        # r = 31 - F + e/2, and e is what is left of the upper bits of V once it was shifted left
        shift = sub(const(31 - spec.bits + (96 if spec.long else 32) // 2), arith.shrui(left, const(1)))
        half = arith.shli(const(1, 64), wide(sub(shift, 1)))
        return mul(root, n), sub(half, mul(total, root)), wide(shift)

    def magnitude(self, total: Value) -> Value:
        """Without its sign, where the square is made without signs."""
        return arith.maxsi(total, sub(const(0, 64), total)) if self.spec.long else total

    def product(self, a: Value, b: Value) -> list[Value]:
        """Lower, and for long rows upper, 64 bits."""
        return list(arith.mului_extended(a, b)) if self.spec.long else [mul(a, b)]

    def difference(self, a: list[Value], b: list[Value]) -> list[Value]:
        low, *high = (sub(x, y) for x, y in zip(a, b, strict=True))
        return [low, *(sub(n, _bit(arith.CmpIPredicate.ult, a[0], b[0])) for n in high)]

    def sum(self, a: list[Value], b: Value) -> list[Value]:
        low, *high = a
        total = add(low, b)
        return [total, *(add(n, _bit(arith.CmpIPredicate.ult, total, b)) for n in high)]

    def root(self, variance: Sequence[Value]) -> tuple[Value, Value]:
        """R of 64 bits, and how many bits V was shifted left by to have v on top (32 bits, even)."""
        low, *high = variance
        if high:
            none = arith.cmpi(arith.CmpIPredicate.eq, high[0], const(0, 64))
            # what is shifted out of the lower half comes in below; in two steps, since one by 64 is none
            zeros = leading_zeros(arith.select(none, low, high[0]))
            even = arith.andi(zeros, const(-2, 64))
            below_ = arith.shrui(arith.shrui(low, const(1, 64)), sub(const(63, 64), even))
            top = arith.select(none, arith.shli(low, even), arith.ori(arith.shli(high[0], even), below_))
            left = arith.select(none, add(even, 64), even)
        else:
            left = arith.andi(leading_zeros(low), const(-2, 64))
            top = arith.shli(low, left)
        v = arith.shrui(top, const(32, 64))
        entry = arith.shli(sub(arith.shrui(v, const(24, 64)), FIRST_SEED), const(1, 64))
        seed = load(integer(16), at(at(self.k.params, 4 * HEADER), entry), 2)
        y = arith.extui(integer(64), seed)
        square = arith.shrui(mul(mul(y, y), v), const(38, 64))  # 1 is 2^24
        y = arith.shrui(mul(y, sub(const((3 << 24) - 1, 64), square)), const(25, 64))
        root = y
        for more in (1, 2):
            larger = add(y, more)
            root = add(root, _bit(arith.CmpIPredicate.ule, mul(mul(larger, larger), v), const(1 << 62, 64)))
        return least(root, 65535), arith.trunci(integer(32), left)


def _bit(predicate: arith.CmpIPredicate, a: Value, b: Value) -> Value:
    """1 where it holds, in 64 bits."""
    return arith.extui(integer(64), arith.cmpi(predicate, a, b))
