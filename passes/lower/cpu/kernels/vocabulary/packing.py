"""Tensors that are computed, packed into scratch memory as the right side of a product of bytes.

`isa.py` multiplies u8 by s8 in steps of four bytes of K for 16 columns: `[columns/16][K/4][16][4]`. Bytes are u8 and
become s8 by taking 128 off. Beyond K they are 0, so that it does not matter what they are multiplied with; columns that
fill up the last 16 hold anything. 16 bytes are read at a time, some of them behind the end of a row.
"""

from collections.abc import Callable

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import LANES

DWORD = 4
LINE = DWORD * LANES  # bytes of one step of K for 16 columns
CHUNK = 16  # bytes that are moved at a time
FLIP = 0x80  # u8 to s8 less 128
UNROLLED = 8  # chunks of a row in straight-line code


def packed_dwords(depth: int, step: int = 1) -> int:
    """Of K, filled up with zeros to a multiple of `step`."""
    return -(-depth // (DWORD * step)) * step


def vector_bytes(depth: int, step: int = 1) -> int:
    """Of 16 columns."""
    return packed_dwords(depth, step) * LINE


def packed_bytes(columns: int, depth: int, step: int = 1) -> int:
    """Of all of them."""
    return -(-columns // LANES) * vector_bytes(depth, step)


def pack_rows(source: c.Value, stride: int, rows: int, depth: int, target: c.Value, step: int = 1) -> None:
    """`rows` rows of `depth` bytes, `stride` bytes apart, become columns: the right side is the transpose."""
    dwords, room = packed_dwords(depth), packed_dwords(depth, step)

    def group(source: c.Value, target: c.Value, count: int) -> None:
        """Four rows, `count` of them real: a transpose of dwords."""

        def chunk(first: c.Value | int, some: int, left: int) -> None:
            """`some` dwords from `first` on, `left` bytes of them inside the row."""
            offset = c.mul(first, DWORD) if not isinstance(first, int) else first * DWORD
            at = c.at(source, offset)
            lines = [_flipped(c.at(at, i * stride), left) for i in range(min(count, DWORD))]
            lines += [c.zeros(CHUNK, 8)] * (DWORD - len(lines))
            out = c.at(target, c.mul(first, LINE) if not isinstance(first, int) else first * LINE)
            for d, line in enumerate(_transposed(lines, 32)[:some]):
                c.store(line, out, d * LINE, align=CHUNK)

        whole = depth // CHUNK
        if whole > UNROLLED:
            c.loop(0, whole * DWORD, lambda first: chunk(first, DWORD, CHUNK), step=DWORD)
        else:
            for i in range(whole):
                chunk(i * DWORD, DWORD, CHUNK)
        if depth % CHUNK:
            chunk(whole * DWORD, dwords - whole * DWORD, depth % CHUNK)
        for dword in range(dwords, room):
            c.store(c.zeros(CHUNK, 8), target, dword * LINE, align=CHUNK, plain=True)

    def place(number: c.Value) -> c.Value:
        block, part = c.floor_div(number, LANES // DWORD), c.remainder(number, LANES // DWORD)
        return c.at(target, c.add(c.mul(block, room * LINE), c.mul(part, CHUNK)))

    _groups(rows, lambda number, count: group(c.at(source, c.mul(number, DWORD * stride)), place(number), count))


def pack_columns(source: c.Value, stride: int, rows: int, columns: int, target: c.Value, step: int = 1) -> None:
    """`rows` rows of `columns` bytes, `stride` bytes apart: K is the rows."""
    vector = vector_bytes(rows, step)

    def group(number: c.Value, count: int) -> None:
        """Four rows: bytes of a column together."""
        start, out = c.at(source, c.mul(number, DWORD * stride)), c.at(target, c.mul(number, LINE))

        def chunk(block: c.Value | int) -> None:
            at = c.at(start, c.mul(block, CHUNK) if not isinstance(block, int) else block * CHUNK)
            lines = [_flipped(c.at(at, i * stride), CHUNK) for i in range(count)]
            lines += [c.zeros(CHUNK, 8)] * (DWORD - count)
            here = c.at(out, c.mul(block, vector) if not isinstance(block, int) else block * vector)
            for i, line in enumerate(_interleaved(lines)):
                c.store(line, here, i * CHUNK, align=CHUNK)

        blocks = -(-columns // CHUNK)
        if blocks > UNROLLED:
            c.loop(0, blocks, chunk)
        else:
            for block in range(blocks):
                chunk(block)

    _groups(rows, group)
    filled, room = packed_dwords(rows), packed_dwords(rows, step)
    if filled == room:
        return

    def fill(block: c.Value) -> None:
        for dword in range(filled, room):
            c.store(c.zeros(LINE, 8), c.at(target, c.mul(block, vector)), dword * LINE, align=CHUNK, plain=True)

    c.loop(0, -(-columns // CHUNK), fill)


def _groups(rows: int, group: Callable[[c.Value, int], None]) -> None:
    """Four rows at a time, those that are left over at the end."""
    if rows >= DWORD:
        c.loop(0, rows // DWORD, lambda number: group(number, DWORD))
    if rows % DWORD:
        group(c.const(rows // DWORD), rows % DWORD)


def _flipped(place: c.Value, count: int) -> c.Value:
    """`count` bytes less 128, then zeros."""
    line = c.exclusive(c.load(c.vec(CHUNK, 8), place), FLIP)
    return line if count >= CHUNK else c.both(line, c.lanes([-1] * count + [0] * (CHUNK - count), 8))


def _halves(a: c.Value, b: c.Value, bits: int) -> tuple[c.Value, c.Value]:
    """Elements of a and b in turn: of their lower, of their upper halves."""
    count = CHUNK * 8 // bits
    a, b = c.bits_as(a, count, bits), c.bits_as(b, count, bits)
    half = count // 2
    low, high = ([start + i + side for i in range(half) for side in (0, count)] for start in (0, half))
    return c.bits_as(c.shuffle(a, b, low), CHUNK, 8), c.bits_as(c.shuffle(a, b, high), CHUNK, 8)


def _transposed(lines: list[c.Value], bits: int) -> list[c.Value]:
    """Four vectors of four elements."""
    a, b = _halves(lines[0], lines[1], bits), _halves(lines[2], lines[3], bits)
    return [part for x, y in zip(a, b, strict=True) for part in _halves(x, y, 2 * bits)]


def _interleaved(lines: list[c.Value]) -> list[c.Value]:
    """Byte i of all four together, for every i."""
    a, b = _halves(lines[0], lines[1], 8), _halves(lines[2], lines[3], 8)
    return [part for x, y in zip(a, b, strict=True) for part in _halves(x, y, 16)]
