"""How blocks share a squeeze-and-excite block, and whether two launches for it pay: a simple model, as that of tiles.

The channels of an image are averaged by as many blocks as there are groups of them, and each leaves a sum for every
output of the first layer. With more of them an image is read faster, but all blocks that make gates add up more sums.
"""

from math import ceil
from typing import NamedTuple

from dyadic.passes.lower.cuda.kernel_selection.product_tiles import (
    ALL_COPIED,
    BATCHES,
    BLOCK,
    COPIED,
    LAUNCH,
    PROCESSORS,
)
from dyadic.passes.lower.cuda.kernels.families.excite import CHANNELS
from dyadic.passes.lower.cuda.kernels.families.squeeze import SUM_BYTES

SQUEEZED = (32, 64, 128)  # channels that a block averages: 32 bytes are what the second cache gives at once
PIECES = (1, 2, 4, 8, 16, 32, 64)  # of an image's pixels


class Blocks(NamedTuple):
    """Channels of a block that averages, and pieces of the pixels that are multiplied."""

    squeezed: int
    pieces: int

    def slices(self, channels: int) -> int:
        """How many sums there are of each output of the first layer."""
        return -(-channels // self.squeezed)

    def sums_bytes(self, channels: int, inner: int) -> int:
        """Of all sums."""
        return SUM_BYTES * self.slices(channels) * inner

    def cycles(self, pixels: int, channels: int, inner: int, *, layers: bool = True) -> float:
        """Of both launches, for all batches; layers: what is read for them, too."""
        weights, sums = (inner, self.sums_bytes(channels, inner)) if layers else (0, 0)
        piece = ceil(pixels / self.pieces)
        squeeze = self.squeezed * (pixels + weights)
        excite = CHANNELS * (2 * piece + weights) + sums
        excites = ceil(channels / CHANNELS) * self.pieces
        return sum(
            _cycles(batch * self.slices(channels), squeeze) + _cycles(batch * excites, excite) for batch in BATCHES
        )


def blocks_for(pixels: int, channels: int, inner: int) -> Blocks:
    """The fastest."""
    every = [Blocks(squeezed, pieces) for squeezed in SQUEEZED for pieces in PIECES if pieces <= pixels]
    return min(every, key=lambda one: one.cycles(pixels, channels, inner))


def pays(pixels: int, channels: int, inner: int) -> bool:
    """Whether what blocks read of both layers takes no longer than the two launches that are saved."""
    blocks = blocks_for(pixels, channels, inner)
    more = blocks.cycles(pixels, channels, inner) - blocks.cycles(pixels, channels, inner, layers=False)
    return more <= 2 * LAUNCH * len(BATCHES)


def _cycles(blocks: int, each: int) -> float:
    """Until so many blocks have each read and written so many bytes."""
    return BLOCK + max(ceil(blocks / PROCESSORS) * each / COPIED, blocks * each / ALL_COPIED)
