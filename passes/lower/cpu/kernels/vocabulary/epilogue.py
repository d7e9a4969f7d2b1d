"""From accumulators of a convolution to bytes in memory: residual, requantization, clamp, exact stores."""

from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import LANE, SIGN, ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import HIGH, RESIDUAL_SHIFT, Rounding


@dataclass
class Result:
    """16 accumulators of one pixel on their way out; `count` of them are real channels from byte `channel` on."""

    requantize: Rounding
    acc: c.Value
    count: int
    out: c.Value
    addend: c.Value | None
    channel: int


class Epilogue:
    """What all results of a kernel have in common: result type, clamp, and how the level packs bytes."""

    def __init__(
        self, level: str, params: c.Value, form: str, *, clamp: bool, out_plane: int = 0, residual_plane: int = 0
    ) -> None:
        """The planes: how far the high bytes of results and residuals lie behind the low ones, 0 for 8 bits."""
        self.lanes = ByteLanes.of(level)
        self.narrow = Narrow.load(params, form, clamp=clamp, wide=out_plane > 0)
        self.form, self.params = form, params
        self.out_plane, self.residual_plane = out_plane, residual_plane

    @property
    def at_once(self) -> int:
        """How many results fill the level's widest vector of bytes."""
        return self.lanes.size // LANE

    def finish(self, results: list[Result]) -> None:
        """As many vectors of 16 channels at a time as fill the level's widest vector of bytes."""
        for start in range(0, len(results), self.at_once):
            self.store(results[start : start + self.at_once])

    def store(self, results: list[Result]) -> None:
        rounded = [one.requantize.rounded(one.acc, self.addend(one)) for one in results]
        # pack works inside 128-bit lanes: lane i of its result has dwords i of all four vectors
        width, groups = self.lanes.dwords, self.lanes.size // LANE
        filled = [rounded[min(i, len(rounded) - 1)] for i in range(groups)]
        quads = [c.part(x, start, width) for x in filled for start in range(0, LANES, width)]
        for plane, packed in enumerate(self.lanes.pack(quads, self.narrow)):
            if groups > 1:
                dwords, a_result = c.bits_as(packed, 4 * groups, 32), 4 // groups
                order = [g % groups * 4 + i * a_result + g // groups for i in range(groups) for g in range(4)]
                packed = c.bits_as(c.shuffle(dwords, dwords, order), self.lanes.size, 8)
            for i, one in enumerate(results):
                store_bytes(packed, LANE * i, one.out, plane * self.out_plane + one.channel, one.count)

    def addend(self, one: Result) -> c.Value | None:
        """The residual as `rounded` wants it; its zero point is in the rounding term."""
        if one.addend is None:
            return None
        dwords = c.extend(c.load(c.vec(LANES, 8), one.addend, one.channel), 32, signed=False)
        if self.residual_plane:
            high = c.load(c.vec(LANES, 8), one.addend, self.residual_plane + one.channel)
            dwords = c.add(dwords, c.shift_left(c.extend(c.exclusive(high, SIGN), 32, signed=True), 8))
        if self.form != HIGH:
            return c.shift_left(dwords, c.splat(c.load(c.integer(32), self.params, 4 * RESIDUAL_SHIFT, align=4), LANES))
        assert one.requantize.residual_multiplier is not None
        width = self.lanes.dwords  # the multiplier's upper words are 0: a multiply-add of word pairs is one product
        parts = [
            [c.part(x, i, width) for i in range(0, LANES, width)] for x in (dwords, one.requantize.residual_multiplier)
        ]
        return c.join([self.lanes.add_products(c.zeros(width, 32), b, mb) for b, mb in zip(*parts, strict=True)])


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
