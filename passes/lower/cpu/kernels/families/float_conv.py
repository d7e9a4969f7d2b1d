"""Float islands: `qi.float_conv2d` and `qi.float_linear`, the only kernels that compute in floating point.

A unit is one row of the result, or some blocks of its channels. Its input rows become float32 in scratch memory first;
then every lane of a vector is one output channel, which takes its products in the order that the op prescribes. So the
width of a vector changes no bit, and no two lanes are ever added. Several pixels are computed at once, since a sum
waits for the one before it.

Depthwise layers have a channel of the input in each lane; in other layers with groups, blocks never reach into the next
group.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import float_code as f
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import SIGN, WIDTHS, ByteLanes

FLOAT = 4  # bytes
BLOCKS = (16, 32)  # channels of a block of packed weights: the smaller where a group has no more
SUMS = 8  # vectors of sums at once: additions take 4 cycles, and two begin in each
HEADER = 16  # int32 before the biases
# Places in the header; all but zero points are float32, and limits are relative to the result's.
SCALE, ZERO_POINT, OUT_SCALE, OUT_ZERO_POINT, LOW, HIGH, ROUNDING = range(7)
SLACK = 32  # floats in scratch memory that vectors at the end of a row may read


@dataclass(frozen=True)
class FloatConvSpec:
    """Everything the code depends on; strides in bytes. The input reference is the first cell, padding included."""

    rows: int  # of the result
    columns: int
    channels: int  # of the result in a group; all of them where `depthwise`
    depth: int  # input channels of a group; 1 where `depthwise`
    groups: int  # 1 where `depthwise`
    depthwise: bool
    unit_blocks: int
    taps_y: int
    taps_x: int
    tap_y: int
    tap_x: int
    in_column: int
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0

    @property
    def block(self) -> int:
        """Channels of a block of packed weights."""
        return block_of(self.channels)

    @property
    def group_blocks(self) -> int:
        return -(-self.channels // self.block)

    @property
    def blocks(self) -> int:
        return self.groups * self.group_blocks

    @property
    def channel_units(self) -> int:
        """Units of the same row."""
        return -(-self.blocks // self.unit_blocks)

    @property
    def units(self) -> int:
        """Tiles per image."""
        return self.rows * self.channel_units

    @property
    def taps(self) -> int:
        """Products of one sum."""
        return self.taps_y * self.taps_x * self.depth

    @property
    def span(self) -> int:
        """Bytes that a row of the result reads of one input row."""
        pixel = self.channels if self.depthwise else self.groups * self.depth
        return (self.columns - 1) * self.in_column + (self.taps_x - 1) * self.tap_x + pixel

    @property
    def row_floats(self) -> int:
        """An input row in scratch memory."""
        return -(-self.span // BLOCKS[0]) * BLOCKS[0]

    @property
    def scratch_bytes(self) -> int:
        return FLOAT * (self.taps_y * self.row_floats + SLACK)


def block_of(channels: int) -> int:
    """The larger block where a group of so many channels fills more than the smaller."""
    return BLOCKS[channels > BLOCKS[0]]


def pack_weights(spec: FloatConvSpec, weight: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """[O, KH, KW, depth] of anything to [group][block][tap][input channel][channel of the block], zeros at the end."""
    by_group = weight.reshape(spec.groups, spec.channels, spec.taps)
    every = np.zeros((spec.groups, spec.group_blocks * spec.block, spec.taps), weight.dtype)
    every[:, : spec.channels] = by_group
    blocks = every.reshape(spec.groups, spec.group_blocks, spec.block, spec.taps)
    return np.ascontiguousarray(blocks.swapaxes(2, 3)).reshape(-1)


def unpack_weights(spec: FloatConvSpec, packed: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """[O, taps] from the bytes of what `pack_weights` gave; `packed` may go on with others' bytes."""
    floats = packed[: FLOAT * spec.blocks * spec.block * spec.taps].view(np.float32)
    blocks = floats.reshape(spec.groups, spec.group_blocks, spec.taps, spec.block).swapaxes(2, 3)
    return blocks.reshape(spec.groups, -1, spec.taps)[:, : spec.channels].reshape(-1, spec.taps)


