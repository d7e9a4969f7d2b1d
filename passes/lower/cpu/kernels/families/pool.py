"""Pooling: largest or average real cell of each window. Windows are clipped to the image and never read a ring.

The input reference is the first real pixel. Average pooling divides by a dyadic multiplier per number of valid cells
(docs/arithmetic.md).
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Uniform
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, place, units_of
from dyadic.runtime.fixedpoint import S16_MIN

UNROLLED_TAPS = 25
WORD_CELLS = 257  # as many bytes sum to at most 65535


@dataclass(frozen=True)
class MaxPoolSpec:
    """Everything the code depends on; strides in bytes."""

    rows: int  # of the result
    columns: int
    channels: int
    unit_rows: int
    in_rows: int  # real pixels of the input
    in_columns: int
    taps_y: int
    taps_x: int
    stride_y: int  # in pixels, as are dilation and padding
    stride_x: int
    dilation_y: int
    dilation_x: int
    pad_top: int
    pad_left: int
    in_column: int  # from one pixel of the input to the next
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


@dataclass(frozen=True)
class AvgPoolSpec:
    """Everything the code depends on; strides in bytes."""

    rows: int  # of the result; global pooling has 1 x 1
    columns: int
    channels: int
    unit_rows: int
    in_rows: int  # real pixels of the input
    in_columns: int
    taps_y: int
    taps_x: int
    stride_y: int  # in pixels, as is padding
    stride_x: int
    pad_top: int
    pad_left: int
    in_column: int  # from one pixel of the input to the next
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int
    form: str  # requantize.WIDE or SMALL_SHIFT
    counts: int  # different numbers of valid cells: entries of the table; with 1 there is no index
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


AVG_HEADER = 16  # int32: zero point, low, high of the result, zero point of the input
AVG_ENTRY = 4  # int32: `requantize.Uniform`


def pack_avg_params(
    spec: AvgPoolSpec,
    multiplier: npt.NDArray[np.int64],
    shift: npt.NDArray[np.int64],
    index: npt.NDArray[np.int64],
    header: list[int],
) -> npt.NDArray[np.int32]:
    """Header, one entry per count, and, where there are several counts, the entry's index of every result pixel.

    Args:
        index: [rows, columns], `np.searchsorted(counts, valid_cells(...))`.
        header: zero point, low, high of the result; zero point of the input.
    """
    assert len(multiplier) == len(shift) == spec.counts and index.shape == (spec.rows, spec.columns)
    head = np.zeros(AVG_HEADER, np.int32)
    head[: len(header)] = header
    entries = np.zeros((spec.counts, AVG_ENTRY), np.int32)
    entries[:, 0] = multiplier
    entries[:, 1] = shift - (32 if spec.form == requantize.WIDE else 0)
    entries[:, 2:] = (np.int64(1) << (shift - 1)).astype(np.int64)[:, None].view(np.int32)
    places = index.reshape(-1) if spec.counts > 1 else index.reshape(-1)[:0]
    return np.concatenate([head, entries.reshape(-1), places.astype(np.int32)])


def generate_max(spec: MaxPoolSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        source = k.input(0)

        def pixel(image: c.Value, y: c.Value, x: c.Value, target: c.Value) -> None:
            base = c.at(source, c.mul(image, spec.in_image))
            rows = _Window(y, spec.stride_y, spec.pad_top, spec.dilation_y, spec.taps_y, spec.in_rows)
            columns = _Window(x, spec.stride_x, spec.pad_left, spec.dilation_x, spec.taps_x, spec.in_columns)

            def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                best = _largest(spec, v, c.at(base, offset), rows, columns)
                planes = v.to_planes(*best) if spec.in_plane else best
                v.store_planes(planes, target, offset, count, spec.out_plane)

            over_run(spec.channels, level, vector)

        _over_results(spec, k, pixel)

    c.kernel(symbol, body)


class _Window:
    """The valid taps of one dimension of a window: `low..high-1` of `taps`, the first tap at pixel `start`."""

    def __init__(self, index: c.Value, stride: int, pad: int, dilation: int, taps: int, size: int) -> None:
        self.dilation = dilation
        self.start = c.sub(c.mul(index, stride), pad)
        # a tap is valid from ceil(-start / dilation) on and before ceil((size - start) / dilation)
        before = c.sub(c.const(dilation - 1), self.start)
        room = c.sub(c.const(size - 1 + dilation), self.start)
        self.low = c.floor_div(c.largest(before, 0), dilation)
        self.high = c.smallest(c.floor_div(room, dilation), taps)

    def pixel(self, tap: c.Value) -> c.Value:
        return c.add(self.start, c.mul(tap, self.dilation))

    def clamped(self, tap: int) -> c.Value:
        """The pixel of the valid tap nearest to `tap`."""
        return self.pixel(c.smallest(c.largest(self.low, tap), c.sub(self.high, 1)))

    @property
    def count(self) -> c.Value:
        return c.sub(self.high, self.low)


def _largest(spec: MaxPoolSpec, v: ByteLanes, base: c.Value, rows: _Window, columns: _Window) -> list[c.Value]:
    """Bytes, or the words of `ByteLanes.from_planes`."""

    def cell(line: c.Value, offset: c.Value) -> list[c.Value]:
        low = v.load(line, offset)
        return list(v.from_planes(low, v.load(c.at(line, spec.in_plane), offset))) if spec.in_plane else [low]

    def larger(best: Sequence[c.Value], other: Sequence[c.Value]) -> list[c.Value]:
        pick = c.largest if spec.in_plane else c.largest_unsigned
        return [pick(a, b) for a, b in zip(best, other, strict=True)]

    if spec.taps_y * spec.taps_x <= UNROLLED_TAPS:
        # a tap outside the image reads the nearest valid one a second time: the largest stays the same
        lines = [c.at(base, c.mul(rows.clamped(y), spec.in_row)) for y in range(spec.taps_y)]
        places = [c.mul(columns.clamped(x), spec.in_column) for x in range(spec.taps_x)]
        cells = [cell(line, place_) for line in lines for place_ in places]
        return functools.reduce(larger, cells)

    def row(y: c.Value, *best: c.Value) -> list[c.Value]:
        line = c.at(base, c.mul(rows.pixel(y), spec.in_row))

        def step(x: c.Value, *best: c.Value) -> list[c.Value]:
            return larger(best, cell(line, c.mul(columns.pixel(x), spec.in_column)))

        return c.loop(columns.low, columns.high, step, best)

    lowest = [c.fill(S16_MIN, v.size // 2, 16)] * 2 if spec.in_plane else [v.zero_bytes()]
    return c.loop(rows.low, rows.high, row, lowest)


def generate_avg(spec: AvgPoolSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        source = k.input(0)
        narrow = Narrow.load(k.params, spec.form, wide=spec.out_plane > 0)
        zero_in = c.extend(c.load(c.integer(32), k.params, 12, align=4), 64, signed=True)

        def pixel(image: c.Value, y: c.Value, x: c.Value, target: c.Value) -> None:
            base = c.at(source, c.mul(image, spec.in_image))
            rows = _Window(y, spec.stride_y, spec.pad_top, 1, spec.taps_y, spec.in_rows)
            columns = _Window(x, spec.stride_x, spec.pad_left, 1, spec.taps_x, spec.in_columns)
            zeros = c.truncate(c.mul(c.mul(rows.count, columns.count), zero_in), 32)
            entry = _entry(spec, k.params, y, x)

            def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                sums = _sums(spec, v, c.at(base, offset), rows, columns)
                by = Uniform(entry, spec.form, v.dwords)
                rounded = [by.rounded(c.sub(s, c.splat(zeros, v.dwords))) for s in sums]
                v.store_planes(v.pack(rounded, narrow), target, offset, count, spec.out_plane)

            over_run(spec.channels, level, vector)

        _over_results(spec, k, pixel)

    c.kernel(symbol, body)


def _entry(spec: AvgPoolSpec, params: c.Value, y: c.Value, x: c.Value) -> c.Value:
    """Where the multiplier of this result pixel is."""
    table = c.at(params, 4 * AVG_HEADER)
    if spec.counts == 1:
        return table
    place_ = c.mul(c.add(c.mul(y, spec.columns), x), 4)
    index = c.load(c.integer(32), c.at(table, 4 * AVG_ENTRY * spec.counts), place_, align=4)
    return c.at(table, c.mul(c.extend(index, 64, signed=False), 4 * AVG_ENTRY))


def _sums(spec: AvgPoolSpec, v: ByteLanes, base: c.Value, rows: _Window, columns: _Window) -> list[c.Value]:
    """Four vectors of int32: sums over the window, of bytes in 16 bits for as long as those hold them."""
    if spec.in_plane:
        return _wide_sums(spec, v, base, rows, columns)

    def cell(line: c.Value, x: c.Value, low: c.Value, high: c.Value) -> list[c.Value]:
        a, b = v.to_words(v.load(line, c.mul(columns.pixel(x), spec.in_column)))
        return [c.add(low, a), c.add(high, b)]

    def line_of(y: c.Value) -> c.Value:
        return c.at(base, c.mul(rows.pixel(y), spec.in_row))

    none = [c.zeros(v.size // 2, 16)] * 2
    if spec.taps_y * spec.taps_x <= WORD_CELLS:

        def word_row(y: c.Value, *words: c.Value) -> list[c.Value]:
            line = line_of(y)
            return c.loop(columns.low, columns.high, lambda x, *now: cell(line, x, *now), words)

        return v.to_dwords(*c.loop(rows.low, rows.high, word_row, none))

    def row(y: c.Value, *sums: c.Value) -> list[c.Value]:
        line = line_of(y)

        def stretch(start: c.Value, *sums: c.Value) -> list[c.Value]:
            end = c.smallest(c.add(start, WORD_CELLS), columns.high)
            words = c.loop(start, end, lambda x, *now: cell(line, x, *now), none)
            return [c.add(a, b) for a, b in zip(sums, v.to_dwords(*words), strict=True)]

        return c.loop(columns.low, columns.high, stretch, sums, step=WORD_CELLS)

    return c.loop(rows.low, rows.high, row, [c.zeros(v.dwords, 32)] * 4)


def _wide_sums(spec: AvgPoolSpec, v: ByteLanes, base: c.Value, rows: _Window, columns: _Window) -> list[c.Value]:
    """Sums of 16-bit numbers."""

    def row(y: c.Value, *sums: c.Value) -> list[c.Value]:
        line = c.at(base, c.mul(rows.pixel(y), spec.in_row))

        def cell(x: c.Value, *sums: c.Value) -> list[c.Value]:
            offset = c.mul(columns.pixel(x), spec.in_column)
            words = v.from_planes(v.load(line, offset), v.load(c.at(line, spec.in_plane), offset))
            return [c.add(a, b) for a, b in zip(sums, v.to_signed_dwords(*words), strict=True)]

        return c.loop(columns.low, columns.high, cell, sums)

    return c.loop(rows.low, rows.high, row, [c.zeros(v.dwords, 32)] * 4)


def _over_results(
    spec: MaxPoolSpec | AvgPoolSpec,
    k: c.KernelArguments,
    pixel: Callable[[c.Value, c.Value, c.Value, c.Value], None],
) -> None:
    """`pixel(image, y, x, target)` for every result pixel of the wanted units."""

    def unit(index: c.Value) -> None:
        image, first = image_and_row(spec, index)

        def row(y: c.Value) -> None:
            line = place(k.out, image, spec.out_image, y, spec.out_row)
            c.loop(0, spec.columns, lambda x: pixel(image, y, x, c.at(line, c.mul(x, spec.out_column))))

        c.loop(first, c.add(first, spec.unit_rows), row)

    c.loop(k.first, k.last, unit)
