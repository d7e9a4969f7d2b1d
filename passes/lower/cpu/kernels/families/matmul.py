"""Rows of a by columns of b, both computed (`qi.matmul`).

A unit of work is a chunk of the rows of one element of the outer dimensions. When a thread gets to that element, b is
packed into its scratch memory (`packing.py`), as b - 128; its other units follow. With it

    sum((a - za) * (b - zb)) = sum(a * (b - 128)) + (128 - zb) * sum(a) - za * (sum(b - 128) + K * (128 - zb))

where the second term is one number a row, made by a product with ones, and the third one a column. Sums may wrap on the
way: the whole fits int32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import packing, products, requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.epilogue import Epilogue, Result
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import DOTS, LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.units import Unit, unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided

LINE = 64
VECTOR = 4 * LANES  # bytes of 16 int32
MOST_ROWS = 16
COLUMN, ROW, CONSTANT = 5, 6, 7  # places in the header: -za, 128 - zb, -za * K * (128 - zb)


@dataclass(frozen=True)
class MatmulSpec:
    """Everything the code depends on; strides in bytes, those of columns are 1."""

    rows: int
    depth: int
    columns: int
    unit_rows: int
    a: Strided
    b: Strided
    out: Strided
    form: str  # requantize.HIGH, WIDE or SMALL_SHIFT
    clamp: bool
    left_moved: bool  # za is not 0: columns have a term
    right_moved: bool  # zb is not 128: rows have one
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of one thread."""
        return Scratch(self).end


