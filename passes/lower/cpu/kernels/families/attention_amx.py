"""Both products of attention on AMX: `tdpbusd` multiplies 16 rows x 64 bytes of K by 64 bytes of K x 16 columns.

Same units, same packing (K filled up to 64 bytes), same bits as `attention.py`. One tile of rows is multiplied with up
to four tiles of columns. Scores go from their tiles straight to where the softmax reads them, and begin as what is in
scratch memory: what the scores of a key begin at, for every row. Sums of the second product start at 0 and go through
scratch memory to the ordinary epilogue. All tiles of a unit have the same number of rows; the last one may overlap.
"""

from collections.abc import Callable
from typing import Any

from torch_mlir.dialects import arith

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import packing
from dyadic.passes.lower.cpu.kernels.vocabulary.epilogue import Result
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import LANES

ROWS = 16  # of a tile, at most
K_BYTES = 64  # K of one multiplication
STEP = K_BYTES // packing.DWORD
LINE = packing.LINE
SUMS, LEFT, RIGHT = 0, 4, 5  # register numbers
SUM_TILES, RIGHT_TILES = 4, 3
CONFIG_BYTES, SUM_BYTES = 64, ROWS * LINE
SCRATCH_BYTES = CONFIG_BYTES + SUM_TILES * SUM_BYTES


def tile_rows(rows: int) -> int:
    """Of a unit cut into equal tiles of at most 16."""
    return -(-rows // -(-rows // ROWS))


def configure(place: c.Value, rows: int) -> None:
    """Palette 1: `rows` rows in sums and left sides, 16 in right sides; all are 64 bytes wide."""
    every = [rows] * (LEFT + 1) + [LANES] * RIGHT_TILES
    config = [1] + [0] * 15 + [n for _ in every for n in (K_BYTES, 0)] + [0] * 16 + every + [0] * 8
    c.store(c.lanes(config, 8), place, align=64)
    c.intrinsic("llvm.x86.ldtilecfg", None, place)


def release() -> None:
    c.intrinsic("llvm.x86.tilerelease", None)


def score(writer: Any, q: c.Value, bias: c.Value | None) -> None:
    """Scores of a tile of rows, into scratch memory."""
    spec, places = writer.spec, writer.places
    scores, starts, k = (writer.scratch(at) for at in (places.scores, places.starts, places.k))
    if bias is not None:
        _begin(writer, scores, starts, bias)

    def block(first: c.Value, vectors: int) -> None:
        at = c.mul(first, LINE)
        source, stride = (starts, 0) if bias is None else (scores, places.score_row)
        for v in range(vectors):
            _load(SUMS + v, c.at(c.at(source, at), v * LINE), stride)
        _multiply(q, spec.q.row, c.at(k, c.mul(first, writer.key_bytes)), vectors, writer.key_bytes)
        for v in range(vectors):
            _store(SUMS + v, c.at(c.at(scores, at), v * LINE), places.score_row)

    _blocks(writer.key_vectors, block)


def _begin(writer: Any, scores: c.Value, starts: c.Value, bias: c.Value) -> None:
    """Scores of every row begin at what those of their keys do, and a bias of their own."""
    spec, row_bytes = writer.spec, writer.places.score_row

    def row(r: c.Value) -> None:
        target, addend = c.at(scores, c.mul(r, row_bytes)), c.at(bias, c.mul(r, spec.bias.row))

        def vector(at: c.Value) -> None:
            of_key, of_row = (c.load(c.vec(LANES, 32), place, at, align=LINE) for place in (starts, addend))
            c.store(writer.begun(of_key, of_row), target, at, align=LINE)

        c.loop(0, writer.key_vectors * LINE, vector, step=LINE)

    c.loop(0, tile_rows(spec.unit_rows), row)


def average(writer: Any, out: c.Value) -> None:
    """Weights of a tile of rows times v, rounded, to bytes."""
    spec, places = writer.spec, writer.places
    weights, sums, v = (writer.scratch(at) for at in (places.weights, places.tiles + CONFIG_BYTES, places.v))
    full, rest = divmod(spec.width, LANES)

    def block(first: c.Value, vectors: int, counts: list[int]) -> None:
        for i in range(vectors):
            c.intrinsic("llvm.x86.tilezero", None, _number(SUMS + i))
        right = c.at(v, c.mul(first, writer.value_bytes))
        _multiply(weights, places.weight_row, right, vectors, writer.value_bytes)
        for i in range(vectors):
            _store(SUMS + i, c.at(sums, i * SUM_BYTES), LINE)
        _finish(writer, sums, c.at(out, c.mul(first, LANES)), counts)

    _blocks(full, lambda first, vectors: block(first, vectors, [LANES] * vectors))
    if rest:
        block(c.const(full), 1, [rest])


def _finish(writer: Any, sums: c.Value, out: c.Value, counts: list[int]) -> None:
    """As many rows at a time as make four vectors."""
    rows = tile_rows(writer.spec.unit_rows)
    at_once = min(rows, max(1, SUM_TILES // len(counts)))

    def some(number: c.Value) -> None:
        first, results = c.smallest(c.mul(number, at_once), rows - at_once), []
        for i in range(at_once):
            row = c.add(first, i)
            rounding, start = writer.scales.row(row), writer.scales.start(row)
            place = c.at(out, c.mul(row, writer.spec.out.row))
            for v, count in enumerate(counts):
                total = c.load(c.vec(LANES, 32), sums, c.add(c.mul(row, LINE), v * SUM_BYTES), align=LINE)
                results.append(Result(rounding, c.add(total, start), count, place, None, v * LANES))
        writer.epilogue.finish(results)

    c.loop(0, -(-rows // at_once), some)


def _multiply(left: c.Value, row_bytes: int, right: c.Value, vectors: int, vector_bytes: int) -> None:
    """Adds to the sums: one tile of rows by `vectors` of columns, over the whole of K."""

    def step(k: c.Value) -> None:
        _load(LEFT, c.at(left, c.mul(k, K_BYTES)), row_bytes)
        lines = c.at(right, c.mul(k, STEP * LINE))
        for v in range(vectors):
            tile = RIGHT + v % RIGHT_TILES
            _load(tile, c.at(lines, v * vector_bytes), LINE)
            c.intrinsic("llvm.x86.tdpbusd", None, *map(_number, (SUMS + v, LEFT, tile)))

    c.loop(0, vector_bytes // (STEP * LINE), step)


def _blocks(vectors: int, block: Callable[[c.Value, int], None]) -> None:
    """`block(first, count)` over vectors of 16 columns, four at a time."""
    whole = vectors // SUM_TILES * SUM_TILES
    if whole:
        c.loop(0, whole, lambda first: block(first, SUM_TILES), step=SUM_TILES)
    if vectors > whole:
        block(c.const(whole), vectors - whole)


def _number(value: int) -> c.Value:
    return arith.constant(c.integer(8), value)


def _load(number: int, place: c.Value, stride: int) -> None:
    c.intrinsic("llvm.x86.tileloadd64", None, _number(number), place, c.const(stride))


def _store(number: int, place: c.Value, stride: int) -> None:
    c.intrinsic("llvm.x86.tilestored64", None, _number(number), place, c.const(stride))
