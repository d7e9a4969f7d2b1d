"""Images of another size: every result is a sum of four pixels, whose weights follow from its row and its column.

    ((sum of four x * w + start) >> s) + zp, in [low, high]     start = 2^(s-1) - zx * m, since weights sum to m

Parameters: the header, then for every row and every column the byte offsets of both its pixels and the share of the
second in 2^15.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, place, units_of

HEADER = 16  # int32: zero point, low, high of the result, start, shift, multiplier
ENTRY = 4  # int32: both offsets, the share, nothing
SHARE_BITS = 15


@dataclass(frozen=True)
class InterpolateSpec:
    """Everything the code depends on; strides in bytes."""

    rows: int  # of the result
    columns: int
    channels: int
    unit_rows: int
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


def pack_params(
    multiplier: int,
    shift: int,
    zero_in: int,
    header: list[int],
    axes: list[tuple[list[int], list[int], int, int]],
) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result. axes: of rows, then columns, (places, shares, size, stride)."""
    start = (1 << (shift - 1)) - zero_in * multiplier
    parts = [np.array([*header, start, shift, multiplier] + [0] * (HEADER - 6), np.int64)]
    for places, shares, size, stride in axes:
        first = np.array(places, np.int64)
        entries = np.zeros((len(first), ENTRY), np.int64)
        entries[:, 0], entries[:, 1] = first * stride, np.minimum(first + 1, size - 1) * stride
        entries[:, 2] = shares
        parts.append(entries.reshape(-1))
    packed = np.concatenate(parts)
    if np.abs(packed).max() > np.iinfo(np.int32).max:
        raise ValueError("an image is larger than 32 bits can say")
    return packed.astype(np.int32)


class _Entry:
    """A row or column of the result: where its two pixels are, and how much of the second (i64)."""

    def __init__(self, table: c.Value, index: c.Value) -> None:
        where = c.at(table, c.mul(index, 4 * ENTRY))
        self.first, self.second, self.share = (
            c.extend(c.load(c.integer(32), where, 4 * i, align=4), 64, signed=True) for i in range(3)
        )


def generate(spec: InterpolateSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        narrow = Narrow.load(k.params, requantize.SHORT, wide=spec.out_plane > 0)
        start, shift, multiplier = (c.load(c.integer(32), k.params, 4 * i, align=4) for i in (3, 4, 5))
        whole = c.extend(multiplier, 64, signed=True)
        row_table = c.at(k.params, 4 * HEADER)
        column_table = c.at(row_table, 4 * ENTRY * spec.rows)

        def pixel(lines: tuple[c.Value, c.Value], row: _Entry, part: c.Value, x: c.Value, target: c.Value) -> None:
            column = _Entry(column_table, x)
            pairs = _weights(whole, row.share, part, column.share)
            places = [(c.at(line, column.first), c.at(line, column.second)) for line in lines]

            def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                sums = [c.splat(start, v.dwords)] * 4
                for (left, right), pair in zip(places, pairs, strict=True):
                    quads = _pairs(spec, v, left, right, offset)
                    factors = c.splat(pair, v.dwords)
                    sums = [v.add_products(total, q, factors) for total, q in zip(sums, quads, strict=True)]
                rounded = [c.shift_right(total, c.splat(shift, v.dwords)) for total in sums]
                v.store_planes(v.pack(rounded, narrow), target, offset, count, spec.out_plane)

            over_run(spec.channels, level, vector)

        def unit(index: c.Value) -> None:
            image, first = image_and_row(spec, index)
            source = c.at(k.input(0), c.mul(image, spec.in_image))

            def line(y: c.Value) -> None:
                row = _Entry(row_table, y)
                part = _rounded(c.mul(row.share, whole), SHARE_BITS)
                lines = (c.at(source, row.first), c.at(source, row.second))
                out = place(k.out, image, spec.out_image, y, spec.out_row)
                c.loop(0, spec.columns, lambda x: pixel(lines, row, part, x, c.at(out, c.mul(x, spec.out_column))))

            c.loop(first, c.add(first, spec.unit_rows), line)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def _rounded(value: c.Value, shift: int) -> c.Value:
    return c.shift_right(c.add(value, 1 << (shift - 1)), shift)


def _weights(whole: c.Value, row: c.Value, row_part: c.Value, column: c.Value) -> tuple[c.Value, c.Value]:
    """`corner_weights` as pairs of words: of both columns in the first row, and in the second."""
    both = c.mul(column, whole)
    last = _rounded(c.mul(row, both), 2 * SHARE_BITS)
    below, beside = c.sub(row_part, last), c.sub(_rounded(both, SHARE_BITS), last)
    first = c.sub(c.sub(c.sub(whole, last), below), beside)

    def pair(a: c.Value, b: c.Value) -> c.Value:
        return c.truncate(c.either(c.both(a, 0xFFFF), c.shift_left(b, 16)), 32)

    return pair(first, beside), pair(below, last)


def _pairs(spec: InterpolateSpec, v: ByteLanes, left: c.Value, right: c.Value, offset: c.Value | int) -> list[c.Value]:
    """Numbers of both pixels in turn, as words, in four vectors."""
    a, b = v.load(left, offset), v.load(right, offset)
    if not spec.in_plane:
        return [quad for half in v.interleave(a, b, 8) for quad in v.interleave(half, v.zero_bytes(), 8)]
    high = [v.load(c.at(pointer, spec.in_plane), offset) for pointer in (left, right)]
    words = zip(v.from_planes(a, high[0]), v.from_planes(b, high[1]), strict=True)
    return [pair for first, second in words for pair in v.interleave(first, second, 16)]
