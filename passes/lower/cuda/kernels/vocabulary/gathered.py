"""Results of a block that lanes have scattered over their registers, as whole rows in shared memory, so that stores are
wide. Of 16 bits there are two planes of bytes, low ones and, 128 larger, high ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    integer,
    load,
    mul,
    rem,
    signed_wide,
    store,
    when,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import words
from dyadic.passes.lower.memory.strided import Strided

MARGIN = 16  # between rows, so that they start in different banks


def gathered_bytes(rows: int, columns: int) -> int:
    """Of one plane."""
    return rows * (columns + MARGIN)


@dataclass(frozen=True)
class Gathered:
    """Rows of a block's results."""

    memory: Value
    thread: Value
    threads: int
    rows: int
    columns: int

    @property
    def plane(self) -> int:
        """From low bytes to high ones."""
        return gathered_bytes(self.rows, self.columns)

    def at(self, row: Value, column: Value) -> Value:
        """Where a low byte is."""
        return at(self.memory, add(mul(row, self.columns + MARGIN), column))

    def put(self, both: Sequence[Value], place: Value, *, wide: bool) -> None:
        """Two neighbouring results of a row, of 32 bits."""
        if wide:
            store(_pair([add(arith.shrsi(each, const(8)), 128) for each in both]), at(place, self.plane), 2)
            both = [arith.andi(each, const(255)) for each in both]
        store(_pair(both), place, 2)

    def each_piece(self, width: int, body: Callable[[Value, Value], None]) -> None:
        """`body(row, first column)` for every piece of all rows, neighbouring threads side by side."""
        pieces = self.columns // width
        loop = scf.ForOp(self.thread, const(self.rows * pieces), const(self.threads))
        with ir.InsertionPoint(loop.body):
            body(div(loop.induction_variable, pieces), mul(rem(loop.induction_variable, pieces), width))
            scf.yield_([])

    def store(self, out: Value, lies: Strided, first: tuple[Value, Value], sizes: tuple[int, int], width: int) -> None:
        """To where a matrix of these sizes lies from `out` on, as far as it goes; `first` is the block's place in it,
        `width` the bytes of a store."""

        def move(row: Value, column: Value) -> None:
            y, x = add(first[0], row), add(first[1], column)

            def write() -> None:
                target = at(out, signed_wide(add(mul(y, lies.row), x)))
                for plane in range(2 if lies.plane else 1):
                    source = at(self.at(row, column), plane * self.plane)
                    store(load(words(width), source, width), at(target, plane * lies.plane), width)

            when(arith.andi(below(y, sizes[0]), below(x, sizes[1])), write)

        self.each_piece(width, move)


def _pair(both: Sequence[Value]) -> Value:
    return arith.trunci(integer(16), arith.ori(both[0], mul(both[1], 256)))
