"""Depthwise convolution: one filter a channel, 64 channels at a time, requantized while accumulators are in registers.

Bytes of up to four kernel rows are interleaved to `[y0 y1 y2 y3]` of one channel, so that one `vpdpbusd` does a
kernel column. An interleaved column stays in registers while it slides under all kernel columns. Where rows follow
each other, two result rows share it: the second one's weights are moved one row down. Interleaving works inside
128-bit lanes, and packing the results back is its exact inverse, so channels come out in order; weights and
parameters are packed in the interleaved order (`channel_of`).

Without VNNI instructions the same columns are multiplied as words, even and odd kernel rows apart, by weights that
were widened into scratch memory once a unit.

A block is 64 channels; narrower vectors take it in strips. A last block of at most 32 (16) channels works on 2 (4)
stretches of the row at once, lane by lane: `copies`. A 1x1 depthwise convolution is a per-channel scale and shift.

Inputs of 16 bits are two planes of bytes: a column has both, each has its own accumulators, and the two become one
before they are requantized.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Requantize, combined
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, place, units_of
from dyadic.passes.lower.cpu.kernels.weights import unpack
from dyadic.passes.lower.cpu.kernels.weights.weight_format import LINE, Format

CHANNELS = 64  # of a block
QUADS = 4  # vectors of 16 int32 that make a block
LANES = 16
TAPS = 4  # kernel rows that one multiplication takes
UNROLL = {64: 8, 32: 4, 16: 1}  # results in straight-line code, by bytes of a vector
MOST_WIDENED = 32  # bytes of the widest vectors without VNNI instructions


@dataclass(frozen=True)
class DepthwiseSpec:
    """Everything the code depends on; strides in bytes. The input reference is the first tap of the first result."""

    rows: int  # of the result
    columns: int
    channels: int
    unit_rows: int
    taps_y: int
    taps_x: int
    tap_y: int  # from one kernel row to the next: dilation * row
    tap_x: int
    stride_x: int
    in_column: int  # from the input of one result pixel to that of the next: stride_x * pixel
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int
    form: str
    clamp: bool
    unit_blocks: int  # blocks of 64 channels in a unit
    weights: str = "w8"  # how they are stored: w8, w4 or w2
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0
    acc_shift: int = 0  # of accumulators, with an in_plane

    @property
    def planes(self) -> tuple[int, ...]:
        """Where the bytes of an input lie, from its lowest one on."""
        return (0, self.in_plane) if self.in_plane else (0,)

    @property
    def channel_units(self) -> int:
        """Units with the same rows."""
        return -(-len(self.blocks) // self.unit_blocks)

    @property
    def units(self) -> int:
        """Tiles per image: its rows outside, their channels inside."""
        return units_of(self) * self.channel_units

    @property
    def paired(self) -> bool:
        """Two result rows share their input rows."""
        return self.unit_rows > 1 and self.in_row == self.tap_y

    @property
    def groups(self) -> int:
        """Groups of four kernel rows."""
        return -(-(self.taps_y + self.paired) // TAPS)

    @property
    def blocks(self) -> list[tuple[int, int, int]]:
        """(first channel, channels, copies) of each block."""
        every = []
        for first in range(0, self.channels, CHANNELS):
            count = min(CHANNELS, self.channels - first)
            every.append((first, count, 4 if count <= 16 else 2 if count <= 32 else 1))
        return every

    @property
    def block_bytes(self) -> int:
        """Packed weights of one block: [second row of a pair][group][kernel column][quad][lane][kernel row]."""
        return self.products * LANES * TAPS

    @property
    def products(self) -> int:
        """Vectors of packed weights of one block."""
        return (1 + self.paired) * self.groups * self.taps_x * QUADS

    @property
    def format(self) -> Format:
        return Format.of(self.weights)

    @property
    def stored_groups(self) -> int:
        """Groups of four kernel rows in weights of fewer bits: those of one result row."""
        return -(-self.taps_y // TAPS)

    @property
    def stored_bytes(self) -> int:
        """Stored weights of one block: as packed, or [group][kernel column][quad][lane][kernel row] in fewer bits."""
        lines = self.format.lines
        return self.block_bytes if lines == 1 else self.stored_groups * self.group_bytes // lines

    @property
    def group_bytes(self) -> int:
        """8-bit weights of one block and four kernel rows."""
        return self.taps_x * QUADS * LINE

    @property
    def widened_bytes(self) -> int:
        """Scratch memory for the weights of a strip as words, at the level that needs most."""
        return 2 * self.products * MOST_WIDENED

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of one thread, at the level that needs most."""
        return self.widened_bytes + (self.block_bytes if self.format.lines > 1 else 0)


