"""Units of whole rows: how the families that are not convolutions share an image among threads.

A unit is `unit_rows` rows of the result. The last unit of an image is moved back inside, so that every unit has one
static size; rows that two units share get equal bytes from both.
"""

from typing import Protocol

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c


class Rows(Protocol):
    """What a spec must have to be cut into units of rows."""

    @property
    def rows(self) -> int: ...

    @property
    def unit_rows(self) -> int: ...


def units_of(spec: Rows) -> int:
    """Tiles per image."""
    if not 0 < spec.unit_rows <= spec.rows:
        raise ValueError(f"a unit of {spec.unit_rows} rows does not fit a result of {spec.rows} rows")
    return -(-spec.rows // spec.unit_rows)


def image_and_row(spec: Rows, index: c.Value) -> tuple[c.Value, c.Value]:
    """The image and the first row of unit `index`."""
    units = units_of(spec)
    image, unit = c.floor_div(index, units), c.remainder(index, units)
    return image, c.smallest(c.mul(unit, spec.unit_rows), spec.rows - spec.unit_rows)


def place(pointer: c.Value, image: c.Value, image_stride: int, row: c.Value, row_stride: int) -> c.Value:
    """Where a row of an image begins."""
    return c.at(pointer, c.add(c.mul(image, image_stride), c.mul(row, row_stride)))
