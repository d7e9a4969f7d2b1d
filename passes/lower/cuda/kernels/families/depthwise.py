"""Convolution with one filter a channel: a thread makes up to four channels of up to four neighbouring pixels.

    out[p, c] = clamp(((bias[c] + sum_k in[p, k, c] * w[k, c]) * multiplier[c] + 2^(shift[c]-1) >> shift[c]) + zp, ...)

Bytes of one channel are not neighbours in memory, so `dp4a` multiplies a word of four channels by one with a single
weight in its place: one instruction a product, and no byte is ever taken out of its word. What pixels of a thread share
of a row is loaded once. Tensors have their padding around them, so nothing is asked about borders. The last pixels of a
row that is no multiple of a thread's start further left, and those that another thread makes are not stored.

Numbers of 16 bits have sums of low and of high bytes apart. Weights are [tap][channels, filled up to whole threads] of
8 bits, however few of them a layer uses. A 1 x 1 kernel is a scale and a shift a channel. A function of 8 bits behind
it is looked up before results are stored. Where that is all that a kernel does with what it reads, it may write a
requantized copy of that, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    const,
    integer,
    load,
    loop,
    mul,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import RequantizedCopy
from dyadic.passes.lower.cuda.kernels.vocabulary.items import (
    ItemSpec,
    coordinates,
    distance,
    each_item,
    param,
    place,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, HIGH, SHORT, Rescale, quantized, shifts_for
from dyadic.passes.lower.cuda.kernels.vocabulary.words import (
    bytes_of,
    dot,
    load_words,
    packed,
    planes_of,
    store_group,
)

WRITTEN = 12  # words of a thread that are straight-line code: of more, all would be loaded first
WRITTEN_COLUMNS = 16  # of a kernel's row
HEADER = 4  # words: zero point, low, high, rows of the kernel: LLVM writes out no loop whose end it does not know
TABLES = 4  # bias, high bias, multiplier, shift
TABLE_WORDS = 64  # of a function of 8 bits
Array = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class DepthwiseSpec(ItemSpec):
    """Everything the code depends on; distances in bytes. The input is the first tap of the first result.

    Raises ValueError where there is no such kernel.
    """

    rows: int  # of the result's image
    columns: int
    channels: int
    taps_y: int
    taps_x: int
    tap_y: int  # from one kernel row to the next, in the input
    tap_x: int
    in_pixel: int  # from the input of one result pixel to that of the next
    in_row: int
    out_pixel: int
    out_row: int
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0
    acc_shift: int = 0  # of accumulators, with an in_plane
    form: str = HIGH  # of requantize
    width: int = 4  # channels of a thread: it divides every address
    pixels: int = 4  # of a thread
    table: bool = False  # what is stored of a result is what stands under it among 256 bytes behind the parameters
    copied: bool = False  # a copy of the input is written, whose parameters are the last
    copy_pixel: int = 0
    copy_row: int = 0

    def __post_init__(self) -> None:
        checks = {
            "threads take 1, 2 or 4 channels": self.width in (1, 2, 4),
            "a row has the pixels of a thread": 1 <= self.pixels <= self.columns,
            "accumulators of 8-bit inputs are not shifted": self.acc_shift == 0 or self.in_plane > 0,
            "requantization is of a known form": self.form in (HIGH, FULL, SHORT),
            "a table is of bytes": not (self.table and self.out_plane),
            "bytes are copied that are a pixel's own": not self.copied or self._reads_its_own_bytes(),
        }
        require("depthwise", self, checks)

    def _reads_its_own_bytes(self) -> bool:
        return self.taps_y == self.taps_x == 1 and not self.in_plane

    @property
    def inputs(self) -> int:
        return 1

    @property
    def groups(self) -> int:
        """Of channels."""
        return -(-self.channels // self.width)

    @property
    def row_groups(self) -> int:
        """Of pixels of a row."""
        return -(-self.columns // self.pixels)

    @property
    def items(self) -> int:
        return self.rows * self.row_groups * self.groups

    @property
    def padded(self) -> int:
        """Channels of whole threads, and of four."""
        return -(-self.channels // 4) * 4

    @property
    def table_word(self) -> int:
        """At which word of the parameters the table begins."""
        return HEADER + TABLES * self.padded

    @property
    def copy_word(self) -> int:
        """At which word those of a copy begin."""
        return self.table_word + (TABLE_WORDS if self.table else 0)


def pack_weights(spec: DepthwiseSpec, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[C, KH, KW, 1] as the kernel reads it."""
    packed = np.zeros((spec.taps_y * spec.taps_x, spec.padded), weight.dtype)
    packed[:, : spec.channels] = weight.reshape(spec.channels, -1).T
    return packed.reshape(-1)