class Scratch:
    """Where things lie in scratch memory: byte offsets."""

    def __init__(self, spec: MatmulSpec) -> None:
        self.b = 0
        self.starts = self.b + packing.packed_bytes(spec.columns, spec.depth)
        self.ones = self.starts + VECTOR * -(-spec.columns // LANES)  # of the left side, then of the right one
        self.one_vector = self.ones + -(-(spec.depth + packing.DWORD) // LINE) * LINE
        self.sums = self.one_vector + packing.vector_bytes(spec.depth)
        self.end = self.sums + MOST_ROWS * VECTOR


def pack_params(
    spec: MatmulSpec, multiplier: int, shift: int, zero_a: int, zero_b: int, header: list[int]
) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result."""
    every = np.ones(LANES, np.int64)
    own = [-zero_a, 128 - zero_b, -zero_a * spec.depth * (128 - zero_b)]
    return requantize.pack(every * 0, every * multiplier, every * shift, None, spec.form, [*header[:3], 0, 0, *own])


def generate(spec: MatmulSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""
    c.kernel(symbol, lambda arguments: _Writer(spec, level, arguments).write())


class _Writer:
    def __init__(self, spec: MatmulSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.k, self.dot, self.places = spec, k, DOTS[level], Scratch(spec)
        self.epilogue = Epilogue(level, k.params, spec.form, clamp=spec.clamp, out_plane=spec.out.plane)
        self.vectors = -(-spec.columns // LANES)
        self.vector_bytes = packing.vector_bytes(spec.depth)
        self.dwords = self.vector_bytes // packing.LINE
        self.most_rows = min(MOST_ROWS, self.dot.tile_pixels(products.tile_vectors(self.dot, 2)))

    def scalar(self, place: int) -> c.Value:
        return c.load(c.integer(32), self.k.params, 4 * place, align=4)

    def scratch(self, offset: int) -> c.Value:
        return c.at(self.k.scratch, offset)

    def write(self) -> None:
        """Ones first: as rows of bytes, and as a packed vector that ends with K."""
        spec, places = self.spec, self.places
        one = c.fill(1, LANES, 8)
        for wanted, start, count in (
            (spec.left_moved, places.ones, places.one_vector - places.ones),
            (spec.right_moved, places.one_vector, self.vector_bytes),
        ):
            if wanted:
                at = self.scratch(start)
                c.loop(0, count, lambda i, at=at: c.store(one, at, i, align=LANES, plain=True), step=LANES)
        if spec.right_moved and spec.depth % packing.DWORD:
            left = spec.depth % packing.DWORD
            last = c.lanes([int(i % packing.DWORD < left) for i in range(LANES)], 8)
            for i in range(self.vector_bytes - LINE, self.vector_bytes, LANES):
                c.store(last, self.scratch(places.one_vector), i, align=LANES, plain=True)
        c.loop(self.k.first, self.k.last, self.unit, [c.const(-1)])

    def unit(self, index: c.Value, before: c.Value) -> list[c.Value]:
        """One chunk of rows; `before` is the outer element whose b is packed, numbered over all images."""
        spec = self.spec
        here = unit_at(spec, index)
        element = c.floor_div(index, -(-spec.rows // spec.unit_rows))
        whole = Unit(here.image, c.const(0), here.outer)
        c.choose(c.equal(element, before), lambda: None, lambda: self.pack(whole))
        count = -(-spec.unit_rows // self.most_rows)
        size, larger = spec.unit_rows // count, spec.unit_rows % count
        bounds = (0, larger * (size + 1), spec.unit_rows)
        for (low, high), rows in zip(pairwise(bounds), (size + 1, size), strict=True):
            if low < high:
                c.loop(low, high, lambda row, rows=rows: self.tile(here, row, rows), step=rows)
        return [element]

    def pack(self, element: Unit) -> None:
        """b, and the terms of its columns."""
        spec, places = self.spec, self.places
        source = element.of(self.k.input(1), spec.b).pointer
        packing.pack_columns(source, spec.b.row, spec.depth, spec.columns, self.scratch(places.b))
        if spec.left_moved:
            c.loop(0, self.vectors, self.start)

    def start(self, number: c.Value) -> None:
        """`-za * (sum(b - 128) + K * (128 - zb))` of 16 columns."""
        places = self.places
        right = c.at(self.scratch(places.b), c.mul(number, self.vector_bytes))
        ((total,),) = self.sums(self.scratch(places.ones), 0, 1, right, [[c.zeros(LANES, 32)]])
        term = c.add(c.mul(total, c.splat(self.scalar(COLUMN), LANES)), c.splat(self.scalar(CONSTANT), LANES))
        c.store(term, self.scratch(places.starts), c.mul(number, VECTOR), align=LINE)

    def sums(
        self, left: c.Value, stride: int, rows: int, right: c.Value, starts: list[list[c.Value]]
    ) -> list[list[c.Value]]:
        vectors = len(starts[0])
        return products.sums(self.dot, left, stride, rows, right, vectors, self.vector_bytes, self.dwords, starts)

    def tile(self, unit: Unit, row: c.Value, rows: int) -> None:
        """`rows` rows of the unit from `row` on."""
        spec, places = self.spec, self.places
        here = Unit(unit.image, c.add(unit.row, row), unit.outer)
        left, out = here.of(self.k.input(0), spec.a).pointer, here.of(self.k.out, spec.out).pointer
        if spec.right_moved:
            none = [[c.zeros(LANES, 32)] for _ in range(rows)]
            factor = c.splat(self.scalar(ROW), LANES)
            for r, (total,) in enumerate(self.sums(left, spec.a.row, rows, self.scratch(places.one_vector), none)):
                c.store(c.mul(total, factor), self.scratch(places.sums + r * VECTOR), align=LINE)
        rounding = Requantize(self.k.params, c.const(0), spec.form)

        def start(first: c.Value, r: int, v: int) -> c.Value:
            kind = c.vec(LANES, 32)
            term = c.zeros(LANES, 32)
            if spec.left_moved:
                offset = c.add(c.mul(first, VECTOR), v * VECTOR)
                term = c.load(kind, self.scratch(places.starts), offset, align=LINE)
            if spec.right_moved:
                term = c.add(term, c.load(kind, self.scratch(places.sums + r * VECTOR), align=LINE))
            return term

        def block(first: c.Value, counts: list[int]) -> None:
            right = c.at(self.scratch(places.b), c.mul(first, self.vector_bytes))
            starts = [[start(first, r, v) for v in range(len(counts))] for r in range(rows)]
            at = c.at(out, c.mul(first, LANES))
            results = []
            for r, line in enumerate(self.sums(left, spec.a.row, rows, right, starts)):
                place = c.at(at, r * spec.out.row)
                results += [
                    Result(rounding, total, count, place, None, v * LANES)
                    for v, (total, count) in enumerate(zip(line, counts, strict=True))
                ]
            self.epilogue.finish(results)

        full, rest = divmod(spec.columns, LANES)
        self.blocks(full, lambda first, vectors: block(first, [LANES] * vectors))
        if rest:
            block(c.const(full), [rest])

    def blocks(self, vectors: int, block: Callable[[c.Value, int], None]) -> None:
        """`block(first, count)` over vectors of 16 columns, as many at a time as a register tile takes."""
        at_once = products.tile_vectors(self.dot, max(1, vectors))
        whole = vectors // at_once * at_once
        if whole:
            c.loop(0, whole, lambda first: block(first, at_once), step=at_once)
        if vectors > whole:
            block(c.const(whole), vectors - whole)
