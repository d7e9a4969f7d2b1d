"""Convolution as an implicit matrix product: no im2col, requantization and residual add while accumulators are in
registers.

A unit of work (the tile of the kernel ABI) is a block of output channels times a chunk of output pixels; a thread's
units with the same channels follow each other, so their weights stay in cache (or, with `pixels_outer`, those with the
same pixels, so that threads share an image by its rows). Inside a unit a register tile of pixels
x channels runs over the whole of K at once. K is a list of segments, each a run of bytes that is contiguous in memory:
a kernel row of pixels (KW * C) where pixels are dense, else one tap. Weights are packed
`[group][channels/16][segment][run/4][16][4]` in that physical order, with zeros opposite padding lanes, so whatever
those hold does not matter. Weights of fewer bits are unpacked to that order first (`unpack.py`).

Inputs of 16 bits are two planes of bytes, `in_plane` apart: a register tile has every pixel twice, once in each, under
the same weights, and the two sums become one accumulator before the epilogue.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from dyadic.passes.lower.cpu.kernels.families import conv_amx
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.epilogue import Epilogue, Result
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import DOTS, LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.prefetch import Prefetch
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Requantize, combined
from dyadic.passes.lower.cpu.kernels.weights import unpack
from dyadic.passes.lower.cpu.kernels.weights.weight_format import StoredWeights

UNROLLED_PIXELS = 64  # a chunk of at most this many pixels in short rows becomes straight-line tiles without waste


@dataclass(frozen=True)
class ConvSpec(StoredWeights):
    """Everything the code depends on; strides in bytes. Layers with equal specs share one kernel."""

    unrolls: ClassVar[bool] = False  # a register tile in a loop's body is enough: more copies of it gain nothing

    rows: int  # output pixels as rows x columns; a dense 1x1 convolution has a single row
    columns: int
    channels: int  # output channels of one group, or of all the groups that share vectors
    groups: int
    unit_vectors: int  # vectors of 16 channels in a unit
    unit_rows: int
    unit_columns: int
    in_column: int  # from the input of one output pixel to that of the next
    in_row: int
    in_image: int
    in_group: int
    taps_y: int  # segments: taps_y x taps_x runs of run_dwords * 4 bytes
    taps_x: int
    tap_y: int
    tap_x: int
    run_dwords: int
    packed_dwords: int  # run_dwords rounded up as packed
    out_column: int
    out_row: int
    out_image: int
    form: str
    clamp: bool
    residual: bool = False
    residual_column: int = 0
    residual_row: int = 0
    residual_image: int = 0
    tile_vectors: int = 0  # most vectors of 16 channels in a register tile; 0: what the level likes
    pixels_outer: bool = False  # units with the same pixels follow each other
    weights: str = "w8"  # how they are stored: w8, w4, w2, or w4g32 for groups of 32 input channels
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0
    residual_plane: int = 0
    acc_shift: int = 0  # of accumulators, with an in_plane
    asks: bool = False  # for the lines of results and residuals while products are made
    sharing: int = 1  # groups of the layer side by side in a vector of 16 channels, `groups` such vectors

    @property
    def planes(self) -> tuple[int, ...]:
        """Where the bytes of an input lie, from its lowest one on."""
        return (0, self.in_plane) if self.in_plane else (0,)

    @property
    def lane_dwords(self) -> list[int]:
        """How far behind the first group's input, in dwords, that of each of 16 channels is."""
        return [lane // (LANES // self.sharing) * self.run_dwords for lane in range(LANES)]

    @property
    def vectors(self) -> int:
        """Vectors of 16 channels in a group."""
        return -(-self.channels // LANES)

    @property
    def blocks(self) -> int:
        return -(-self.vectors // self.unit_vectors)

    @property
    def chunks(self) -> tuple[int, int]:
        return -(-self.rows // self.unit_rows), -(-self.columns // self.unit_columns)

    @property
    def neighbours(self) -> int:
        """Units with the same channels that follow each other."""
        return 1 if self.pixels_outer else self.chunks[0] * self.chunks[1]

    @property
    def weight_tiles(self) -> int:
        """As many tiles in order have the same weights; 0: images do not take turns with them."""
        return 0 if self.pixels_outer else self.neighbours

    @property
    def units(self) -> int:
        """Tiles per image."""
        return self.groups * self.blocks * self.chunks[0] * self.chunks[1]

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of one thread, at the level that needs most."""
        return conv_amx.SCRATCH_BYTES + self.unpacked_bytes

    @property
    def vector_bytes(self) -> int:
        """8-bit weights of 16 channels, as kernels multiply with them."""
        return self.taps_y * self.taps_x * self.packed_dwords * 4 * LANES


def generate(spec: ConvSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""
    writer = _AmxWriter if level == "amx" and spec.sharing == 1 else _ConvWriter
    c.kernel(symbol, lambda arguments: writer(spec, level, arguments).write())


@dataclass(frozen=True)
class Place:
    """Where a pixel's input, its result and its residual are."""

    source: c.Value
    target: c.Value
    addend: c.Value | None

    def moved(self, spec: ConvSpec, y: c.Value, x: c.Value) -> "Place":
        """Of the pixel that is y rows and x columns further on."""

        def by(pointer: c.Value, row: int, column: int) -> c.Value:
            return c.at(pointer, c.add(c.mul(y, row), c.mul(x, column)))

        return Place(
            by(self.source, spec.in_row, spec.in_column),
            by(self.target, spec.out_row, spec.out_column),
            None if self.addend is None else by(self.addend, spec.residual_row, spec.residual_column),
        )

    def further(self, channels: c.Value) -> "Place":
        """Of the same pixel, so many channels further on."""
        addend = None if self.addend is None else c.at(self.addend, channels)
        return Place(self.source, c.at(self.target, channels), addend)


@dataclass(frozen=True)
class Channels:
    """Some vectors of 16 channels: how many channels each really has, the first one's byte in a pixel of the unit."""

    requantize: list[Requantize]
    counts: list[int]
    weights: unpack.Weights
    first: int


class _ConvWriter:
    pads = False  # multiplies with the padding of K

    def __init__(self, spec: ConvSpec, level: str, arguments: c.KernelArguments) -> None:
        self.spec, self.dot, self.k = spec, DOTS[level], arguments
        self.tile_vectors = min(spec.tile_vectors or self.dot.vectors, self.dot.vectors)
        self.input = arguments.input(0)
        self.residual_input = arguments.input(1) if spec.residual else None
        self.epilogue = Epilogue(
            level,
            arguments.params,
            spec.form,
            clamp=spec.clamp,
            out_plane=spec.out_plane,
            residual_plane=spec.residual_plane,
        )

    def write(self) -> None:
        c.loop(self.k.first, self.k.last, self.unit)

    def unit(self, index: c.Value) -> None:
        spec = self.spec
        image, rest = c.floor_div(index, spec.units), c.remainder(index, spec.units)
        chunks_y, chunks_x = spec.chunks
        inner = spec.groups * spec.blocks if spec.pixels_outer else chunks_y * chunks_x
        block, chunk = c.floor_div(rest, inner), c.remainder(rest, inner)
        if spec.pixels_outer:
            block, chunk = chunk, block
        row = c.smallest(c.mul(c.floor_div(chunk, chunks_x), spec.unit_rows), spec.rows - spec.unit_rows)
        column = c.smallest(c.mul(c.remainder(chunk, chunks_x), spec.unit_columns), spec.columns - spec.unit_columns)
        group, block_in_group = c.floor_div(block, spec.blocks), c.remainder(block, spec.blocks)
        vector = c.add(c.mul(group, spec.vectors), c.mul(block_in_group, spec.unit_vectors))
        channel = c.add(c.mul(group, spec.channels), c.mul(block_in_group, spec.unit_vectors * LANES))

        def place(pointer: c.Value, strides: tuple[int, int, int], extra: c.Value) -> c.Value:
            offset = c.add(c.mul(image, strides[0]), extra)
            return c.at(pointer, c.add(offset, c.add(c.mul(row, strides[1]), c.mul(column, strides[2]))))

        source = place(self.input, (spec.in_image, spec.in_row, spec.in_column), c.mul(group, spec.in_group))
        target = place(self.k.out, (spec.out_image, spec.out_row, spec.out_column), channel)
        addend = None
        if self.residual_input is not None:
            strides = (spec.residual_image, spec.residual_row, spec.residual_column)
            addend = place(self.residual_input, strides, channel)
        where = Place(source, target, addend)

        def full() -> None:
            self.pixels(where, index, vector, chunk, self.channels_of(spec.unit_vectors, last=False))

        def last() -> None:
            rest_vectors = spec.vectors - (spec.blocks - 1) * spec.unit_vectors
            self.pixels(where, index, vector, chunk, self.channels_of(rest_vectors, last=True))

        if spec.channels % (spec.unit_vectors * LANES) == 0:
            full()
        elif spec.blocks == 1:
            last()
        else:
            c.choose(c.less(block_in_group, spec.blocks - 1), full, last)

    def channels_of(self, vectors: int, *, last: bool) -> list[int]:
        """How many channels each vector of a block really has."""
        counts = [LANES] * vectors
        if last and self.spec.channels % LANES:
            counts[-1] = self.spec.channels % LANES
        return counts

    def pixels(self, where: Place, index: c.Value, vector: c.Value, chunk: c.Value, counts: list[int]) -> None:
        """All register tiles of a unit, for at most as many vectors at a time as the spec and the level like."""
        spec, k = self.spec, self.k
        scratch = c.at(k.scratch, conv_amx.SCRATCH_BYTES)
        weights = unpack.unit_weights(spec, k, scratch, index, chunk, vector, len(counts), zeros=self.pads)

        def part(start: c.Value | int, counts: list[int], where: Place, first: int) -> None:
            requantize = [
                Requantize(
                    self.k.params,
                    c.add(c.add(vector, start), v),
                    spec.form,
                    residual=spec.residual,
                    wide=spec.in_plane > 0,
                )
                for v in range(len(counts))
            ]
            self.vectors(Channels(requantize, counts, weights.moved(spec, start), first), where, chunk)

        whole = counts.count(LANES) if self.tile_vectors == 1 else 0
        if whole > 1:  # one body for all of them: where tiles are narrow, units have many
            c.loop(0, whole, lambda i: part(i, [LANES], where.further(c.mul(i, LANES)), 0))
        for start in range(whole if whole > 1 else 0, len(counts), self.tile_vectors):
            part(start, counts[start : start + self.tile_vectors], where, start * LANES)

    def vectors(self, channels: Channels, where: Place, chunk: c.Value) -> None:
        """All register tiles of a unit for the vectors that one tile takes."""
        every = self.tiles(max(1, self.dot.tile_pixels(len(channels.counts)) // len(self.spec.planes)))
        count = sum(len(y) * len(x) for (y, x), _ in every)
        tile = _Tile(self, channels, count * self.spec.neighbours)
        number = c.const(0) if self.spec.neighbours == 1 else c.mul(chunk, count)
        for (y, x), pixels in every:
            self.repeat(tile, number, y, x, pixels, where)
            number = c.add(number, len(y) * len(x))

    def tiles(self, most: int) -> list[tuple[tuple[list[int], list[int]], list[tuple[int, int]]]]:
        """((row starts, column starts), pixels of a tile relative to its start) of tiles of a size.

        Tiles of whole rows may overlap: equal bytes.
        """
        rows, columns = self.spec.unit_rows, self.spec.unit_columns
        if columns < most and rows > 1 and rows * columns <= UNROLLED_PIXELS:
            every = [(y, x) for y in range(rows) for x in range(columns)]
            count = -(-len(every) // most)
            bounds = [len(every) * i // count for i in range(count + 1)]
            return [(([0], [0]), every[a:b]) for a, b in pairwise(bounds)]
        if columns <= most:
            height = max(1, min(rows, most // columns))
            return [((starts(rows, height), [0]), [(y, x) for y in range(height) for x in range(columns)])]
        # two sizes that differ by one pixel, so that nothing is computed twice
        count = -(-columns // most)
        width, wider = columns // count, columns % count
        end = wider * (width + 1)
        sizes = [(list(range(0, end, width + 1)), width + 1), (list(range(end, columns, width)), width)]
        return [((list(range(rows)), first), [(0, x) for x in range(size)]) for first, size in sizes if first]

    def repeat(
        self,
        tile: "_Tile",
        first: c.Value,
        y_starts: list[int],
        x_starts: list[int],
        pixels: list[tuple[int, int]],
        where: Place,
    ) -> None:
        """The same tile at many places; `first` is the number of the first one."""

        def over(starts_: list[int], inner: Callable[[c.Value, c.Value], None]) -> None:
            if len(starts_) == 1:
                inner(c.const(starts_[0]), c.const(0))
                return
            step = starts_[1] - starts_[0]
            c.loop(0, len(starts_), lambda i: inner(c.smallest(c.add(c.mul(i, step), starts_[0]), starts_[-1]), i))

        def line(y: c.Value, i: c.Value) -> None:
            def one(x: c.Value, j: c.Value) -> None:
                number = c.add(first, c.add(c.mul(i, len(x_starts)), j))
                tile.write(number, pixels, where.moved(self.spec, y, x))

            over(x_starts, one)

        over(y_starts, line)


def starts(size: int, step: int) -> list[int]:
    """Where tiles of `step` begin so that they cover `size`; the last one is moved back inside."""
    return [min(i, size - step) for i in range(0, size, step)]


class _AmxWriter(_ConvWriter):
    """The same units on AMX tiles."""

    pads = True

    def write(self) -> None:
        conv_amx.configure(self.k.scratch, conv_amx.tile_pixels(self.spec.unit_columns))
        super().write()
        conv_amx.release()

    def vectors(self, channels: Channels, where: Place, chunk: c.Value) -> None:
        conv_amx.TileUnit(self, channels, chunk).write(where)


class _Tile:
    """One register tile: some pixels x some vectors of 16 channels, over the whole of K, then the epilogue."""

    def __init__(self, writer: _ConvWriter, channels: Channels, tiles: int) -> None:
        self.writer, self.channels = writer, channels
        self.tiles = tiles  # that use these weights, in all units

    def write(self, number: c.Value, pixels: list[tuple[int, int]], where: Place) -> None:
        """The tile of this number, for pixels relative to `where`."""
        spec, channels = self.writer.spec, self.channels
        if spec.asks:
            self.ask(pixels, where)
        sums, results = self.products(number, pixels, where.source), []
        for p, (y, x) in enumerate(pixels):
            out = c.at(where.target, y * spec.out_row + x * spec.out_column)
            extra = y * spec.residual_row + x * spec.residual_column
            addend = None if where.addend is None else c.at(where.addend, extra)
            for v, (requantize, count) in enumerate(zip(channels.requantize, channels.counts, strict=True)):
                results.append(Result(requantize, sums[p][v], count, out, addend, channels.first + v * LANES))
        self.writer.epilogue.finish(results)

    def ask(self, pixels: list[tuple[int, int]], where: Place) -> None:
        """For the lines that results go to and residuals come from, which nothing has touched lately."""
        spec = self.writer.spec
        places = [(where.target, (spec.out_row, spec.out_column, spec.out_plane))]
        if where.addend is not None:
            places.append((where.addend, (spec.residual_row, spec.residual_column, spec.residual_plane)))
        for y, x in pixels:
            for pointer, (row, column, plane) in places:
                for start in (0, plane) if plane else (0,):
                    c.prefetch(pointer, start + y * row + x * column + self.channels.first)

    def products(self, number: c.Value, pixels: list[tuple[int, int]], source: c.Value) -> list[list[c.Value]]:
        """Accumulators [pixel][vector], bias included; a pixel's planes are pixels of their own on the way.

        Every step also asks for its share of the weights that come after this block.
        """
        spec, dot, channels, from_ = self.writer.spec, self.writer.dot, self.channels, self.channels.weights
        count = len(channels.counts)
        packed, stored = spec.packed_dwords * 4 * LANES, spec.stored_dwords * 4 * LANES // spec.format.lines
        step_bytes = count * 4 * LANES // spec.format.lines
        ahead = Prefetch(from_.stored, count * spec.stored_bytes, step_bytes, number, self.tiles)
        planes = range(len(spec.planes))
        biases = [r.biases[plane] for _ in pixels for plane in planes for r in channels.requantize]
        first = [acc for bias in biases for acc in dot.start(bias)]
        size = len(first) // len(biases)
        offsets = [y * spec.in_row + x * spec.in_column + plane for y, x in pixels for plane in spec.planes]

        def step(
            sources: list[c.Value], weights: c.Value, next_: c.Value, k: c.Value, acc: tuple[c.Value, ...]
        ) -> list[c.Value]:
            line = c.mul(k, 4 * LANES)
            ahead.ask(next_, k)
            after = list(acc)
            for phase, source in enumerate(sources):
                position = c.at(source, c.mul(k, 4))
                columns = [dot.weights(weights, c.add(line, v * from_.stride), phase) for v in range(count)]
                for p, offset in enumerate(offsets):
                    if spec.sharing > 1:
                        after[p * size : (p + 1) * size] = self.shared(
                            after[p * size : (p + 1) * size], position, offset, columns[0], phase
                        )
                        continue
                    activations = dot.activations(position, offset, phase)
                    for v in range(count):
                        place = (p * count + v) * size
                        after[place : place + size] = dot.step(
                            after[place : place + size], activations, columns[v], phase
                        )
            return after

        def segment(source: c.Value, number: c.Value, acc: Sequence[c.Value]) -> list[c.Value]:
            if spec.streams:
                return unpack.sliced(spec, from_, number, count, lambda i, n, now: slice_(source, i, n, now), acc)
            sources = [source, *(c.opaque(source) for _ in range(dot.phases - 1))]
            weights = c.at(from_.ready, c.mul(number, packed))
            next_ = ahead.segment(number, stored * count)
            return c.loop(0, spec.run_dwords, lambda k, *now: step(sources, weights, next_, k, now), acc)

        def slice_(source: c.Value, first: c.Value, dwords: int, acc: Sequence[c.Value]) -> list[c.Value]:
            source = c.at(source, c.mul(first, 4))
            sources = [source, *(c.opaque(source) for _ in range(dot.phases - 1))]
            return c.loop(0, dwords, lambda k, *now: step(sources, from_.ready, from_.ready, k, now), acc)

        def row(y: c.Value, *acc: c.Value) -> list[c.Value]:
            line, first = c.at(source, c.mul(y, spec.tap_y)), c.mul(y, spec.taps_x)
            if spec.taps_x == 1:
                return segment(line, first, acc)
            return c.loop(
                0,
                spec.taps_x,
                lambda x, *now: segment(c.at(line, c.mul(x, spec.tap_x)), c.add(first, x), now),
                acc,
            )

        total = row(c.const(0), *first) if spec.taps_y == 1 else c.loop(0, spec.taps_y, row, first)
        grouped = [total[i : i + size] for i in range(0, len(total), size)]
        finished = [dot.finish(acc, bias) for acc, bias in zip(grouped, biases, strict=True)]
        sums = [finished[i : i + count] for i in range(0, len(finished), count)]
        every = [sums[i : i + len(planes)] for i in range(0, len(sums), len(planes))]
        return [[combined(both, spec.acc_shift) for both in zip(*pixel, strict=True)] for pixel in every]

    def shared(
        self, acc: Sequence[c.Value], position: c.Value, offset: int, weights: Sequence[c.Value], phase: int
    ) -> list[c.Value]:
        """`step` for 16 channels of several groups: each lane has its own group's input."""
        dot, after = self.writer.dot, []
        lanes = dot.lane_activations(position, offset, phase, self.writer.spec.lane_dwords)
        for one, activations, column in zip(acc, lanes, weights, strict=True):
            after += dot.step([one], activations, [column], phase)
        return after