def unpack_weights(spec: DepthwiseSpec, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The inverse, [C, KH, KW, 1]; `stored` may go on with others' bytes."""
    taps = spec.taps_y * spec.taps_x
    packed = stored[: taps * spec.padded].reshape(taps, spec.padded)[:, : spec.channels]
    return np.ascontiguousarray(packed.T).reshape(spec.channels, spec.taps_y, spec.taps_x, 1)


def pack_params(
    spec: DepthwiseSpec,
    bias: Array,
    high_bias: Array | None,
    multiplier: Array,
    shift: Array,
    header: Sequence[int],
    table: npt.NDArray[np.uint8] | None = None,
    copy: npt.NDArray[np.int32] | None = None,
) -> npt.NDArray[np.int32]:
    """Header, then a table a kind, then 256 bytes to look results up in, then what `pack_copy` has of a copy.

    Args:
        bias: of the sum of (low) bytes, with the half that `acc_shift` rounds by.
        high_bias: of the sum of high bytes, which are 128 larger in memory; None for 8 bits.
        header: zero point, low, high of the result.
    """
    packed = np.zeros(HEADER + TABLES * spec.padded, np.int32)
    packed[:HEADER] = [*header, spec.taps_y]
    tables = packed[HEADER:].reshape(TABLES, spec.padded)
    tables[3] = shifts_for(spec.form, [0], [0])
    for kind, numbers in zip(tables, (bias, high_bias, multiplier, shift), strict=True):
        if numbers is not None:
            kind[: spec.channels] = numbers
    more = [] if table is None else [np.ascontiguousarray(table).view(np.int32)]
    return np.concatenate([packed, *more, *([] if copy is None else [copy])])


def generate(spec: DepthwiseSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""

    def body(k: Arguments) -> None:
        each_item(spec, k, lambda image, item: _Thread(spec, k, image, item).write())

    kernel(spec, symbol, body)


class _Thread:
    """What one thread makes."""

    def __init__(self, spec: DepthwiseSpec, arguments: Arguments, image: Value, item: Value) -> None:
        self.spec, self.arguments, self.image = spec, arguments, image
        self.y, part, self.group = coordinates(item, [spec.rows, spec.row_groups, spec.groups])
        self.first = mul(part, spec.pixels)  # its own
        last = const(spec.columns - spec.pixels)
        self.x = self.first if spec.columns % spec.pixels == 0 else arith.minui(self.first, last)
        self.channel = mul(self.group, spec.width)
        inside = distance([self.y, self.x, self.channel], [spec.in_row, spec.in_pixel, 1])
        self.source = place(arguments.inputs[0], image, arguments.in_images[0], inside)
        self.weights = at(arguments.weights, wide(self.channel))
        self.planes = (0, spec.in_plane) if spec.in_plane else (0,)

    def table(self, number: int) -> list[Value]:
        """This thread's channels' numbers."""
        spec = self.spec
        start = at(self.arguments.params, 4 * (HEADER + number * spec.padded))
        return load_words(at(start, wide(mul(self.channel, 4))), 4 * spec.width)

    def write(self) -> None:
        spec = self.spec
        biases = [self.table(number) for number in range(len(self.planes))]
        start = [word for bias in biases for _ in range(spec.pixels) for word in bias]  # [plane][pixel][channel]
        sums = self.summed(start)
        if spec.copied:
            self.copy()  # before anything is stored, so that nothing is loaded twice
        zero_point, low, high = (param(self.arguments, k) for k in range(3))
        pairs = zip(self.table(2), self.table(3), strict=True)
        by = [Rescale.of(multiplier, shift, spec.form) for multiplier, shift in pairs]
        for pixel in range(spec.pixels):
            totals = self.totals(sums, pixel)
            every = [quantized(one.rescaled(t), zero_point, low, high) for one, t in zip(by, totals, strict=True)]
            self.store(pixel, [self.looked_up(number) for number in every] if spec.table else every)

    def copy(self) -> None:
        """What a 1 x 1 kernel reads, with another scale and shift."""
        spec, arguments = self.spec, self.arguments
        copied = RequantizedCopy(at(arguments.params, 4 * spec.copy_word), arguments.out)
        cells = self.loads(0)
        for pixel in range(spec.pixels):
            made = packed(copied.of(bytes_of(cells(pixel * spec.in_pixel), spec.width)))
            self.put(pixel, [made], copied.first, (spec.copy_row, spec.copy_pixel))

    def looked_up(self, number: Value) -> Value:
        """What stands under a result."""
        start = at(self.arguments.params, 4 * self.spec.table_word)
        return arith.extui(integer(32), load(integer(8), at(start, wide(number)), 1))

    def summed(self, sums: list[Value]) -> list[Value]:
        """Over all taps."""
        spec = self.spec
        if self.is_written:
            for y in range(spec.taps_y):
                sums = self.row(y * spec.tap_y, y * spec.taps_x * spec.padded, sums)
            return sums

        def row(y: Value, sums: list[Value]) -> Sequence[Value]:
            line, weights = mul(y, spec.tap_y), mul(y, spec.taps_x * spec.padded)
            if spec.taps_x <= WRITTEN_COLUMNS:
                return self.row(line, weights, sums)

            def column(x: Value, sums: list[Value]) -> Sequence[Value]:
                start = at(self.weights, wide(add(weights, mul(x, spec.padded))))
                return self.tap(self.loads(add(line, mul(x, spec.tap_x))), 0, start, sums)

            return loop(spec.taps_x, column, sums)

        return loop(param(self.arguments, 3), row, sums)

    @property
    def is_written(self) -> bool:
        """Whether there are no loops."""
        spec = self.spec
        words = spec.taps_y * spec.taps_x * spec.pixels * len(self.planes)
        return words <= WRITTEN or (spec.taps_y == 1 and spec.taps_x <= WRITTEN_COLUMNS)

    def row(self, line: Value | int, weights: Value | int, sums: list[Value]) -> list[Value]:
        """A row of the kernel, `line` bytes from the first one; its weights are so many bytes from the first ones."""
        spec, words = self.spec, self.loads(line)
        start = at(self.weights, weights if isinstance(weights, int) else wide(weights))
        for x in range(spec.taps_x):
            sums = self.tap(words, x * spec.tap_x, at(start, x * spec.padded), sums)
        return sums

    def loads(self, line: Value | int) -> Callable[[int], list[Value]]:
        """What lies so many bytes further on than `line`, of every plane; loaded once."""
        start = at(self.source, line if isinstance(line, int) else wide(line))
        known: dict[int, list[Value]] = {}

        def words(further: int) -> list[Value]:
            if further not in known:
                known[further] = [load_words(at(start, further + p), self.spec.width)[0] for p in self.planes]
            return known[further]

        return words

    def tap(self, words: Callable[[int], list[Value]], further: int, weights: Value, sums: list[Value]) -> list[Value]:
        spec = self.spec
        (word,) = load_words(weights, spec.width)
        single = [arith.andi(word, const(_signed(255 << 8 * k))) for k in range(spec.width)]
        made = list(sums)
        for pixel in range(spec.pixels):
            for plane, cell in enumerate(words(further + pixel * spec.in_pixel)):
                for k, weight in enumerate(single):
                    place_ = (plane * spec.pixels + pixel) * spec.width + k
                    made[place_] = dot(cell, weight, made[place_], by_signed=True)
        return made

    def totals(self, sums: Sequence[Value], pixel: int) -> list[Value]:
        """The accumulators of a pixel."""
        spec = self.spec
        low, *high = (
            sums[(plane * spec.pixels + pixel) * spec.width :][: spec.width] for plane in range(len(self.planes))
        )
        if not high:
            return list(low)
        shifted = [arith.shrsi(n, const(spec.acc_shift)) if spec.acc_shift else n for n in low]
        return [add(arith.shli(b, const(8 - spec.acc_shift)), a) for a, b in zip(shifted, high[0], strict=True)]

    def store(self, pixel: int, numbers: list[Value]) -> None:
        spec = self.spec
        planes = planes_of(numbers) if spec.out_plane else [packed(numbers)]
        self.put(pixel, planes, self.arguments.out, (spec.out_row, spec.out_pixel))

    def put(self, pixel: int, planes: Sequence[list[Value]], first: Value, steps: tuple[int, int]) -> None:
        """Words of each plane, to a pixel of what begins at `first` and has these bytes from row to row and pixel to
        pixel."""
        spec = self.spec
        x = add(self.x, pixel)
        inside = distance([self.y, x, self.channel], [*steps, 1])

        def write() -> None:
            target = place(first, self.image, self.arguments.out_image, inside)
            for start, words in zip((0, spec.out_plane), planes, strict=False):
                store_group(words, at(target, start), spec.width, spec.channels, self.group)

        if spec.columns % spec.pixels == 0:
            write()
        else:
            when(arith.cmpi(arith.CmpIPredicate.uge, x, self.first), write)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word