def pack_params(
    spec: FloatConvSpec,
    bias: npt.NDArray[np.float32],
    source: tuple[float, int],
    result: tuple[float, int],
    limits: tuple[int, int],
) -> npt.NDArray[np.int32]:
    """Header and biases in the order of the weights. source, result: scale and zero point; limits: of the result."""
    head = np.zeros(HEADER, np.int32)
    head[ZERO_POINT], head[OUT_ZERO_POINT] = source[1], result[1]
    low, high = (limit - result[1] for limit in limits)
    floats = {SCALE: source[0], OUT_SCALE: result[0], LOW: low, HIGH: high, ROUNDING: f.ROUNDING}
    head[list(floats)] = np.array(list(floats.values()), np.float32).view(np.int32)
    every = np.zeros((spec.groups, spec.group_blocks * spec.block), np.float32)
    every[:, : spec.channels] = bias.reshape(spec.groups, -1)
    return np.concatenate([head, every.reshape(-1).view(np.int32)])


def generate(spec: FloatConvSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        c.loop(k.first, k.last, _Writer(spec, level, k).unit)

    c.kernel(symbol, body)


@dataclass
class _Strip:
    """Channels of one block: `vectors` of the level's lanes, of which `channels` are real."""

    weights: c.Value  # of the strip's first channel
    bias: c.Value
    source: c.Value  # in scratch memory
    target: c.Value
    vectors: int
    channels: int


class _Writer:
    def __init__(self, spec: FloatConvSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.k, self.lanes = spec, k, WIDTHS[level] // FLOAT
        self.input, self.bytes = k.input(0), ByteLanes(self.lanes, False)

    def number(self, place: int) -> c.Value:
        """A float32 of the header in every lane."""
        return f.load_splat(self.lanes, self.k.params, FLOAT * place)

    def integer(self, place: int) -> c.Value:
        return c.splat(c.load(c.integer(32), self.k.params, FLOAT * place, align=4), self.lanes)

    def unit(self, index: c.Value) -> None:
        """Its input rows, then its blocks of channels in turn."""
        spec = self.spec
        line, part = c.floor_div(index, spec.channel_units), c.remainder(index, spec.channel_units)
        image, row = c.floor_div(line, spec.rows), c.remainder(line, spec.rows)
        source = c.at(self.input, c.add(c.mul(image, spec.in_image), c.mul(row, spec.in_row)))
        target = c.at(self.k.out, c.add(c.mul(image, spec.out_image), c.mul(row, spec.out_row)))
        c.loop(0, spec.taps_y, lambda y: self.take_in(source, y))
        first = c.mul(part, spec.unit_blocks)
        last = c.smallest(c.add(first, spec.unit_blocks), spec.blocks)
        c.loop(first, last, lambda block: self.block(block, target))

    def take_in(self, source: c.Value, y: c.Value) -> None:
        """One input row as float32."""
        spec, lanes = self.spec, self.lanes
        line, floats = c.at(source, c.mul(y, spec.tap_y)), c.at(self.k.scratch, c.mul(y, FLOAT * spec.row_floats))
        scale, zero = self.number(SCALE), self.integer(ZERO_POINT)

        def piece(at: c.Value) -> None:
            q = c.extend(c.load(c.vec(lanes, 8), line, at), 32, signed=False)
            if spec.in_plane:
                high = c.extend(c.load(c.vec(lanes, 8), c.at(line, spec.in_plane), at), 32, signed=False)
                q = c.add(q, c.shift_left(c.sub(high, SIGN), 8))
            c.store(f.mul(f.from_integers(c.sub(q, zero)), scale), floats, c.mul(at, FLOAT), align=4)

        c.loop(0, spec.span, piece, step=lanes)

    def block(self, index: c.Value, target: c.Value) -> None:
        spec = self.spec
        group, inside = c.floor_div(index, spec.group_blocks), c.remainder(index, spec.group_blocks)
        first = c.add(c.mul(group, spec.channels), c.mul(inside, spec.block))  # channel of the result
        begin = first if spec.depthwise else c.mul(group, spec.depth)  # channel of the input
        block_floats = spec.block * spec.taps
        strip = _Strip(
            weights=c.at(self.k.weights, c.mul(index, FLOAT * block_floats)),
            bias=c.at(self.k.params, c.add(c.mul(index, FLOAT * spec.block), FLOAT * HEADER)),
            source=c.at(self.k.scratch, c.mul(begin, FLOAT)),
            target=c.at(target, first),
            vectors=min(2, spec.block // self.lanes),
            channels=spec.block,
        )
        rest = spec.channels % spec.block
        if not rest:
            self.strips(strip, spec.block)
        elif spec.group_blocks == 1:
            self.strips(strip, rest)
        else:
            last = c.equal(inside, spec.group_blocks - 1)
            c.choose(last, lambda: self.strips(strip, rest), lambda: self.strips(strip, spec.block))

    def strips(self, block: _Strip, channels: int) -> None:
        """A block's `channels`, as many at a time as a few vectors hold."""
        width = block.vectors * self.lanes

        def strip(index: c.Value, channels: int) -> None:
            skip = c.mul(index, width)
            floats = c.mul(skip, FLOAT)
            self.pixels(
                _Strip(
                    weights=c.at(block.weights, floats),
                    bias=c.at(block.bias, floats),
                    source=c.at(block.source, floats) if self.spec.depthwise else block.source,
                    target=c.at(block.target, skip),
                    vectors=-(-channels // self.lanes),
                    channels=channels,
                )
            )

        full, rest = divmod(channels, width)
        if full:
            c.loop(0, full, lambda i: strip(i, width))
        if rest:
            strip(c.const(full), rest)

    def pixels(self, strip: _Strip) -> None:
        """A row in tiles of some pixels; the last one is moved back inside."""
        count = min(SUMS // strip.vectors, self.spec.columns)
        full, rest = divmod(self.spec.columns, count)
        c.loop(0, full * count, lambda x: self.tile(strip, x, count), step=count)
        if rest:
            self.tile(strip, c.const(self.spec.columns - count), count)

    def tile(self, strip: _Strip, x: c.Value, count: int) -> None:
        spec = self.spec
        source = c.at(strip.source, c.mul(x, FLOAT * spec.in_column))
        starts = [f.load(self.lanes, strip.bias, FLOAT * self.lanes * v) for v in range(strip.vectors)]
        sums = starts * count  # [pixel][vector]

        def row(y: c.Value, *sums: c.Value) -> Sequence[c.Value]:
            line = c.at(source, c.mul(y, FLOAT * spec.row_floats))

            def column(tap: c.Value, *sums: c.Value) -> Sequence[c.Value]:
                cell = c.at(line, c.mul(tap, FLOAT * spec.tap_x))
                number = c.mul(c.add(c.mul(y, spec.taps_x), tap), spec.depth)

                def channel(i: c.Value, *sums: c.Value) -> Sequence[c.Value]:
                    weights = c.at(strip.weights, c.mul(c.add(number, i), FLOAT * spec.block))
                    return self.added(strip, sums, c.at(cell, c.mul(i, FLOAT)), weights, count)

                return c.loop(0, spec.depth, channel, sums)

            return c.loop(0, spec.taps_x, column, sums)

        sums = c.loop(0, spec.taps_y, row, sums)
        target = c.at(strip.target, c.mul(x, spec.out_column))
        for pixel in range(count):
            for v in range(strip.vectors):
                real = min(self.lanes, strip.channels - v * self.lanes)
                place = pixel * spec.out_column + v * self.lanes
                planes = self.quantized(sums[pixel * strip.vectors + v])
                self.bytes.store_planes(planes, target, place, real, spec.out_plane)

    def added(
        self, strip: _Strip, sums: Sequence[c.Value], cell: c.Value, weights: c.Value, count: int
    ) -> Sequence[c.Value]:
        """One more product for every sum."""
        by_vector = [f.load(self.lanes, weights, FLOAT * self.lanes * v) for v in range(strip.vectors)]
        factors: list[c.Value] = []
        for pixel in range(count):
            start = pixel * FLOAT * self.spec.in_column
            if self.spec.depthwise:
                places = [start + FLOAT * self.lanes * v for v in range(strip.vectors)]
                factors += [f.load(self.lanes, cell, place) for place in places]
            else:
                factors += [f.load_splat(self.lanes, cell, start)] * strip.vectors
        return f.products_added(sums, factors, by_vector * count)

    def quantized(self, total: c.Value) -> list[c.Value]:
        """The bytes of each plane of the result."""
        steps = f.without_nan(f.div(total, self.number(OUT_SCALE)))
        inside = f.clamp(steps, self.number(LOW), self.number(HIGH))
        q = c.add(f.rounded(inside, self.number(ROUNDING)), self.integer(OUT_ZERO_POINT))
        if not self.spec.out_plane:
            return [c.truncate(q, 8)]
        return [c.truncate(q, 8), c.truncate(c.exclusive(c.shift_right_logical(q, 8), SIGN), 8)]
