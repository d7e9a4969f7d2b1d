"""The convolution kernel on AMX: `tdpbusd` multiplies 16 pixels x 64 bytes of K by 64 bytes of K x 16 channels.

Same units, same packing, same bits as `conv.py`; only the register tile differs. Two tiles of up to 16 pixels share
two vectors of 16 channels: four accumulator tiles, which go through scratch memory to the ordinary epilogue. A tile's
pixels are equally far apart, so tiles stay inside one row of the unit. Where inputs have 16 bits, the two tiles of
pixels are the same pixels' low and high bytes.
"""

from typing import Any

from torch_mlir.dialects import arith

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.epilogue import Result
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.prefetch import Prefetch
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import combined
from dyadic.passes.lower.cpu.kernels.weights import unpack

ROWS = 16  # pixels in a tile, at most
K_BYTES = 64  # K of one multiplication
LINE = 4 * LANES  # bytes of one packed dword of K for 16 channels, and of one tile row
PIXEL_TILES, CHANNEL_TILES = 2, 2
SUM_TILE, PIXEL_TILE, CHANNEL_TILE = 0, 4, 6  # register numbers
QUAD = 4  # vectors of 16 int32 that make a vector of 64 bytes
CONFIG_BYTES, SUM_BYTES = 64, ROWS * LINE
SCRATCH_BYTES = CONFIG_BYTES + PIXEL_TILES * CHANNEL_TILES * SUM_BYTES


def _number(value: int) -> c.Value:
    return arith.constant(c.integer(8), value)


def configure(scratch: c.Value, pixels: int) -> None:
    """Palette 1: tiles of `pixels` rows for pixels and sums, of 16 rows for weights; all 64 bytes wide."""
    rows = [pixels] * (SUM_TILE + 4) + [pixels] * PIXEL_TILES + [LANES] * CHANNEL_TILES
    config = [1] + [0] * 15 + [n for _ in rows for n in (K_BYTES, 0)] + [0] * 16 + rows + [0] * 8
    c.store(c.lanes(config, 8), scratch, align=64)
    c.intrinsic("llvm.x86.ldtilecfg", None, scratch)


def release() -> None:
    c.intrinsic("llvm.x86.tilerelease", None)