def channel_of(copies: int) -> npt.NDArray[np.int64]:
    """[quad, lane]: which channel of its block a lane holds after interleaving."""
    quad, lane = np.arange(QUADS)[:, None], np.arange(LANES)[None, :]
    return lane // 4 % (QUADS // copies) * 16 + 4 * quad + lane % 4


def pack_weights(spec: DepthwiseSpec, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[C, KH, KW, 1] to the packed order."""
    channels, kh, kw, _ = weight.shape
    assert (channels, kh, kw) == (spec.channels, spec.taps_y, spec.taps_x)
    packed = []
    for first, count, copies in spec.blocks:
        block = np.zeros((CHANNELS, 1 + spec.paired, spec.groups * TAPS, kw), weight.dtype)
        for row in range(1 + spec.paired):
            block[:count, row, row : row + kh] = weight[first : first + count, :, :, 0]
        lanes = block[channel_of(copies)]  # [quad, lane, pair, tap, kw]
        split = lanes.reshape(QUADS, LANES, 1 + spec.paired, spec.groups, TAPS, kw)
        packed.append(split.transpose(2, 3, 5, 0, 1, 4).reshape(-1))
    return np.concatenate(packed)


def pack_params(
    spec: DepthwiseSpec,
    bias: npt.NDArray[np.int64],
    multiplier: npt.NDArray[np.int64],
    shift: npt.NDArray[np.int64],
    header: list[int],
    high_bias: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int32]:
    """`requantize.pack` in interleaved order; header: zero point, low, high of the result."""

    def lanes(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        padded = np.zeros(len(spec.blocks) * CHANNELS, np.int64)
        padded[: spec.channels] = values
        return np.concatenate(
            [padded[CHANNELS * i + channel_of(copies)].reshape(-1) for i, (_, _, copies) in enumerate(spec.blocks)]
        )

    high = None if high_bias is None else lanes(high_bias)
    return requantize.pack(lanes(bias), lanes(multiplier), lanes(shift), None, spec.form, header, high)


def generate(spec: DepthwiseSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        c.loop(k.first, k.last, _Writer(spec, level, k).unit)

    # weights are too many for registers: memory operands beat copies on the stack
    c.kernel(symbol, body, reload=True)


@dataclass
class _Strip:
    """What vectors of one shape work on: some channels of a block at some `positions` of a row at once."""

    vectors: ByteLanes
    positions: int
    channels: int  # that are stored

    @property
    def piece(self) -> ByteLanes:
        """The bytes of one position."""
        return ByteLanes(self.vectors.size // self.positions, self.vectors.vnni)


class _Writer:
    def __init__(self, spec: DepthwiseSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.level, self.k = spec, level, k
        self.input = k.input(0)
        self.narrow = Narrow.load(k.params, spec.form, clamp=spec.clamp, wide=spec.out_plane > 0)

    def unit(self, index: c.Value) -> None:
        """The unit's blocks of channels in turn."""
        spec = self.spec
        image, row = image_and_row(spec, c.floor_div(index, spec.channel_units))
        source = place(self.input, image, spec.in_image, row, spec.in_row)
        target = place(self.k.out, image, spec.out_image, row, spec.out_row)
        blocks = spec.blocks
        full = [i for i, (_, count, _) in enumerate(blocks) if count == CHANNELS]

        def block(index: c.Value, count: int, copies: int) -> None:
            skip = c.mul(index, CHANNELS)
            weights = unpack.depthwise_weights(spec, self.k, c.at(self.k.weights, c.mul(index, spec.stored_bytes)))
            self.strips(count, copies, weights, c.mul(index, QUADS), c.at(source, skip), c.at(target, skip))

        def rest() -> None:
            block(c.const(len(full)), *blocks[-1][1:])

        if spec.channel_units == 1:
            start, end = c.const(0), c.const(len(full))
        else:
            start = c.mul(c.remainder(index, spec.channel_units), spec.unit_blocks)
            end = c.smallest(c.add(start, spec.unit_blocks), len(full))
        if len(full) > 1 or spec.channel_units > 1:
            c.loop(start, end, lambda i: block(i, CHANNELS, 1))
        elif full:
            block(c.const(0), CHANNELS, 1)
        if len(full) < len(blocks) and spec.channel_units == 1:
            rest()
        elif len(full) < len(blocks):
            c.choose(c.less(c.add(start, spec.unit_blocks), len(blocks)), lambda: None, rest)

    def strips(
        self, count: int, copies: int, weights: c.Value, block: c.Value, source: c.Value, target: c.Value
    ) -> None:
        """The channels of a block, as many at a time as vectors of this level take."""
        vectors = ByteLanes.of(self.level)
        positions = max(1, copies * vectors.size // CHANNELS)
        width = vectors.size // positions

        def strip(index: c.Value, channels: int) -> None:
            skip, lanes = c.mul(index, width), c.mul(index, vectors.size)  # every quad goes on with its next lanes
            self.rows(
                _Strip(vectors, positions, channels),
                c.at(weights, lanes),
                c.at(self.k.params, lanes),
                block,
                c.at(source, skip),
                c.at(target, skip),
            )

        full = count // width
        if full > 1:
            c.loop(0, full, lambda i: strip(i, width))
        elif full:
            strip(c.const(0), width)
        if count % width:
            strip(c.const(full), count % width)

    def rows(
        self,
        strip: _Strip,
        weights: c.Value,
        params: c.Value,
        block: c.Value,
        source: c.Value,
        target: c.Value,
    ) -> None:
        """Result rows in pairs where they share input rows."""
        spec = self.spec
        if not strip.vectors.vnni:
            weights = self.widened(strip.vectors, weights)

        def write(y: c.Value, height: int) -> None:
            moved = c.at(source, c.mul(y, spec.in_row)), c.at(target, c.mul(y, spec.out_row))
            _Row(self, strip, weights, params, block, height).write(*moved)

        height = 2 if spec.paired else 1
        count = spec.unit_rows // height
        if count == 1:
            write(c.const(0), height)
        else:
            c.loop(0, count, lambda i: write(c.mul(i, height), height))
        if spec.unit_rows % height:
            write(c.const(spec.unit_rows - 1), 1)

    def widened(self, vectors: ByteLanes, weights: c.Value) -> c.Value:
        """Weights of a strip as words: where even and odd ones follow each other for every vector of packed ones."""

        def widen(index: c.Value) -> None:
            packed = vectors.load(weights, c.mul(index, LANES * TAPS))
            for i, words in enumerate(vectors.split(packed, signed=True)):
                place_ = c.add(c.mul(index, 2 * vectors.size), i * vectors.size)
                c.store(words, self.k.scratch, place_, align=vectors.size)

        c.loop(0, self.spec.products, widen)
        return self.k.scratch


class _Row:
    """One strip over whole rows of the result (two rows at once where `height` is 2)."""

    def __init__(
        self, writer: _Writer, strip: _Strip, weights: c.Value, params: c.Value, block: c.Value, height: int
    ) -> None:
        self.spec, self.strip, self.v, self.height = writer.spec, strip, strip.vectors, height
        self.narrow, self.weights = writer.narrow, weights
        self.requantize = [
            Requantize(params, c.add(block, quad), self.spec.form, wide=self.spec.in_plane > 0, lanes=self.v.dwords)
            for quad in range(QUADS)
        ]
        self.parts = 1 if self.v.vnni else 2  # values of four kernel rows
        # each position does a stretch of the row; the last ones are moved back inside
        self.length = -(-self.spec.columns // strip.positions)
        self.starts = [min(p * self.length, self.spec.columns - self.length) for p in range(strip.positions)]

    def write(self, source: c.Value, target: c.Value) -> None:
        most = UNROLL[self.v.size]
        unroll = next((u for u in range(min(most, self.length), 3, -1) if self.length % u == 0), min(most, 4))
        # columns that the next result needs again
        kept = max(0, self.spec.taps_x - self.spec.stride_x) if self.slides else 0
        first = [value for x in range(kept) for value in self.column(source, x * self.spec.tap_x)]

        def chunk(x: c.Value, count: int, *carried: c.Value) -> list[c.Value]:
            here, there = c.at(source, c.mul(x, self.spec.in_column)), c.at(target, c.mul(x, self.spec.out_column))
            return self.chunk(here, there, count, list(carried))

        full = self.length // unroll
        if full > 1:
            first = c.loop(0, full * unroll, lambda x, *now: chunk(x, unroll, *now), first, step=unroll)
        elif full:
            first = chunk(c.const(0), unroll, *first)
        if self.length % unroll:
            chunk(c.const(full * unroll), self.length % unroll, *first)

    @property
    def slides(self) -> bool:
        """Kernel columns are neighbouring pixels, so results share them."""
        return self.spec.tap_x * self.spec.stride_x == self.spec.in_column

    def chunk(self, source: c.Value, target: c.Value, count: int, carried: list[c.Value]) -> list[c.Value]:
        """`count` results from interleaved columns, the first of them `carried`; returns the columns to carry on."""
        spec, size = self.spec, QUADS * self.groups * self.parts * len(self.spec.planes)
        known = {i: carried[i * size : (i + 1) * size] for i in range(len(carried) // size)}
        for x in range(count):
            if self.slides:
                for i in range(x * spec.stride_x, x * spec.stride_x + spec.taps_x):
                    if i not in known:
                        known[i] = self.column(source, i * spec.tap_x)
                columns = [known[x * spec.stride_x + tap] for tap in range(spec.taps_x)]
            else:
                columns = [self.column(source, x * spec.in_column + t * spec.tap_x) for t in range(spec.taps_x)]
            self.results(columns, c.at(target, x * spec.out_column))
        start = count * spec.stride_x
        return [value for i in range(start, start + len(carried) // size) for value in known[i]]

    @property
    def groups(self) -> int:
        """Groups of four kernel rows that have a weight here."""
        return -(-(self.spec.taps_y + self.height - 1) // TAPS)

    def column(self, source: c.Value, offset: int) -> list[c.Value]:
        """One input column, plane after plane."""
        return [value for plane in self.spec.planes for value in self.column_of_plane(source, offset + plane)]

    def column_of_plane(self, source: c.Value, offset: int) -> list[c.Value]:
        """One input column as `[y0 y1 y2 y3]` of every channel: four vectors for each group of four rows,
        or twice as many of words."""
        count = self.spec.taps_y + self.height - 1
        rows = [self.load(source, offset + y * self.spec.tap_y) for y in range(count)]
        rows += [self.v.zero_bytes()] * (-count % TAPS)
        quads: list[c.Value] = []
        for g in range(0, len(rows), TAPS):
            first, second = (self.v.interleave(rows[g + i], rows[g + i + 1], 8) for i in (0, 2))
            for a, b in zip(first, second, strict=True):
                quads += self.v.interleave(a, b, 16)
        return quads if self.parts == 1 else [part for quad in quads for part in self.v.split(quad, signed=False)]

    def load(self, source: c.Value, offset: int) -> c.Value:
        piece, step = self.strip.piece, self.spec.in_column
        return c.join([piece.load(source, offset + start * step) for start in self.starts])

    def results(self, columns: list[list[c.Value]], target: c.Value) -> None:
        """One result pixel of each row; all accumulators take each step together, so that none waits for the last."""
        spec = self.spec
        sums = [self.summed(columns, plane) for plane in range(len(spec.planes))]
        acc = [combined(both, spec.acc_shift) for both in zip(*sums, strict=True)]
        rounded = [by.rounded(a) for by, a in zip(self.requantize * self.height, acc, strict=True)]
        for row in range(self.height):
            packed, piece = self.v.pack(rounded[row * QUADS : row * QUADS + QUADS], self.narrow), self.strip.piece
            for p, start in enumerate(self.starts):
                if self.strip.positions > 1:
                    parts = [c.part(plane, p * piece.size, piece.size) for plane in packed]
                else:
                    parts = packed
                place_ = start * spec.out_column + row * spec.out_row
                piece.store_planes(parts, target, place_, self.strip.channels, spec.out_plane)

    def summed(self, columns: list[list[c.Value]], plane: int) -> list[c.Value]:
        """Sums of one plane of the input, [row][quad]."""
        spec = self.spec
        acc = [by.biases[plane] for _ in range(self.height) for by in self.requantize]
        for g in range(self.groups):
            for tap, column in enumerate(columns):
                for i in range(len(acc)):
                    row, quad = divmod(i, QUADS)
                    product = ((row * spec.groups + g) * spec.taps_x + tap) * QUADS + quad
                    first = ((plane * self.groups + g) * QUADS + quad) * self.parts
                    acc[i] = self.multiplied(acc[i], column[first : first + self.parts], product)
        return acc

    def multiplied(self, acc: c.Value, column: list[c.Value], product: int) -> c.Value:
        """`acc` + four kernel rows of a column, times their weights."""
        kind, size = c.vec(self.v.dwords, 32), self.v.size
        if self.v.vnni:
            return self.v.dot(acc, column[0], c.load(kind, self.weights, product * LANES * TAPS, align=16))
        for i, words in enumerate(column):
            acc = self.v.add_products(acc, words, c.load(kind, self.weights, (2 * product + i) * size, align=size))
        return acc
