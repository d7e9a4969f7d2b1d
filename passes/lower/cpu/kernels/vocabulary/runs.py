"""Loops over strided rows x columns x channels that become as few and as long runs of bytes as the strides allow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes

UNROLLED_VECTORS = 4  # a run of at most this many vectors is straight-line code

Body = Callable[[ByteLanes, c.Value | int, int], None]  # (vectors, byte offset in the run, bytes to store)


@dataclass(frozen=True)
class View:
    """One operand: where its unit begins and the strides; `channel` 0 is one byte for all of a pixel or a run."""

    pointer: c.Value
    row: int
    column: int
    channel: int = 1


def over_run(length: int, level: str, body: Body) -> None:
    """`body` on vectors that cover `length` bytes; the last of several is moved back and writes some bytes again."""
    wide = ByteLanes.of(level)
    full, rest = divmod(length, wide.size)
    if full > UNROLLED_VECTORS:
        c.loop(0, full * wide.size, lambda offset: body(wide, offset, wide.size), step=wide.size)
    else:
        for i in range(full):
            body(wide, i * wide.size, wide.size)
    if rest and full:
        body(wide, length - wide.size, wide.size)
    elif rest:
        body(ByteLanes.of(level, rest), 0, rest)


def over_pixels(
    rows: int, columns: int, channels: int, views: Sequence[View], body: Callable[[list[c.Value], int], None]
) -> None:
    """`body(pointers, length)` for every run of `length` bytes that is contiguous in all views."""
    length = channels
    # a run of pixels is one run where channels fill the pixels
    if columns == 1 or all(v.column == channels * v.channel for v in views):
        length, columns = channels * columns, 1
    if columns == 1 and (rows == 1 or all(v.row == length * v.channel for v in views)):
        length, rows = length * rows, 1
    strides = [v.row for v in views]
    if columns > 1 and (rows == 1 or all(v.row == columns * v.column for v in views)):
        strides, rows, columns = [v.column for v in views], rows * columns, 1

    def row(y: c.Value) -> None:
        starts = [c.at(v.pointer, c.mul(y, stride)) for v, stride in zip(views, strides, strict=True)]
        if columns == 1:
            body(starts, length)
            return
        c.loop(
            0,
            columns,
            lambda x: body([c.at(p, c.mul(x, v.column)) for p, v in zip(starts, views, strict=True)], length),
        )

    if rows == 1:
        row(c.const(0))
    else:
        c.loop(0, rows, row)
