"""Computed matrices on their way to shared memory, 64 of k at a time, as tensor cores want them.

`Rows` have bytes of k side by side: `cp.async` copies chunks of 16, swapped by `chunk ^ row / 2 % 4`, so that eight
rows of `ldmatrix` meet no bank twice. `Columns` have them a row apart: four rows by four columns a thread become four
words of k, and lie as [word of k][columns], so that a fragment's words meet no bank twice either. Behind the last k
both are 0; behind the last row or column is anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from dyadic.passes.lower.cuda.kernels.vocabulary.any_address import load_any
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    clamp_between,
    const,
    div,
    integer,
    least,
    load,
    mul,
    rem,
    signed_wide,
    store,
    sub,
    wide,
    xor,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.tensor_cores import copy_async
from dyadic.passes.lower.cuda.kernels.vocabulary.words import permute

CHUNK, STEP = 16, 64  # bytes: of a copy, and of k at once
WORDS = CHUNK // 4
COLUMN_MARGIN = 8  # words between rows of words: a quarter of the banks
ANY_ADDRESS = 1  # granule of what begins at any byte

Loaded = list[list[Value]]  # words that a thread stores itself


def swapped(row: Value, chunk: Value) -> Value:
    """Where a chunk of a row lies in a stage of `Rows`."""
    return add(mul(row, STEP), mul(xor(chunk, rem(div(row, 2), 4)), CHUNK))


def store_four(four: Sequence[Value], target: Value) -> None:
    """Four words, to an address that is a multiple of 16."""
    vector = llvm.mlir_undef(ir.VectorType.get([WORDS], integer(32)))
    for n, word in enumerate(four):
        vector = llvm.insertelement(vector, word, const(n))
    store(vector, target, CHUNK)


@dataclass(frozen=True)
class Rows:
    """`count` rows from number `first` on of a matrix with `rows` rows of `depth` bytes."""

    source: Value  # row 0
    stride: int
    rows: int
    depth: int
    granule: int  # 4, 8 or 16, which divides every address; or ANY_ADDRESS
    first: Value
    count: int
    thread: Value
    threads: int
    order: Callable[[Value], Value] | None = None  # which of the rows lies in a place

    @staticmethod
    def size(count: int) -> int:
        """Bytes of a stage."""
        return STEP * count

    def _parts(self) -> list[tuple[Value, Value, Value]]:
        """By part: (row in the block, where it begins, whether it is there)."""
        parts = []
        for start in range(0, self.count * 4, self.threads):
            local = div(add(self.thread, start), 4)
            row = add(self.first, local if self.order is None else self.order(local))
            inside = below(row, self.rows)
            source = at(self.source, signed_wide(mul(arith.select(inside, row, const(0)), self.stride)))
            parts.append((local, source, inside))
        return parts

    def _k(self, step: Value) -> Value:
        """Of this thread's chunk."""
        return add(mul(step, STEP), mul(rem(self.thread, 4), CHUNK))

    def _left(self, k: Value, most: int) -> Value:
        """How many of the bytes from k on are there."""
        return clamp_between(sub(const(self.depth), k), 0, most)

    def begin(self, step: Value, stage: Value) -> None:
        """Copy a step while this thread goes on, where addresses allow it."""
        if self.granule == ANY_ADDRESS:
            return
        k = self._k(step)
        for local, source, inside in self._parts():
            target = at(stage, swapped(local, rem(self.thread, 4)))
            for piece in range(0, CHUNK, self.granule):
                left = self._left(add(k, piece), self.granule) if self.depth % STEP else const(self.granule)
                read = arith.select(inside, left, const(0))
                copy_async(at(target, piece), at(source, wide(add(k, piece))), self.granule, read)

    def loaded(self, step: Value) -> Loaded:
        """What `begin` did not copy."""
        if self.granule != ANY_ADDRESS:
            return []
        k, every = self._k(step), []
        for _, source, _ in self._parts():
            start = at(source, wide(least(k, self.depth - 1)))
            four = load_any(start, WORDS)
            every.append([arith.andi(word, first_bytes(self._left(add(k, 4 * n), 4))) for n, word in enumerate(four)])
        return every

    def finish(self, loaded: Loaded, stage: Value) -> None:
        """Store what was loaded."""
        for (local, _, _), four in zip(self._parts(), loaded, strict=False):
            store_four(four, at(stage, swapped(local, rem(self.thread, 4))))


@dataclass(frozen=True)
class Columns:
    """`count` columns from number `first` on of a matrix with `columns` columns and `depth` rows."""

    source: Value  # column 0 of row 0
    stride: int
    columns: int
    depth: int
    granule: int  # 4 divides every address; or ANY_ADDRESS
    first: Value
    count: int
    thread: Value
    threads: int

    @staticmethod
    def size(count: int) -> int:
        """Bytes of a stage."""
        return STEP * (count + COLUMN_MARGIN)

    @property
    def pitch(self) -> int:
        """Bytes from a word of k to the next one."""
        return 4 * (self.count + COLUMN_MARGIN)

    def _parts(self) -> list[tuple[Value, Value]]:
        """(word of k within the step, first of four columns within the block)."""
        fours = self.count // 4
        numbers = [add(self.thread, start) for start in range(0, fours * STEP // 4, self.threads)]
        return [(div(number, fours), mul(rem(number, fours), 4)) for number in numbers]

    def loaded(self, step: Value) -> Loaded:
        """Four words of four columns, turned, of every part."""
        every = []
        for word, local in self._parts():
            column = add(self.first, local)
            column = arith.select(below(column, self.columns), column, const(0))
            rows = []
            for n in range(4):
                k = add(mul(step, STEP), add(mul(word, 4), n))
                inside = below(k, self.depth)
                offset = add(mul(arith.select(inside, k, const(0)), self.stride), column)
                start = at(self.source, signed_wide(offset))
                found = load_any(start, 1)[0] if self.granule == ANY_ADDRESS else load(integer(32), start, 4)
                rows.append(arith.select(inside, found, const(0)))
            every.append(turned(rows))
        return every

    def finish(self, loaded: Loaded, stage: Value) -> None:
        """Store what was loaded."""
        for (word, local), four in zip(self._parts(), loaded, strict=True):
            store_four(four, at(stage, add(mul(word, self.pitch), mul(local, 4))))

    def fragment(self, stage: Value, lane: Value, column: Value, half: int) -> list[Value]:
        """The two words of half a step that a lane multiplies with, of eight columns from `column` on."""
        start = at(stage, add(mul(rem(lane, 4), self.pitch), mul(add(column, div(lane, 4)), 4)))
        return [load(integer(32), at(start, (8 * half + 4 * n) * self.pitch), 4) for n in range(2)]


def turned(rows: Sequence[Value]) -> list[Value]:
    """Four words of four rows as four of columns: byte j of word i becomes byte i of word j."""
    a, b, c, d = rows
    low, high = (permute(a, b, 0x5140), permute(c, d, 0x5140)), (permute(a, b, 0x7362), permute(c, d, 0x7362))
    return [permute(*pair, selector) for pair in (low, high) for selector in (0x5410, 0x7632)]


def first_bytes(bytes_: Value) -> Value:
    """A mask of the lowest 0 to 4 bytes."""
    bits = wide(mul(bytes_, 8))
    return arith.trunci(integer(32), sub(arith.shli(const(1, 64), bits), 1))
