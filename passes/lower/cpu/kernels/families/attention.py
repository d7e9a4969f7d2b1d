"""Attention: rows of q by all rows of k, a softmax of each row, its weights by all rows of v.

A unit of work is a chunk of the rows of one head (of one element of the outer dimensions) of one image. K and V of the
head are packed into scratch memory when a thread gets to it (`packing.py`); its other units follow. Then, a few rows at
a time: their scores as a register tile over D, into scratch; weights of 8 bits and their sums (`attention_softmax.py`);
these are the left side of the second product as they are; its accumulators are rounded with a multiplier and a shift of
the row's own and leave as bytes.

What is the same along a row of scores changes no softmax: with k taken less 128, only `-zq` times the sum of a row of k
is to be added. Keys that do not count, those that fill up a vector among them, begin at -2^30, which is below any
score; their weights are cleared. Heads lie anywhere: every tensor has a stride for each dimension, and 1 for the last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects.qi.attention import NEVER
from dyadic.passes.lower.cpu.kernels.families import attention_amx
from dyadic.passes.lower.cpu.kernels.families.attention_softmax import Context, Rows, RowScales, Rule
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import packing, products
from dyadic.passes.lower.cpu.kernels.vocabulary.epilogue import Epilogue, Result
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import DOTS, LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.units import Unit, unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided

LINE = 64
MOST_ROWS = RowScales.MOST_ROWS
# places in the parameters, int32
ZERO_POINT, LOW, HIGH, COLUMN, CORRECTION, DISTANCE, DISTANCE_SHIFT, DISTANCE_HALF, FARTHEST, MULTIPLIER, SHIFT = range(
    11
)
PARAMS = 16


@dataclass(frozen=True)
class AttentionSpec:
    """Everything the code depends on. Strides in bytes; the columns of all tensors are one byte apart.

    Tables of constants are the kernel's weights: first the `bias` of scores, i32 in rows of `padded_keys`, then, from
    `mask_offset` on, bytes for weights. Each has a stride of 0 where it is the same; `valid` is computed.
    """

    rows: int  # of q
    keys: int  # rows of k and v
    depth: int  # columns of q and k
    width: int  # columns of v
    unit_rows: int
    q: Strided
    k: Strided
    v: Strided
    out: Strided
    form: str  # requantize.HIGH or SMALL_SHIFT
    clamp: bool
    outer: tuple[int, ...] = ()
    valid: Strided | None = None
    bias: Strided | None = None
    mask: Strided | None = None
    mask_offset: int = 0
    curve: tuple[int, ...] = softmax.EXPONENTIAL

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)

    @property
    def padded_keys(self) -> int:
        """In a row of scores or weights."""
        return padded(self.keys)

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of one thread, at the level that needs most."""
        return max(Scratch(self, step).end for step in (1, attention_amx.STEP))


