"""Units of whole rows: how the families that are not convolutions share an image among threads.

A unit is `unit_rows` rows of the result. The last unit of an image is moved back inside, so that every unit has one
static size; rows that two units share get equal bytes from both. Around the rows there may be outer dimensions, any
number of them: each of their elements has rows, and so units, of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import View
from dyadic.passes.lower.memory.strided import Strided


class Rows(Protocol):
    """What a spec must have to be cut into units of rows; one with outer dimensions has their sizes in `outer`."""

    @property
    def rows(self) -> int: ...

    @property
    def unit_rows(self) -> int: ...


@dataclass(frozen=True)
class Unit:
    """The place of a unit while its kernel is written."""

    image: c.Value
    row: c.Value
    outer: tuple[c.Value, ...]

    def of(self, pointer: c.Value, strides: Strided) -> View:
        """An operand from where this unit begins."""
        start = place(pointer, self.image, strides.image, self.row, strides.row)
        for at, stride in zip(self.outer, strides.outer, strict=True):
            start = c.at(start, c.mul(at, stride))
        return View(start, strides.row, strides.column, strides.channel)


def units_of(spec: Rows) -> int:
    """Tiles per image."""
    return _row_units(spec) * prod(_outer(spec))


def _row_units(spec: Rows) -> int:
    if not 0 < spec.unit_rows <= spec.rows:
        raise ValueError(f"a unit of {spec.unit_rows} rows does not fit a result of {spec.rows} rows")
    return -(-spec.rows // spec.unit_rows)


def _outer(spec: Any) -> Sequence[int]:
    return getattr(spec, "outer", ())


def unit_at(spec: Rows, index: c.Value) -> Unit:
    """Unit `index` of all images."""
    units = _row_units(spec)
    whole, unit = c.floor_div(index, units), c.remainder(index, units)
    row = c.smallest(c.mul(unit, spec.unit_rows), spec.rows - spec.unit_rows)
    outer: list[c.Value] = []
    for size in reversed(_outer(spec)):
        outer.insert(0, c.remainder(whole, size))
        whole = c.floor_div(whole, size)
    return Unit(whole, row, tuple(outer))


def image_and_row(spec: Rows, index: c.Value) -> tuple[c.Value, c.Value]:
    """The image and the first row of unit `index` of a family without outer dimensions."""
    unit = unit_at(spec, index)
    return unit.image, unit.row


def place(pointer: c.Value, image: c.Value, image_stride: int, row: c.Value, row_stride: int) -> c.Value:
    """Where a row of an image begins."""
    return c.at(pointer, c.add(c.mul(image, image_stride), c.mul(row, row_stride)))


def signed_words(
    v: ByteLanes, pointer: c.Value, offset: c.Value | int, operand: Strided, zero_point: c.Value
) -> tuple[c.Value, c.Value]:
    """An operand without its zero point, which is of 16 bits: words of `to_words` order."""

    def byte(distance: int) -> c.Value:
        at = c.at(pointer, distance)
        return v.load(at, offset) if operand.channel else c.splat(c.load(c.integer(8), at), v.size)

    if operand.plane:
        return v.from_planes(byte(0), byte(operand.plane))
    middle = c.splat(zero_point, v.size // 2)
    low, high = v.to_words(byte(0))
    return c.sub(low, middle), c.sub(high, middle)
