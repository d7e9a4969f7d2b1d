"""One row of bytes, or of two planes of them, from its first to its last vector: for what works along a row.

Vectors follow each other and do not overlap, unlike those of `runs.py`, so that sums meet every number once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import SIGN, ByteLanes

UNROLLED = 4  # vectors of a row that are straight-line code

Body = Callable[..., Sequence[c.Value] | None]  # (vectors, offset, count of numbers, *carried)


@dataclass(frozen=True)
class Row:
    """`length` numbers; the high bytes of 16-bit ones lie `plane` behind the low ones."""

    level: str
    length: int
    plane: int

    def over(self, body: Body, carried: Sequence[c.Value] = (), *, narrow: bool = False) -> list[c.Value]:
        """`body` on every vector; `narrow`: what is left over may be in a smaller one."""
        wide = ByteLanes.of(self.level)
        full, rest = divmod(self.length, wide.size)
        values = list(carried)
        if full > UNROLLED:
            values = c.loop(
                0,
                full * wide.size,
                lambda offset, *before: body(wide, offset, wide.size, *before),
                values,
                step=wide.size,
            )
        else:
            for i in range(full):
                values = list(body(wide, c.const(i * wide.size), wide.size, *values) or ())
        if rest:
            last = ByteLanes.of(self.level, rest) if narrow else wide
            values = list(body(last, c.const(full * wide.size), rest, *values) or ())
        return values

    def planes(self, v: ByteLanes, source: c.Value, offset: c.Value, count: int) -> list[c.Value]:
        """Bytes, or low bytes and signed high ones; 0 from `count` on."""
        found = [v.load(source, offset)]
        if self.plane:
            found.append(c.exclusive(v.load(c.at(source, self.plane), offset), SIGN))
        if count < v.size:
            found = [c.both(each, first(v, count)) for each in found]
        return found

    def words(self, v: ByteLanes, source: c.Value, offset: c.Value, count: int) -> tuple[c.Value, c.Value]:
        """Numbers in the order that interleaving leaves them in."""
        low, *high = self.planes(v, source, offset, count)
        return v.interleave(low, high[0] if high else v.zero_bytes(), 8)

    def number(self, source: c.Value) -> c.Value:
        """The first one, as i64."""
        low = c.extend(c.load(c.integer(8), source), 64, signed=False)
        if not self.plane:
            return low
        high = c.load(c.integer(8), source, self.plane)
        return c.add(low, c.shift_left(c.extend(c.exclusive(high, -SIGN), 64, signed=True), 8))


def first(v: ByteLanes, count: int) -> c.Value:
    """A mask of the first `count` bytes of a vector."""
    return c.lanes([-1 if i < count else 0 for i in range(v.size)], 8)


def horizontal(vectors: Sequence[c.Value], combine: Callable[[c.Value, c.Value], c.Value] = c.add) -> list[c.Value]:
    """What becomes of each vector's int32 lanes combined, as i64."""
    every = []
    for vector in vectors:
        count = c.lane_count(vector)
        while count > 1:
            count //= 2
            vector = combine(c.part(vector, 0, count), c.part(vector, count, count))
        every.append(c.extend(c.element(vector, 0), 64, signed=True))
    return every
