"""Which tile of a product a block has: a simple model of how long it takes, none of which changes a bit."""

from typing import Any, NamedTuple

SHAPES = ((64, 32, 2, 1), (64, 64, 2, 2), (128, 64, 4, 2), (64, 128, 2, 4), (128, 128, 2, 4))
LARGEST_TWICE = 64 * 64  # rows times columns, where every result has two sums
BATCHES = (1, 8)  # that it should be fast for, alike
PROCESSORS = 132  # of the GPU that it is about
# Cycles of one processor: what a block takes to begin and to end, what a step takes before its first product, ...
BLOCK, STEP_LATENCY = 2000, 60
PRODUCTS, COPIED = 1024, 40  # ... products, and bytes that arrive from the second cache, in each
RESULT = 0.15  # to requantize a result
STEP_BYTES = 64
LAUNCH = 4400  # of a kernel of its own: a node of a graph, and a block's begin and end
WHOLE = (32, 64, 1, 4)  # rows of a block that has all columns, what these are a multiple of, its warps
WIDEST_WHOLE = 384
SMALL = 64 * 64  # tiles with so many results have a fourth stage


class Tile(NamedTuple):
    """Fields as `ProductSpec` has them."""

    block_rows: int
    block_columns: int
    warps_down: int
    warps_across: int

    @property
    def stages(self) -> int:
        """Of the ring."""
        return 4 if self.block_rows * self.block_columns <= SMALL else 3

    def cycles(self, pixels: int, channels: int, groups: int, steps: int) -> float:
        """Until so many pixels are done."""
        blocks = groups * -(-pixels // self.block_rows) * -(-channels // self.block_columns)
        products = self.block_rows * self.block_columns * STEP_BYTES / PRODUCTS
        copies = (self.block_rows + self.block_columns) * STEP_BYTES / COPIED
        each = steps * max(products, copies) + RESULT * self.block_rows * self.block_columns
        return BLOCK + steps * STEP_LATENCY + -(-blocks // PROCESSORS) * each


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


def tile(
    pixels: int, channels: int, groups: int, steps: int, *, twice: bool, within: int = 0, whole: bool = False
) -> dict[str, Any]:
    """For an image's pixels, a group's channels and the steps along k; `twice`: every result has two sums; `within`:
    blocks of columns have to divide it, 0: any; `whole`: a block has all of them."""
    every = [whole_rows(channels)] if whole else [Tile(*shape) for shape in SHAPES if within % shape[1] == 0]
    if twice:
        every = [each for each in every if each.block_rows * each.block_columns <= LARGEST_TWICE]
    times = [[each.cycles(batch * pixels, channels, groups, steps) for batch in BATCHES] for each in every]
    best = [min(column) for column in zip(*times, strict=True)]
    losses = [sum(time / least for time, least in zip(row, best, strict=True)) for row in times]
    chosen = every[losses.index(min(losses))]
    return {**chosen._asdict(), "stages": max(2, min(chosen.stages, steps + 1))}
