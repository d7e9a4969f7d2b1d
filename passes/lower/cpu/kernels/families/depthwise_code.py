"""Depthwise convolution as code: requantized while accumulators are in registers.

Bytes of up to four kernel rows are interleaved to `[y0 y1 y2 y3]` of one channel. An interleaved column stays in
registers while it slides under all kernel columns. Interleaving works inside 128-bit lanes, and packing the results
back is its exact inverse, so channels come out in order.

Kernels with many columns are loops: a few results at a time take some columns of a group of four kernel rows in each
step, and share those that they have in common.

Without VNNI instructions the same columns are multiplied as words, even and odd kernel rows apart, by weights that
were widened into scratch memory once a unit. A block is 64 channels; narrower vectors take it in strips.

Inputs of 16 bits are two planes of bytes: a column has both, each has its own accumulators, and the two become one
before they are requantized.
"""

from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.families.depthwise import CHANNELS, LANES, QUADS, TAPS, DepthwiseSpec
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Requantize, combined
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, place
from dyadic.passes.lower.cpu.kernels.weights import unpack

UNROLL = {64: 8, 32: 4, 16: 1}  # results in straight-line code, by bytes of a vector
TOGETHER = {64: 4, 32: 2, 16: 1}  # results that a long kernel makes at once
STEP = 8  # kernel columns of a long kernel in straight-line code


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
            (_LongRow if spec.long else _Row)(self, strip, weights, params, block, height).write(*moved)

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
        return self.interleaved([self.load(source, offset + y * self.spec.tap_y) for y in range(count)])

    def interleaved(self, rows: list[c.Value]) -> list[c.Value]:
        """Rows of a column as `column_of_plane` gives them."""
        rows = rows + [self.v.zero_bytes()] * (-len(rows) % TAPS)
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
        self.finish([self.summed(columns, plane) for plane in range(len(self.spec.planes))], target)

    def finish(self, sums: list[list[c.Value]], target: c.Value) -> None:
        """Sums of each plane, [row][quad], to one result pixel of each row."""
        spec = self.spec
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

    def biases(self, plane: int) -> list[c.Value]:
        """Where sums of one plane start, [row][quad]."""
        return [by.biases[plane] for _ in range(self.height) for by in self.requantize]

    def summed(self, columns: list[list[c.Value]], plane: int) -> list[c.Value]:
        """Sums of one plane of the input, [row][quad]."""
        spec = self.spec
        acc = self.biases(plane)
        for g in range(self.groups):
            for tap, column in enumerate(columns):
                for i in range(len(acc)):
                    row, quad = divmod(i, QUADS)
                    product = ((row * spec.groups + g) * spec.taps_x + tap) * QUADS + quad
                    first = ((plane * self.groups + g) * QUADS + quad) * self.parts
                    acc[i] = self.multiplied(acc[i], column[first : first + self.parts], self.weights, product)
        return acc

    def multiplied(self, acc: c.Value, column: list[c.Value], weights: c.Value, product: int) -> c.Value:
        """`acc` + four kernel rows of a column, times their weights."""
        kind, size = c.vec(self.v.dwords, 32), self.v.size
        if self.v.vnni:
            return self.v.dot(acc, column[0], c.load(kind, weights, product * LANES * TAPS, align=16))
        for i, words in enumerate(column):
            acc = self.v.add_products(acc, words, c.load(kind, weights, (2 * product + i) * size, align=size))
        return acc


class _LongRow(_Row):
    """The same in loops over groups of four kernel rows and over kernel columns."""

    def write(self, source: c.Value, target: c.Value) -> None:
        most = max(1, TOGETHER[self.v.size] // (self.height * len(self.spec.planes)))
        full = self.length // most

        def chunk(x: c.Value, count: int) -> None:
            here, there = c.at(source, c.mul(x, self.spec.in_column)), c.at(target, c.mul(x, self.spec.out_column))
            acc = [one for _ in range(count) for plane in range(len(self.spec.planes)) for one in self.biases(plane)]
            acc = self.sums(here, acc)
            size = self.height * QUADS
            planes = [acc[i : i + size] for i in range(0, len(acc), size)]
            for i in range(count):
                each = planes[i * len(self.spec.planes) : (i + 1) * len(self.spec.planes)]
                self.finish(each, c.at(there, i * self.spec.out_column))

        if full:
            c.loop(0, full * most, lambda x: chunk(x, most), step=most)
        if self.length % most:
            chunk(c.const(full * most), self.length % most)

    def sums(self, source: c.Value, acc: list[c.Value]) -> list[c.Value]:
        """`acc`, [result][plane][row][quad], and all products; source: the first tap of the first result."""
        spec, rows = self.spec, self.spec.taps_y + self.height - 1
        group_bytes = spec.taps_x * self.column_bytes

        def group(g: c.Value, count: int, acc: list[c.Value]) -> list[c.Value]:
            first, weights = c.at(source, c.mul(g, TAPS * spec.tap_y)), c.at(self.weights, c.mul(g, group_bytes))

            def step(t: c.Value, taps: int, acc: list[c.Value]) -> list[c.Value]:
                here, there = c.at(first, c.mul(t, spec.tap_x)), c.at(weights, c.mul(t, self.column_bytes))
                return self.columns_of_group(here, there, count, taps, acc)

            full = spec.taps_x // STEP * STEP
            if full:
                acc = c.loop(0, full, lambda t, *now: step(t, STEP, list(now)), acc, step=STEP)
            return step(c.const(full), spec.taps_x - full, acc) if spec.taps_x > full else acc

        full = rows // TAPS
        if full:
            acc = c.loop(0, full, lambda g, *now: group(g, TAPS, list(now)), acc)
        return group(c.const(full), rows % TAPS, acc) if rows % TAPS else acc

    @property
    def column_bytes(self) -> int:
        """Weights of one kernel column and group of rows, as the products read them."""
        return QUADS * self.parts * (LANES * TAPS if self.v.vnni else self.v.size)

    def columns_of_group(
        self, source: c.Value, weights: c.Value, count: int, taps: int, acc: list[c.Value]
    ) -> list[c.Value]:
        """`acc` and the products of `count` kernel rows and `taps` columns; results share what they both read."""
        spec, acc = self.spec, list(acc)
        known: dict[int, list[c.Value]] = {}

        def column(offset: int) -> list[c.Value]:
            if offset not in known:
                known[offset] = self.interleaved([self.load(source, offset + y * spec.tap_y) for y in range(count)])
            return known[offset]

        size = self.height * QUADS
        for tap in range(taps):
            for i in range(len(acc)):
                (x, plane), (row, quad) = divmod(i // size, len(spec.planes)), divmod(i % size, QUADS)
                values = column(x * spec.in_column + tap * spec.tap_x + spec.planes[plane])
                product = (row * spec.groups * spec.taps_x + tap) * QUADS + quad
                part = values[quad * self.parts : (quad + 1) * self.parts]
                acc[i] = self.multiplied(acc[i], part, weights, product)
        return acc
