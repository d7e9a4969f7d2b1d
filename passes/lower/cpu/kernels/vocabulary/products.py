"""Register tiles of products with what `packing.py` packed: rows of u8 by columns of s8, summed into int32."""

from collections.abc import Sequence

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import Dot
from dyadic.passes.lower.cpu.kernels.vocabulary.packing import DWORD, LINE


def tile_vectors(dot: Dot, vectors: int) -> int:
    """How many vectors of 16 columns a tile takes at a time: two, whose rows fill the registers best, where it can."""
    return min(2, dot.vectors, vectors)


def sums(
    dot: Dot,
    left: c.Value,
    row_stride: int,
    rows: int,
    right: c.Value,
    vectors: int,
    vector_bytes: int,
    dwords: int,
    starts: Sequence[Sequence[c.Value]],
) -> list[list[c.Value]]:
    """Accumulators [row][vector] of 16 int32 over the whole of K, `dwords` * 4 bytes.

    Args:
        left: the first of `rows` rows of u8, `row_stride` bytes apart; up to 4 bytes are read behind K.
        right: the first of `vectors` packed vectors of 16 columns, `vector_bytes` apart, on a cache line.
        starts: [row][vector], what each sum begins at.
    """
    first = [acc for row in starts for start in row for acc in dot.start(start)]
    size = len(first) // (rows * vectors)
    lefts = [left, *(c.opaque(left) for _ in range(dot.phases - 1))]

    def step(k: c.Value, *acc: c.Value) -> list[c.Value]:
        line, after = c.mul(k, LINE), list(acc)
        for phase, source in enumerate(lefts):
            position = c.at(source, c.mul(k, DWORD))
            columns = [dot.weights(right, c.add(line, v * vector_bytes), phase) for v in range(vectors)]
            for r in range(rows):
                activations = dot.activations(position, r * row_stride, phase)
                for v in range(vectors):
                    place = (r * vectors + v) * size
                    after[place : place + size] = dot.step(after[place : place + size], activations, columns[v], phase)
        return after

    total = c.loop(0, dwords, step, first)
    flat = [start for row in starts for start in row]
    finished = [dot.finish(total[i * size : (i + 1) * size], start) for i, start in enumerate(flat)]
    return [finished[r * vectors : (r + 1) * vectors] for r in range(rows)]
