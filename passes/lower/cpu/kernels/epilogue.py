"""From accumulators of a convolution to bytes in memory: residual, requantization, clamp, exact stores."""

from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels import code as c
from dyadic.passes.lower.cpu.kernels.byte_lanes import LANE, ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.dot import LANES
from dyadic.passes.lower.cpu.kernels.requantize import Requantize, Residual


@dataclass
class Result:
    """16 accumulators of one pixel on their way out; `count` of them are real channels from byte `channel` on."""

    requantize: Requantize
    acc: c.Value
    count: int
    out: c.Value
    addend: c.Value | None
    channel: int


class Epilogue:
    """What all results of a kernel have in common: result type, clamp, and how the level packs bytes."""

    def __init__(self, level: str, params: c.Value, *, residual: bool) -> None:
        self.lanes = ByteLanes.of(level)
        self.narrow = Narrow.load(params)
        self.residual = Residual(params) if residual else None

    def finish(self, results: list[Result]) -> None:
        """As many vectors of 16 channels at a time as fill the level's widest vector of bytes."""
        at_once = self.lanes.size // LANE
        for start in range(0, len(results), at_once):
            self.store(results[start : start + at_once])

    def store(self, results: list[Result]) -> None:
        rounded = []
        for one in results:
            addend = None
            if one.addend is not None and self.residual is not None:
                addend = self.residual.shifted(c.load(c.vec(LANES, 8), one.addend, one.channel))
            rounded.append(one.requantize.rounded(one.acc, addend))
        # pack works inside 128-bit lanes: lane i of its result has dwords i of all four vectors
        width, groups = self.lanes.dwords, self.lanes.size // LANE
        filled = [rounded[min(i, len(rounded) - 1)] for i in range(groups)]
        quads = [c.part(x, start, width) for x in filled for start in range(0, LANES, width)]
        packed = self.lanes.pack(quads, self.narrow)
        if groups > 1:
            dwords, a_result = c.bits_as(packed, 4 * groups, 32), 4 // groups
            order = [g % groups * 4 + i * a_result + g // groups for i in range(groups) for g in range(4)]
            packed = c.bits_as(c.shuffle(dwords, dwords, order), self.lanes.size, 8)
        for i, one in enumerate(results):
            store_bytes(packed, LANE * i, one.out, one.channel, one.count)


def store_bytes(values: c.Value, first: int, pointer: c.Value, offset: int, count: int) -> None:
    """`count` bytes from lane `first` on and nothing beyond them: a neighbour may belong to another thread."""
    done = 0
    while done < count:
        size = min(LANE, 1 << ((count - done).bit_length() - 1))
        if size == LANE:
            piece = c.part(values, first + done, size)
        else:  # an element rather than lanes: LLVM 22 never finishes combining a small part of a permuted vector
            lanes = c.lane_count(values) // size
            piece = c.element(c.bits_as(values, lanes, 8 * size), (first + done) // size)
        c.store(piece, pointer, offset + done)
        done += size
