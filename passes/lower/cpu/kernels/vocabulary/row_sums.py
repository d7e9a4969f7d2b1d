"""The sum of a row's numbers and that of their squares, both exact.

A chunk of a row is summed in int32 lanes, of bytes where there is an instruction for their products and of words
elsewhere; chunks in i64 scalars.
"""

from dataclasses import replace

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import SIGN, ByteLanes
from dyadic.passes.lower.cpu.kernels.vocabulary.rows import Row, horizontal

CHUNK = 4096  # numbers, bytes of which are summed with their products below 2^31

Sums = tuple[c.Value, c.Value]  # of x, of x^2, as i64


def sums(row: Row, source: c.Value) -> Sums:
    """Of a whole row."""
    if row.length <= CHUNK:
        return _chunk(row, source)

    def add(offset: c.Value | int, some: Row, before: list[c.Value]) -> list[c.Value]:
        return [c.add(a, b) for a, b in zip(before, _chunk(some, c.at(source, offset)), strict=True)]

    whole, rest = row.length // CHUNK * CHUNK, row.length % CHUNK
    one = replace(row, length=CHUNK)
    total = c.loop(0, whole, lambda offset, *before: add(offset, one, list(before)), [c.const(0)] * 2, step=CHUNK)
    if rest:
        total = add(whole, replace(row, length=rest), total)
    return total[0], total[1]


def _chunk(row: Row, source: c.Value) -> Sums:
    v = ByteLanes.of(row.level)
    return _of_bytes(row, v, source) if v.vnni else _of_words(row, v, source)


def _of_bytes(row: Row, v: ByteLanes, source: c.Value) -> Sums:
    """By products of unsigned and signed bytes; with x = 256 h + l: sums of l, l^2, and of h, h^2, h * l."""
    ones = c.fill(1, v.size, 8)
    wide = row.plane > 0

    def add(v: ByteLanes, offset: c.Value, count: int, *before: c.Value) -> list[c.Value]:
        low, *high = row.planes(v, source, offset, count)
        # l * (l - 128): what is missing is 128 times the sum of l
        made = [v.dot(before[0], low, ones), v.dot(before[1], low, c.exclusive(low, SIGN))]
        if wide:
            made += [
                v.dot(before[2], ones, high[0]),
                v.dot(before[3], c.exclusive(high[0], SIGN), high[0]),
                v.dot(before[4], low, high[0]),
            ]
        return made

    every = row.over(add, [c.zeros(v.dwords, 32)] * (5 if wide else 2))
    low, low_squares = every[0], c.add(every[1], c.shift_left(every[0], 7))
    if not wide:
        total, squares = horizontal([low, low_squares])
        return total, squares
    high, high_squares, mixed = every[2], c.sub(every[3], c.shift_left(every[2], 7)), every[4]
    total, ll, hh, hl = horizontal([c.add(low, c.shift_left(high, 8)), low_squares, high_squares, mixed])
    return total, c.add(ll, c.add(c.shift_left(hh, 16), c.shift_left(hl, 9)))


def _of_words(row: Row, v: ByteLanes, source: c.Value) -> Sums:
    """By multiply-adds of word pairs; two squares make 2^31 at most, unsigned, and are summed in 64 bits."""
    ones = c.fill(1, v.size // 2, 16)
    wide = row.plane > 0

    def add(v: ByteLanes, offset: c.Value, count: int, *before: c.Value) -> list[c.Value]:
        total, *squares = before
        for words in row.words(v, source, offset, count):
            total = v.add_products(total, words, ones)
            both = v.add_products(c.zeros(v.dwords, 32), words, words)
            parts = [both]
            if wide:
                pairs = c.bits_as(both, v.dwords // 2, 64)
                parts = [c.both(pairs, (1 << 32) - 1), c.shift_right_logical(pairs, 32)]
            squares = [c.add(sum_, part) for sum_, part in zip(squares, parts, strict=True)]
        return [total, *squares]

    none = [c.zeros(v.dwords // 2, 64)] * 2 if wide else [c.zeros(v.dwords, 32)]
    total, *squares = row.over(add, [c.zeros(v.dwords, 32), *none])
    if not wide:
        small, small_squares = horizontal([total, *squares])
        return small, small_squares
    whole = c.add(*squares)
    parts = [c.element(whole, i) for i in range(v.dwords // 2)]
    while len(parts) > 1:
        parts = [c.add(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return horizontal([total])[0], parts[0]
