"""Pooling: the largest, or the average, of the real cells of each window. Windows are clipped to the image.

A thread makes `width` channels of a pixel. Where windows are large and results few, `slices` threads share a window and
put theirs together in shared memory. A cell outside the image is one inside that counts as 0, which is what the largest
has as its lowest and sums do not notice.

Sums are of bytes, four by `dp4a`; the largest is found by words (`vocabulary/largest.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith, gpu

from dyadic.passes.lower.cuda.kernels.vocabulary import largest
from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    integer,
    load,
    loop,
    mul,
    rem,
    store,
    sub,
    when,
    where,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import RequantizedCopy
from dyadic.passes.lower.cuda.kernels.vocabulary.items import WIDTHS, coordinates, distance, param, place
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, block, kernel, ring, thread
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import HIGH, Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.words import (
    bytes_of,
    dot,
    load_words,
    packed,
    planes_of,
    store_group,
)

UNROLLED = 25  # taps of a thread that are straight-line code
PART = 8  # taps of one round of a loop
MOST_THREADS = 512


@dataclass(frozen=True)
class Windows:
    """What both kinds depend on; distances in bytes. `in` counts from the first real pixel.

    Raises ValueError where there is no such kernel.
    """

    rows: int  # of the result's image
    columns: int
    channels: int
    in_rows: int  # real pixels of the input
    in_columns: int
    taps_y: int
    taps_x: int
    stride_y: int  # in pixels, as are padding and dilation
    stride_x: int
    pad_top: int
    pad_left: int
    in_pixel: int
    in_row: int
    out_pixel: int
    out_row: int
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0
    dilation_y: int = 1
    dilation_x: int = 1
    width: int = 4  # channels of a thread: it divides every address
    slices: int = 1  # threads of a window
    block_items: int = 128

    def __post_init__(self) -> None:
        checks = {
            "threads take 1, 2, 4, 8 or 16 channels": self.width in WIDTHS,
            "slices are a power of two": self.slices > 0 and self.slices & (self.slices - 1) == 0,
            f"a block has whole warps, up to {MOST_THREADS} threads": self.threads % 32 == 0
            and 0 < self.threads <= MOST_THREADS,
        }
        require("pooling", self, checks)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def groups(self) -> int:
        """Of channels, of a pixel."""
        return -(-self.channels // self.width)

    @property
    def items(self) -> int:
        """Groups of channels of an image."""
        return self.rows * self.columns * self.groups

    @property
    def threads(self) -> int:
        return self.block_items * self.slices

    @property
    def shared_bytes(self) -> int:
        return 4 * self.width * self.threads if self.slices > 1 else 0

    @property
    def grid_y(self) -> int:
        return 1


@dataclass(frozen=True)
class MaxPoolSpec(Windows):
    """Largest cells, and perhaps a requantized copy of them, or that alone."""

    stored: bool = True
    copied: bool = False
    copy_pixel: int = 0
    copy_row: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks = {
            "something is stored": self.stored or self.copied,
            "copies are of bytes": not (self.copied and self.in_plane),
        }
        require("pooling", self, checks)


@dataclass(frozen=True)
class AvgPoolSpec(Windows):
    """Averages."""

    counts: int = 1  # different numbers of cells that are divided by; with 1 pixels have no index
    form: str = HIGH  # of requantize

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dilation_y != 1 or self.dilation_x != 1:
            raise ValueError(f"averages have no dilation: {self}")


MAX_HEADER, AVG_HEADER = 1, 4


def pack_max_params(lowest: int, *, wide: bool) -> npt.NDArray[np.int32]:
    """What a window without real cells gives."""
    return np.array([lowest + (1 << 15 if wide else 0)], np.int32)


def pack_avg_params(
    spec: AvgPoolSpec,
    multiplier: npt.NDArray[np.integer[Any]],
    shift: npt.NDArray[np.integer[Any]],
    index: npt.NDArray[np.integer[Any]],
    header: Sequence[int],
) -> npt.NDArray[np.int32]:
    """Header, a multiplier and a shift for every count, and, where there are several, which one each pixel has.

    Args:
        index: [rows, columns], `np.searchsorted(counts, valid_cells(...))`.
        header: zero point, low, high of the result; zero point of the input.
    """
    assert len(multiplier) == len(shift) == spec.counts and index.shape == (spec.rows, spec.columns)
    assert len(header) == AVG_HEADER
    places = index.reshape(-1) if spec.counts > 1 else index.reshape(-1)[:0]
    pairs = np.stack([multiplier, shift], 1).reshape(-1)
    return np.concatenate([np.asarray(part).astype(np.int32) for part in (header, pairs, places)])


def generate_max(spec: MaxPoolSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: _Largest(spec, arguments).write())


def generate_avg(spec: AvgPoolSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: _Average(spec, arguments).write())


class _Dimension:
    """The taps of a window along one dimension, of the result's pixel `index`."""

    def __init__(self, index: Value, results: int, size: int, taps: int, stride: int, pad: int, dilation: int) -> None:
        self.size, self.taps, self.pad, self.dilation = size, taps, pad, dilation
        self.last = (results - 1) * stride  # where the last window starts, but for padding
        self.start = sub(mul(index, stride), pad)

    def always(self, first: int, last: int) -> bool:
        """Whether taps from `first` to `last` are real for every window."""
        return first * self.dilation >= self.pad and self.last - self.pad + last * self.dilation < self.size

    def cell(self, tap: Value | int) -> tuple[Value, Value | None]:
        """A pixel, and whether it is the tap's; None: always."""
        pixel = add(self.start, tap * self.dilation if isinstance(tap, int) else mul(tap, self.dilation))
        ends = (tap, tap) if isinstance(tap, int) else (0, self.taps - 1)
        if self.always(*ends):
            return pixel, None
        inside = arith.minsi(arith.maxsi(pixel, const(0)), const(self.size - 1))
        return inside, below(pixel, self.size)

    @property
    def count(self) -> Value:
        """How many taps are real, without dilation."""
        if self.always(0, self.taps - 1):
            return const(self.taps)
        end = arith.minsi(add(self.start, self.taps), const(self.size))
        return sub(end, arith.maxsi(self.start, const(0)))


