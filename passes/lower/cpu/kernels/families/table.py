"""Any function of one byte: a table of 256."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import WIDTHS, ByteLanes
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided


@dataclass(frozen=True)
class TableSpec:
    """`out = table[x]`. The 256 entries are the kernel's weights."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    x: Strided
    out: Strided
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def pack_table(table: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
    """256 results as the weights of the kernel."""
    return np.ascontiguousarray(table).astype(np.uint8).view(np.int8)


def generate(spec: TableSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        look_up = _WordTable(k.weights).look_up if WIDTHS[level] == 64 else _one_by_one(k.weights)

        def unit(index: c.Value) -> None:
            here = unit_at(spec, index)
            over_pixels(
                spec.unit_rows,
                spec.columns,
                spec.channels,
                [here.of(k.input(0), spec.x), here.of(k.out, spec.out)],
                lambda at, length: look_up(level, at[0], at[1], length),
            )

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def _one_by_one(table: c.Value) -> Callable[[str, c.Value, c.Value, int], None]:
    def look_up(level: str, source: c.Value, target: c.Value, length: int) -> None:
        def byte(i: c.Value) -> None:
            entry = c.extend(c.load(c.integer(8), source, i), 64, signed=False)
            c.store(c.load(c.integer(8), table, entry), target, i)

        c.loop(0, length, byte)

    return look_up


class _WordTable:
    """AVX-512: the table as 128 words in four registers; the upper seven bits of x find the word, the last its half."""

    def __init__(self, table: c.Value) -> None:
        self.words = [c.load(c.vec(32, 16), table, 64 * i) for i in range(4)]

    def look_up(self, level: str, source: c.Value, target: c.Value, length: int) -> None:
        def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
            whole = ByteLanes.of(level)  # short runs too: reading on is allowed
            x = c.bits_as(whole.load(source, offset), 32, 16)
            even = self._entries(c.shift_right_logical(c.shift_left(x, 8), 8))
            odd = self._entries(c.shift_right_logical(x, 8))
            both = c.bits_as(c.either(even, c.shift_left(odd, 8)), 64, 8)
            whole.store(both, target, offset, count)

        over_run(length, level, vector)

    def _entries(self, x: c.Value) -> c.Value:
        """The table's bytes for words 0..255; the upper half of each word is zero."""
        place_ = c.shift_right_logical(x, 1)
        halves = [
            c.intrinsic("llvm.x86.avx512.vpermi2var.hi.512", c.vec(32, 16), self.words[i], place_, self.words[i + 1])
            for i in (0, 2)
        ]
        word = c.select(c.less(x, 128), *halves)
        by = c.shift_right_logical(c.shift_left(x, 15), 12)  # 8 for odd x
        return c.shift_right_logical(c.shift_left(c.shift_right_logical(word, by), 8), 8)
