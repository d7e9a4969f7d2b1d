"""Which tile of a product a block has: a simple model of how long it takes, none of which changes a bit.

`tiles_for` are those that there are to choose from, `fastest_first` the order in which they are worth a try.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from dyadic.passes.lower.cuda.kernels.vocabulary.gathered import gathered_bytes
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import MOST_SHARED_BYTES

SHAPES = ((64, 32, 2, 1), (64, 64, 2, 2), (128, 64, 4, 2), (64, 128, 2, 4), (128, 128, 2, 4))
# Of blocks whose warps are slices of k, 2 to MOST_WARPS in all
SLICED = ((16, 16, 1, 1), (16, 32, 1, 1), (32, 32, 1, 1), (64, 32, 2, 1), (64, 64, 2, 2))
MOST_WARPS = 8
LARGEST_TWICE = 64 * 64  # rows times columns, where every result has two sums
BATCHES = (1, 8)  # that it should be fast for, alike
PROCESSORS = 132  # of the GPU that it is about
# Cycles of one processor: what a block takes to begin and to end, what a step takes before its first product, ...
BLOCK, STEP_LATENCY = 2000, 60
PRODUCTS, COPIED = 1024, 40  # ... products, and bytes that arrive from the second cache, in each
ALL_COPIED = 3000  # bytes that the second cache gives all processors in a cycle
RESULT = 0.15  # to requantize a result
SLICES = 200  # until the sums of slices are added
STEP_BYTES = 64
LAUNCH = 4400  # of a kernel of its own: a node of a graph, and a block's begin and end
WHOLE = (32, 64, 1, 4)  # rows of a block that has all columns, what these are a multiple of, its warps
WIDEST_WHOLE = 384
SMALL = 64 * 64  # tiles with so many results have a fourth stage
TABLE = 256  # bytes of shared memory that some kernels have besides
NARROW = 32  # columns of a warp are a multiple of, where weights have two bits


class Tile(NamedTuple):
    """Fields as `ProductSpec` has them."""

    block_rows: int
    block_columns: int
    warps_down: int
    warps_across: int
    warps_deep: int = 1

    @property
    def stages(self) -> int:
        """Of the ring."""
        small = self.block_rows * self.block_columns <= SMALL
        if self.warps_deep == 1:
            return 4 if small else 3
        return min(4, (MOST_SHARED_BYTES - TABLE) // self.round_bytes)

    @property
    def round_bytes(self) -> int:
        """Of shared memory, at most: steps of weights of 8 bits, one for each slice."""
        return (self.block_rows + self.block_columns) * STEP_BYTES * self.warps_deep

    def suits(self, steps: int, *, twice: bool, within: int, narrow: bool) -> bool:
        """Whether there is such a kernel, as far as a model has to know."""
        results, sums = self.block_rows * self.block_columns, 8 if twice else 4
        if within % self.block_columns or (twice and results > LARGEST_TWICE):
            return False
        if narrow and self.block_columns // self.warps_across % NARROW:
            return False
        if self.warps_deep == 1:
            return True
        needed = 2 * gathered_bytes(self.block_rows, self.block_columns) + sums * results * self.warps_deep
        return steps % self.warps_deep == 0 and self.stages >= 2 and needed + TABLE <= MOST_SHARED_BYTES

    def cycles(self, pixels: int, channels: int, groups: int, steps: int) -> float:
        """Until so many pixels are done."""
        blocks = groups * -(-pixels // self.block_rows) * -(-channels // self.block_columns)
        products = self.block_rows * self.block_columns * STEP_BYTES / PRODUCTS
        copied = (self.block_rows + self.block_columns) * STEP_BYTES
        each = steps * max(products, copied / COPIED) + RESULT * self.block_rows * self.block_columns
        all_copied = blocks * steps * copied / ALL_COPIED
        waits = steps // self.warps_deep * STEP_LATENCY + (SLICES if self.warps_deep > 1 else 0)
        return BLOCK + waits + max(-(-blocks // PROCESSORS) * each, all_copied)

    def fields(self, steps: int) -> dict[str, Any]:
        """Of a spec with so many steps."""
        return {**self._asdict(), "stages": max(2, min(self.stages, steps // self.warps_deep + 1))}


def whole_rows(channels: int) -> Tile:
    """A tile whose block has all channels of its rows."""
    rows, step, *warps = WHOLE
    return Tile(rows, -(-channels // step) * step, *warps)


def norms_in_place(pixels: int, channels: int, steps: int) -> bool:
    """Whether a product whose blocks have whole rows, of which they make a norm, is as fast as one and a norm."""
    if channels > WIDEST_WHOLE:
        return False
    others = [Tile(*shape) for shape in SHAPES]
    times = [[one.cycles(batch * pixels, channels, 1, steps) for batch in BATCHES] for one in others]
    best = sum(min(column) + LAUNCH for column in zip(*times, strict=True))
    return sum(whole_rows(channels).cycles(batch * pixels, channels, 1, steps) for batch in BATCHES) <= best


def tiles_for(
    channels: int, steps: int, *, twice: bool, within: int = 0, whole: bool = False, narrow: bool = False
) -> list[Tile]:
    """What there is to choose from. `twice`: every result has two sums; `within`: blocks of columns have to divide it,
    0: any; `whole`: a block has all of them; `narrow`: weights have two bits."""
    if whole:
        return [whole_rows(channels)]
    every = [Tile(*shape) for shape in SHAPES]
    for rows, columns, down, across in SLICED:
        every += [Tile(rows, columns, down, across, n) for n in range(2, MOST_WARPS // (down * across) + 1)]
    return [one for one in every if one.suits(steps, twice=twice, within=within, narrow=narrow)]


def fastest_first(
    tiles: Iterable[Tile], pixels: int, channels: int, groups: int, steps: int, batches: Iterable[int] = BATCHES
) -> list[Tile]:
    """By what the model says: those that lose least to the best of each batch, in all of them."""
    every = list(tiles)
    times = [[one.cycles(batch * pixels, channels, groups, steps) for batch in batches] for one in every]
    best = [min(column) for column in zip(*times, strict=True)]
    losses = [sum(time / least for time, least in zip(row, best, strict=True)) for row in times]
    return [every[n] for n in sorted(range(len(every)), key=losses.__getitem__)]


def tile(pixels: int, channels: int, groups: int, steps: int, **kind: Any) -> dict[str, Any]:
    """For an image's pixels, a group's channels and the steps along k, the fields of a spec; `kind` as `tiles_for`."""
    return fastest_first(tiles_for(channels, steps, **kind), pixels, channels, groups, steps)[0].fields(steps)