def padded(keys: int) -> int:
    """Whole cache lines of weights."""
    return -(-keys // LINE) * LINE


class Scratch:
    """Where things lie in scratch memory: byte offsets. K and V have whole `step`s of K."""

    def __init__(self, spec: AttentionSpec, step: int) -> None:
        self.tiles = 0
        self.k = self.tiles + attention_amx.SCRATCH_BYTES * (step > 1)
        self.v = self.k + packing.packed_bytes(spec.keys, spec.depth, step)
        self.starts = self.v + packing.packed_bytes(spec.width, spec.keys, step)
        self.valid = self.starts + 4 * spec.padded_keys
        self.ones = self.valid + spec.padded_keys
        self.score_row, self.weight_row = 4 * spec.padded_keys, spec.padded_keys
        self.scores = self.ones + padded(spec.depth + packing.DWORD)
        self.weights = self.scores + MOST_ROWS * self.score_row
        self.scales = self.weights + MOST_ROWS * self.weight_row + LINE  # a byte behind the last weight is read
        self.end = self.scales + RowScales.BYTES


def pack_params(
    rule: softmax.Distances, zero_q: int, zero_v: int, multiplier: int, shift: int, header: list[int]
) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result."""
    half = 1 << rule.shift >> 1
    values = [*header[:3], -zero_q, 128 - zero_v, rule.multiplier, rule.shift, half, rule.farthest, multiplier, shift]
    return np.array(values + [0] * (PARAMS - len(values)), np.int64).astype(np.uint32).view(np.int32)


def pack_table(values: npt.NDArray[np.integer], dtype: type[np.integer]) -> npt.NDArray[np.int8]:
    """Rows of keys, filled up with zeros, as bytes."""
    table = np.zeros((*values.shape[:-1], padded(values.shape[-1])), dtype)
    table[..., : values.shape[-1]] = values
    return table.reshape(-1).view(np.int8)


def generate(spec: AttentionSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""
    writer = _AmxWriter if level == "amx" else _Writer
    c.kernel(symbol, lambda arguments: writer(spec, level, arguments).write())


class _Writer:
    step = 1  # dwords of K

    def __init__(self, spec: AttentionSpec, level: str, k: c.KernelArguments) -> None:
        self.spec, self.k, self.dot, self.places = spec, k, DOTS[level], Scratch(spec, self.step)
        self.key_bytes = packing.vector_bytes(spec.depth, self.step)  # of 16 keys
        self.value_bytes = packing.vector_bytes(spec.keys, self.step)
        self.columns = self.scalar(COLUMN)
        names = (DISTANCE, DISTANCE_SHIFT, DISTANCE_HALF, FARTHEST)
        self.softmax = Rows(level, spec.keys, Rule(*(self.scalar(name) for name in names)), softmax.Curve(*spec.curve))
        context = Context(*(self.scalar(name) for name in (MULTIPLIER, SHIFT, ZERO_POINT, CORRECTION)))
        self.scales = RowScales(level, spec.form, context, self.scratch(self.places.scales))
        self.epilogue = Epilogue(level, k.params, spec.form, clamp=spec.clamp, out_plane=spec.out.plane)
        self.key_vectors = -(-spec.keys // LANES)
        self.most_rows = min(MOST_ROWS, self.dot.tile_pixels(products.tile_vectors(self.dot, 2)))

    def scalar(self, place: int) -> c.Value:
        return c.load(c.integer(32), self.k.params, 4 * place, align=4)

    def scratch(self, offset: int) -> c.Value:
        return c.at(self.k.scratch, offset)

    def write(self) -> None:
        places = self.places
        c.loop(
            places.ones,
            places.scores,
            lambda i: c.store(c.fill(1, LANES, 8), self.k.scratch, i, align=LANES, plain=True),
            step=LANES,
        )
        c.loop(self.k.first, self.k.last, self.unit, [c.const(-1)])

    def unit(self, index: c.Value, before: c.Value) -> list[c.Value]:
        """One chunk of rows; `before` is the head that is packed, numbered over all images."""
        spec = self.spec
        here = unit_at(spec, index)
        head = c.floor_div(index, -(-spec.rows // spec.unit_rows))
        whole = Unit(here.image, c.const(0), here.outer)
        c.choose(c.equal(head, before), lambda: None, lambda: self.pack(whole))
        self.tiles(here)
        return [head]

    def tiles(self, here: Unit) -> None:
        """The rows of a unit in tiles of two sizes that differ by one, so that nothing is computed twice."""
        spec = self.spec
        count = -(-spec.unit_rows // self.most_rows)
        size, larger = spec.unit_rows // count, spec.unit_rows % count
        bounds = (0, larger * (size + 1), spec.unit_rows)
        for (low, high), rows in zip(pairwise(bounds), (size + 1, size), strict=True):
            if low < high:
                c.loop(low, high, lambda row, rows=rows: self.tile(here, row, rows), step=rows)

    # --- once a head

    def pack(self, head: Unit) -> None:
        """K and V, and what the scores of every key begin at."""
        spec, places = self.spec, self.places
        k, v = head.of(self.k.input(1), spec.k).pointer, head.of(self.k.input(2), spec.v).pointer
        packing.pack_rows(k, spec.k.row, spec.keys, spec.depth, self.scratch(places.k), self.step)
        packing.pack_columns(v, spec.v.row, spec.keys, spec.width, self.scratch(places.v), self.step)
        valid = None if spec.valid is None else head.of(self.k.input(3), spec.valid).pointer
        bias = None if spec.bias is None or spec.bias.row else head.of(self.k.weights, spec.bias).pointer
        if self.key_vectors > 1:
            c.loop(0, self.key_vectors - 1, lambda n: self.start(n, LANES, valid, bias))
        self.start(c.const(self.key_vectors - 1), spec.keys - (self.key_vectors - 1) * LANES, valid, bias)
        for rest in range(self.key_vectors * LANES, spec.padded_keys, LANES):
            c.store(c.zeros(LANES, 8), self.scratch(places.valid + rest), align=LANES, plain=True)

    def start(self, number: c.Value, count: int, valid: c.Value | None, bias: c.Value | None) -> None:
        """What scores of 16 keys begin at, `count` of them real; and which of them are valid."""
        places, vector = self.places, self.key_bytes
        dwords, nothing = packing.packed_dwords(self.spec.depth), c.zeros(LANES, 32)
        right = c.at(self.scratch(places.k), c.mul(number, vector))
        ((total,),) = products.sums(self.dot, self.scratch(places.ones), 0, 1, right, 1, vector, dwords, [[nothing]])
        start = c.mul(total, c.splat(self.columns, LANES))
        if bias is not None:
            start = c.add(start, c.load(c.vec(LANES, 32), bias, c.mul(number, 4 * LANES), align=LINE))
        real = c.lanes([-1] * count + [0] * (LANES - count), 8)
        if valid is not None:
            given = c.load(c.vec(LANES, 8), valid, c.mul(number, LANES))
            real = c.select(c.equal(given, c.zeros(LANES, 8)), c.zeros(LANES, 8), real)
            c.store(real, self.scratch(places.valid), c.mul(number, LANES), align=LANES)
        if valid is not None or count < LANES:
            keep = c.extend(real, 32, signed=True)
            start = c.either(c.both(start, keep), c.both(c.exclusive(keep, -1), NEVER))
        c.store(start, self.scratch(places.starts), c.mul(number, 4 * LANES), align=LINE)

    # --- once for a few rows

    def tile(self, unit: Unit, row: c.Value, rows: int) -> None:
        """`rows` rows of the unit from `row` on."""
        spec, places = self.spec, self.places
        here = Unit(unit.image, c.add(unit.row, row), unit.outer)
        self.score(here, rows)
        masks = self.masks(here)

        def scores(r: c.Value) -> c.Value:
            return c.at(self.scratch(places.scores), c.mul(r, places.score_row))

        def weigh(r: c.Value, largest: c.Value, *sums: c.Value) -> list[c.Value]:
            # nothing of a row can begin before its largest score is known: that of the next one is looked for meanwhile
            after = self.softmax.largest(scores(c.smallest(c.add(r, 1), rows - 1)))
            target = c.at(self.scratch(places.weights), c.mul(r, places.weight_row))
            lines = [c.at(mask, c.mul(r, stride)) if stride else mask for mask, stride in masks]
            total = self.softmax.weights(scores(r), largest, lines, target)
            return [after, *self.scales.add_row(r, total, sums)]

        first = self.softmax.largest(self.scratch(places.scores))
        _, *sums = c.loop(0, rows, weigh, [first, *self.scales.begin()])
        self.scales.make(sums, rows)
        self.average(here.of(self.k.out, spec.out).pointer, rows)

    def masks(self, here: Unit) -> list[tuple[c.Value, int]]:
        """Bytes that clear the weights of what is not valid, and from those of one row to the next's."""
        spec = self.spec
        found = [] if spec.valid is None else [(self.scratch(self.places.valid), 0)]
        if spec.mask is not None:
            mask = here.of(c.at(self.k.weights, spec.mask_offset), spec.mask).pointer
            found.append((mask, spec.mask.row))
        return found

    def score(self, here: Unit, rows: int) -> None:
        """Scores into scratch memory."""
        spec, places = self.spec, self.places
        q, vector = here.of(self.k.input(0), spec.q).pointer, self.key_bytes
        bias = here.of(self.k.weights, spec.bias).pointer if spec.bias is not None and spec.bias.row else None
        bias_row = 0 if spec.bias is None else spec.bias.row

        def block(first: c.Value, vectors: int) -> None:
            def start(r: int, v: int) -> c.Value:
                offset = c.add(c.mul(first, 4 * LANES), v * 4 * LANES)
                of_key = c.load(c.vec(LANES, 32), self.scratch(places.starts), offset, align=LINE)
                if bias is None:
                    return of_key
                return self.begun(of_key, c.load(c.vec(LANES, 32), c.at(bias, r * bias_row), offset, align=LINE))

            starts = [[start(r, v) for v in range(vectors)] for r in range(rows)]
            right = c.at(self.scratch(places.k), c.mul(first, vector))
            dwords = packing.packed_dwords(spec.depth)
            made = products.sums(self.dot, q, spec.q.row, rows, right, vectors, vector, dwords, starts)
            out = c.at(self.scratch(places.scores), c.mul(first, 4 * LANES))
            for r, line in enumerate(made):
                for v, total in enumerate(line):
                    c.store(total, out, r * places.score_row + v * 4 * LANES, align=LINE)

        self.blocks(self.key_vectors, block)

    def begun(self, of_key: c.Value, bias: c.Value) -> c.Value:
        """What scores begin at that have a bias for each row."""
        total = c.add(of_key, bias)
        return total if self.spec.valid is None else c.largest(total, NEVER)  # twice NEVER leaves no room

    def average(self, out: c.Value, rows: int) -> None:
        """Weights times v, rounded, to bytes."""
        spec, places, vector = self.spec, self.places, self.value_bytes
        full, rest = divmod(spec.width, LANES)

        def block(first: c.Value, vectors: int, counts: list[int]) -> None:
            right = c.at(self.scratch(places.v), c.mul(first, vector))
            scales = self.scales.ready()
            begin = [[scales.start(r)] * vectors for r in range(rows)]
            left, dwords = self.scratch(places.weights), packing.packed_dwords(spec.keys)
            made = products.sums(self.dot, left, places.weight_row, rows, right, vectors, vector, dwords, begin)
            at = c.at(out, c.mul(first, LANES))
            some = max(1, self.epilogue.at_once // vectors)
            for r in range(0, rows, some):
                results, scales = [], self.scales.ready()  # a few rows' at a time
                for row in range(r, min(rows, r + some)):
                    place, rounding = c.at(at, row * spec.out.row), scales.row(row)
                    results += [
                        Result(rounding, total, count, place, None, v * LANES)
                        for v, (total, count) in enumerate(zip(made[row], counts, strict=True))
                    ]
                self.epilogue.finish(results)

        self.blocks(full, lambda first, vectors: block(first, vectors, [LANES] * vectors))
        if rest:
            block(c.const(full), 1, [rest])

    def blocks(self, vectors: int, block: Callable[[c.Value, int], None]) -> None:
        """`block(first, count)` over vectors of 16 columns, as many at a time as a register tile takes."""
        at_once = products.tile_vectors(self.dot, max(1, vectors))
        whole = vectors // at_once * at_once
        if whole:
            c.loop(0, whole, lambda first: block(first, at_once), step=at_once)
        if vectors > whole:
            block(c.const(whole), vectors - whole)


class _AmxWriter(_Writer):
    """The same units on AMX tiles."""

    step = attention_amx.STEP

    def write(self) -> None:
        attention_amx.configure(self.scratch(self.places.tiles), attention_amx.tile_rows(self.spec.unit_rows))
        super().write()
        attention_amx.release()

    def tiles(self, here: Unit) -> None:
        whole, rows = self.spec.unit_rows, attention_amx.tile_rows(self.spec.unit_rows)
        last = whole - rows
        c.loop(0, whole, lambda row: self.tile(here, c.smallest(row, last), rows), step=rows)

    def score(self, here: Unit, rows: int) -> None:
        spec = self.spec
        bias = here.of(self.k.weights, spec.bias).pointer if spec.bias is not None and spec.bias.row else None
        attention_amx.score(self, here.of(self.k.input(0), spec.q).pointer, bias)

    def average(self, out: c.Value, rows: int) -> None:
        attention_amx.average(self, out)