class TileUnit:
    """All pixels of a unit for one or two vectors of channels."""

    def __init__(self, writer: Any, channels: Any, chunk: c.Value) -> None:
        self.writer, self.spec, self.channels, self.chunk = writer, writer.spec, channels, chunk
        self.sums = c.at(writer.k.scratch, CONFIG_BYTES)

    def write(self, where: Any) -> None:
        spec = self.spec
        width = tile_pixels(spec.unit_columns)
        x_count = -(-spec.unit_columns // width)
        tiles = spec.unit_rows * x_count
        planes = len(spec.planes)
        at_once = min(PIXEL_TILES // planes, tiles)
        groups = -(-tiles // at_once)
        users = groups * spec.neighbours
        before = c.const(0) if spec.neighbours == 1 else c.mul(self.chunk, groups)

        def group(i: c.Value) -> None:
            first = c.smallest(c.mul(i, at_once), tiles - at_once)
            places = []
            for p in range(at_once):
                tile = c.add(first, p)
                x = c.smallest(c.mul(c.remainder(tile, x_count), width), spec.unit_columns - width)
                places.append((c.floor_div(tile, x_count), x))
            moved = [where.moved(spec, y, x) for y, x in places]
            self.products([c.at(at.source, plane) for at in moved for plane in spec.planes], c.add(before, i), users)
            for p, place in enumerate(moved):
                self.finish(p * planes, width, place)

        c.loop(0, groups, group)

    def finish(self, tile: int, width: int, where: Any) -> None:
        """Sums of a pixel tile (of the first of its planes) to bytes, four vectors at a time."""
        spec, channels = self.spec, self.channels
        vectors = len(channels.counts)
        at_once = min(width, QUAD // vectors)

        def pixels(i: c.Value) -> None:
            first = c.smallest(c.mul(i, at_once), width - at_once)
            results = []
            for n in range(at_once):
                x = c.add(first, n)
                place = where.moved(spec, c.const(0), x)
                for v, (requantize, count) in enumerate(zip(channels.requantize, channels.counts, strict=True)):
                    sums = [
                        c.load(c.vec(LANES, 32), self.sums, c.add(c.mul(x, LINE), number * SUM_BYTES), align=64)
                        for number in range(
                            tile * CHANNEL_TILES + v, (tile + len(spec.planes)) * CHANNEL_TILES, CHANNEL_TILES
                        )
                    ]
                    acc = combined(sums, spec.acc_shift)
                    channel = channels.first + v * LANES
                    results.append(Result(requantize, acc, count, place.target, place.addend, channel))
            self.writer.epilogue.finish(results)

        c.loop(0, -(-width // at_once), pixels)

    def products(self, sources: list[c.Value], number: c.Value, users: int) -> None:
        """Accumulators, bias included, to scratch: one kilobyte a pixel tile and vector.

        As in `conv.py`, each of the `users` of these weights asks for its share of those that come after them.
        """
        spec, channels = self.spec, self.channels
        count = len(channels.counts)
        pixels, vectors = range(len(sources)), range(count)
        stride, line = c.const(spec.in_column), c.const(LINE)
        from_, lines = channels.weights, spec.format.lines
        step_bytes = count * K_BYTES // 4 * LINE // lines
        ahead = Prefetch(from_.stored, count * spec.stored_bytes, step_bytes, number, users)
        for p in pixels:
            for v, requantize in enumerate(channels.requantize):
                # stride 0: every row begins as the same 16 biases
                start = requantize.bias_places[p % len(spec.planes)]
                _load_tile(SUM_TILE + p * CHANNEL_TILES + v, start, c.const(0))

        def step(offset: c.Value, weights: c.Value, next_: c.Value, k: c.Value) -> None:
            ahead.ask(next_, k)
            place = c.add(offset, c.mul(k, K_BYTES))
            block = c.at(weights, c.mul(k, K_BYTES // 4 * LINE))
            for v in vectors:
                _load_tile(CHANNEL_TILE + v, c.at(block, v * from_.stride), line)
            for p in pixels:
                _load_tile(PIXEL_TILE + p, c.at(sources[p], place), stride)
                for v in vectors:
                    numbers = (SUM_TILE + p * CHANNEL_TILES + v, PIXEL_TILE + p, CHANNEL_TILE + v)
                    c.intrinsic("llvm.x86.tdpbusd", None, *map(_number, numbers))

        packed, stored = spec.packed_dwords * LINE, spec.stored_dwords * LINE // lines

        def segment(y: c.Value, x: c.Value) -> None:
            offset = c.add(c.mul(y, spec.tap_y), c.mul(x, spec.tap_x))
            number = c.add(c.mul(y, spec.taps_x), x)
            if spec.streams:
                unpack.sliced(spec, from_, number, count, lambda first, dwords, _: slice_(offset, first, dwords))
                return
            weights = c.at(from_.ready, c.mul(number, packed))
            next_ = ahead.segment(number, stored * count)
            c.loop(0, spec.packed_dwords * 4 // K_BYTES, lambda k: step(offset, weights, next_, k))

        def slice_(offset: c.Value, first: c.Value, dwords: int) -> list[c.Value]:
            offset = c.add(offset, c.mul(first, 4))
            c.loop(0, -(-dwords * 4 // K_BYTES), lambda k: step(offset, from_.ready, from_.ready, k))
            return []

        c.loop(0, spec.taps_y, lambda y: c.loop(0, spec.taps_x, lambda x: segment(y, x)))
        for p in pixels:
            for v in vectors:
                tile = p * CHANNEL_TILES + v
                place = c.at(self.sums, tile * SUM_BYTES)
                c.intrinsic("llvm.x86.tilestored64", None, _number(SUM_TILE + tile), place, line)


def _load_tile(number: int, pointer: c.Value, stride: c.Value) -> None:
    c.intrinsic("llvm.x86.tileloadd64", None, _number(number), pointer, stride)


def tile_pixels(columns: int) -> int:
    """Pixels of a tile: the row divided into equal tiles of at most 16; the last one may overlap."""
    return -(-columns // -(-columns // ROWS))