def _both(a: Value | None, b: Value | None) -> Value | None:
    return a if b is None else b if a is None else arith.andi(a, b)


class _Pool:
    """One kernel, but for what is done with the cells."""

    def __init__(self, spec: Windows, arguments: Arguments) -> None:
        self.spec = spec
        self.arguments = arguments
        self.slice = div(thread(), spec.block_items)
        self.local = rem(thread(), spec.block_items)
        self.number = add(mul(block(gpu.Dimension.x), spec.block_items), self.local)
        self.there = below(self.number, mul(arguments.batch, spec.items))
        sizes = [0, spec.rows, spec.columns, spec.groups]
        self.image, self.y, self.x, self.group = coordinates(self.number, sizes)
        self.rows = _Dimension(
            self.y, spec.rows, spec.in_rows, spec.taps_y, spec.stride_y, spec.pad_top, spec.dilation_y
        )
        self.columns = _Dimension(
            self.x, spec.columns, spec.in_columns, spec.taps_x, spec.stride_x, spec.pad_left, spec.dilation_x
        )

    # of the kinds

    def start(self) -> list[Value]:
        """Of a thread that has seen no cell."""
        raise NotImplementedError

    def taken(self, state: Sequence[Value], planes: Sequence[Sequence[Value]]) -> list[Value]:
        """With the words of one more cell."""
        raise NotImplementedError

    def joined(self, a: Value, b: Value) -> Value:
        """Numbers of two threads."""
        raise NotImplementedError

    def results(self, state: list[Value]) -> Sequence[Sequence[Value]]:
        """Words of every plane."""
        raise NotImplementedError

    # of both

    def write(self) -> None:
        if self.spec.slices == 1:
            when(self.there, lambda: self.store(self.seen()))
            return
        state = where(self.there, self.seen, self.start())
        for half in _halves(self.spec.slices):
            state = self.shared(state, half)
        when(arith.andi(self.there, below(self.slice, 1)), lambda: self.store(state))

    def seen(self) -> list[Value]:
        """The numbers of this thread's cells."""
        spec = self.spec
        source, image_bytes = self.arguments.inputs[0], self.arguments.in_images[0]
        self.source = place(source, self.image, image_bytes, mul(self.group, spec.width))
        taps, state = spec.taps_y * spec.taps_x, self.start()
        each = -(-taps // spec.slices)
        if spec.slices == 1 and taps <= UNROLLED:
            for tap in range(taps):
                state = self.tap(state, *divmod(tap, spec.taps_x))
            return state
        rounds, rest = (0, each) if each <= UNROLLED else divmod(each, PART)

        def part(first: Value, state: Sequence[Value], count: int) -> list[Value]:
            for k in range(count):
                state = self.numbered(state, add(first, k * spec.slices))
            return list(state)

        def one_round(n: Value, state: list[Value]) -> list[Value]:
            return part(add(self.slice, mul(n, PART * spec.slices)), state, PART)

        if rounds:
            state = loop(rounds, one_round, state)
        return part(add(self.slice, rounds * PART * spec.slices), state, rest)

    def numbered(self, state: Sequence[Value], tap: Value) -> list[Value]:
        """With a tap by its number; those beyond the last are none."""
        spec = self.spec
        taps = spec.taps_y * spec.taps_x
        inside = None if taps % spec.slices == 0 else below(tap, taps)
        y = div(tap, spec.taps_x)
        if inside is not None:
            y = arith.minui(y, const(spec.taps_y - 1))
        return self.tap(state, y, rem(tap, spec.taps_x), inside)

    def tap(self, state: Sequence[Value], y: Value | int, x: Value | int, inside: Value | None = None) -> list[Value]:
        spec = self.spec
        (row, real_y), (column, real_x) = self.rows.cell(y), self.columns.cell(x)
        real = _both(inside, _both(real_y, real_x))
        cell = at(self.source, wide(distance([row, column], [spec.in_row, spec.in_pixel])))
        planes = []
        for plane in (0, spec.in_plane) if spec.in_plane else (0,):
            words = load_words(at(cell, plane), spec.width)
            planes.append(words if real is None else [arith.select(real, word, const(0)) for word in words])
        return self.taken(state, planes)

    def shared(self, state: list[Value], half: int) -> list[Value]:
        """The numbers of the upper half of the slices go to the lower half. Nothing is written twice."""
        spec = self.spec

        def shared_place(slice_: Value, k: int) -> Value:
            row = add(mul(slice_, spec.width), k)
            return at(ring(), mul(add(mul(row, spec.block_items), self.local), 4))

        def give() -> None:
            for k, number in enumerate(state):
                store(number, shared_place(self.slice, k), 4)

        def take() -> list[Value]:
            other = add(self.slice, half)
            return [self.joined(number, load(integer(32), shared_place(other, k), 4)) for k, number in enumerate(state)]

        upper = arith.andi(below(self.slice, 2 * half), arith.cmpi(arith.CmpIPredicate.uge, self.slice, const(half)))
        when(upper, give)
        gpu.barrier()
        return where(below(self.slice, half), take, state)

    def store(self, state: list[Value]) -> None:
        self.put(self.results(state), self.arguments.out, (self.spec.out_row, self.spec.out_pixel))

    def put(self, planes: Sequence[Sequence[Value]], first: Value, steps: tuple[int, int]) -> None:
        """Words of every plane, to what begins at `first` and has these bytes from row to row and pixel to pixel."""
        spec = self.spec
        inside = distance([self.y, self.x, self.group], [*steps, spec.width])
        target = place(first, self.image, self.arguments.out_image, inside)
        for plane, words in zip((0, spec.out_plane), planes, strict=False):
            store_group(words, at(target, plane), spec.width, spec.channels, self.group)


def _halves(slices: int) -> list[int]:
    return [slices >> k for k in range(1, slices.bit_length())]


class _Largest(_Pool):
    """Numbers are the keys of `vocabulary/largest.py`."""

    def __init__(self, spec: MaxPoolSpec, arguments: Arguments) -> None:
        super().__init__(spec, arguments)
        self.made = spec

    def store(self, state: list[Value]) -> None:
        spec, arguments = self.made, self.arguments
        planes = self.results(state)
        if spec.stored:
            self.put(planes, arguments.out, (spec.out_row, spec.out_pixel))
        if spec.copied:
            copy = RequantizedCopy(at(arguments.params, 4 * MAX_HEADER), arguments.out)
            numbers = copy.of(bytes_of(planes[0], spec.width))
            self.put([packed(numbers)], copy.first, (spec.copy_row, spec.copy_pixel))

    def start(self) -> list[Value]:
        return largest.lowest(param(self.arguments, 0), self.spec.width, wide=self.spec.in_plane > 0)

    def taken(self, state: Sequence[Value], planes: Sequence[Sequence[Value]]) -> list[Value]:
        return largest.larger(state, largest.keys(planes)[: self.spec.width])

    def joined(self, a: Value, b: Value) -> Value:
        return arith.maxui(a, b)

    def results(self, state: list[Value]) -> Sequence[Sequence[Value]]:
        return largest.numbers(state, wide=self.spec.in_plane > 0)


class _Average(_Pool):
    """Numbers are sums of the bytes, or of 256 * high + low, as those are in memory."""

    def __init__(self, spec: AvgPoolSpec, arguments: Arguments) -> None:
        super().__init__(spec, arguments)
        self.form, self.counts = spec.form, spec.counts

    def start(self) -> list[Value]:
        return [const(0)] * self.spec.width

    def taken(self, state: Sequence[Value], planes: Sequence[Sequence[Value]]) -> list[Value]:
        sums = []
        for k, total in enumerate(state):
            by = 1 << 8 * (k % 4)
            low, *high = (plane[k // 4] for plane in planes)
            if high:
                total = add(total, arith.shli(dot(high[0], by, const(0)), const(8)))
            sums.append(dot(low, by, total))
        return sums

    def joined(self, a: Value, b: Value) -> Value:
        return add(a, b)

    def results(self, state: list[Value]) -> Sequence[Sequence[Value]]:
        zero_point, low, high, zero_in = (param(self.arguments, k) for k in range(AVG_HEADER))
        if self.spec.in_plane:
            zero_in = add(zero_in, 1 << 15)
        zeros = mul(mul(self.rows.count, self.columns.count), zero_in)
        by = self.rescale()
        every = [quantized(by.rescaled(sub(total, zeros)), zero_point, low, high) for total in state]
        return planes_of(every) if self.spec.out_plane else [packed(every)]

    def rescale(self) -> Rescale:
        """By what this pixel's sums are divided."""
        entries = at(self.arguments.params, 4 * AVG_HEADER)
        if self.counts > 1:
            pixel = add(mul(self.y, self.spec.columns), self.x)
            index = load(integer(32), at(entries, wide(add(mul(pixel, 4), 8 * self.counts))), 4)
            entries = at(entries, wide(mul(index, 8)))
        multiplier, shift = (load(integer(32), at(entries, 4 * k), 4) for k in range(2))
        return Rescale.of(multiplier, shift, self.form)
