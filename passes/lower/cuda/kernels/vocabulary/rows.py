"""Rows of numbers that lie anywhere, and the threads that share one: neighbours have neighbouring words of it.

A row has 1 to 32 lanes of a warp, or a whole block where it is long. Every thread knows a row, so that all can exchange
numbers; those without one of their own have the last, and store nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir.dialects import arith, gpu

from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    least,
    loop,
    mul,
    rem,
    sub,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import coordinates, distance, place
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, block, thread
from dyadic.passes.lower.cuda.kernels.vocabulary.reductions import WARP
from dyadic.passes.lower.cuda.kernels.vocabulary.words import load_words, store_group

LEAST_THREADS, MOST_THREADS = 128, 512  # of a block
KEPT = 6  # words that a thread has of a row in registers; more are read again
ONES = 0x01010101


def lanes_for(channels: int, width: int) -> int:
    """How many threads a row of so many numbers gets."""
    chunks = -(-channels // width)
    if chunks <= WARP:
        return 1 << (chunks - 1).bit_length()
    return next((lanes for lanes in (WARP, 128, 256) if chunks <= lanes * KEPT), MOST_THREADS)


@dataclass(frozen=True)
class RowsSpec:
    """What kernels of rows depend on; strides in bytes, of every dimension but the last, whose numbers are neighbours.

    Raises ValueError where there is no such kernel.
    """

    sizes: tuple[int, ...]
    in_strides: tuple[int, ...]
    out_strides: tuple[int, ...]
    channels: int  # numbers of a row
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0
    width: int = 4  # numbers of a thread at once: it divides every address
    lanes: int = 32  # threads of a row

    def __post_init__(self) -> None:
        few = self.lanes <= WARP and self.lanes & (self.lanes - 1) == 0
        checks = {
            "threads take 1, 2 or 4 numbers": self.width in (1, 2, 4),
            "a row has lanes of a warp, a power of two, or whole warps": self.lanes > 0
            and (few or (self.lanes % WARP == 0 and LEAST_THREADS <= self.lanes <= MOST_THREADS)),
            "strides fit sizes": len(self.sizes) == len(self.in_strides) == len(self.out_strides),
        }
        require("row", self, checks)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def items(self) -> int:
        """Rows of an image."""
        return prod(self.sizes)

    @property
    def threads(self) -> int:
        return max(self.lanes, LEAST_THREADS)

    @property
    def block_items(self) -> int:
        return self.threads // self.lanes

    @property
    def grid_y(self) -> int:
        return 1

    @property
    def chunks(self) -> int:
        """Words of a row."""
        return -(-self.channels // self.width)

    @property
    def steps(self) -> int:
        """Words of a thread."""
        return -(-self.chunks // self.lanes)


@dataclass(frozen=True, eq=False)
class Chunk:
    """A word of a thread's row: which one, whether it is there (None: always), which bytes of it are (None: all four),
    and those of every plane; 0 where nothing is."""

    index: Value
    present: Value | None
    mask: Value | None
    planes: list[Value]

    def only(self, word: Value) -> Value:
        """The bytes that are there."""
        return word if self.mask is None else arith.andi(word, self.mask)


class RowThread:
    """One thread of a row."""

    def __init__(self, spec: RowsSpec, lane: Value, there: Value, source: Value, target: Value) -> None:
        """there: whether it stores what it makes. source, target: where its row is read and written."""
        self.spec, self.lane, self.there = spec, lane, there
        self.source, self.target = source, target
        self.kept: dict[int, Chunk] = {}

    @staticmethod
    def of_grid(spec: RowsSpec, arguments: Arguments) -> "RowThread":
        """Where blocks have rows one after the other."""
        rows = mul(arguments.batch, spec.items)
        number = add(mul(block(gpu.Dimension.x), spec.block_items), div(thread(), spec.lanes))
        image, *where = coordinates(least(number, sub(rows, 1)), [0, *spec.sizes])
        source, target = distance(where, spec.in_strides), distance(where, spec.out_strides)
        return RowThread(
            spec,
            rem(thread(), spec.lanes),
            below(number, rows),
            place(arguments.inputs[0], image, arguments.in_images[0], source),
            place(arguments.out, image, arguments.out_image, target),
        )

    def over(
        self, body: Callable[[Chunk, list[Value]], list[Value]], state: Sequence[Value], end: Value | None = None
    ) -> list[Value]:
        """`body(chunk, state)` for all words of this thread; it returns the state behind it. end: the number of steps
        as LLVM does not know it, for loops."""
        steps = self.spec.steps
        if steps > KEPT:
            return loop(steps if end is None else end, lambda step, now: body(self.chunk(step), now), state)
        for step in range(steps):
            if step not in self.kept:
                self.kept[step] = self.chunk(step)
            state = body(self.kept[step], list(state))
        return list(state)

    def chunk(self, step: Value | int) -> Chunk:
        spec = self.spec
        last = spec.chunks - 1
        first = step * spec.lanes if isinstance(step, int) else mul(step, spec.lanes)
        index = add(self.lane, first)
        whole = isinstance(step, int) and (step + 1) * spec.lanes <= spec.chunks  # all lanes have a word
        present = None if whole or spec.chunks % spec.lanes == 0 else below(index, spec.chunks)
        mask = None if spec.width == 4 else const((1 << 8 * spec.width) - 1)
        ends = not isinstance(step, int) or (step + 1) * spec.lanes >= spec.chunks  # the last word is among them
        if ends and spec.channels % spec.width:
            rest = const((1 << 8 * (spec.channels % spec.width)) - 1)
            all_of_it = const(-1) if mask is None else mask
            mask = arith.select(arith.cmpi(arith.CmpIPredicate.eq, index, const(last)), rest, all_of_it)
        if present is not None:
            mask = arith.select(present, const(-1) if mask is None else mask, const(0))
        near = index if present is None else least(index, last)
        start = at(self.source, wide(mul(near, spec.width)))
        planes = (0, spec.in_plane) if spec.in_plane else (0,)
        chunk = Chunk(index, present, mask, [])
        chunk.planes.extend(chunk.only(load_words(at(start, plane), spec.width)[0]) for plane in planes)
        return chunk

    def store(self, chunk: Chunk, planes: Sequence[Sequence[Value]]) -> None:
        """Words of results where the chunk's are; a third plane is as far behind the second."""
        spec = self.spec
        target = at(self.target, wide(mul(chunk.index, spec.width)))

        def write() -> None:
            for start, words in zip((0, spec.out_plane, 2 * spec.out_plane), planes, strict=False):
                store_group(words, at(target, start), spec.width, spec.channels, chunk.index)

        there = self.there if chunk.present is None else arith.andi(self.there, chunk.present)
        when(there, write)
