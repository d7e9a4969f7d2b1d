"""The ring of zero points around a tensor that a convolution reads beyond the edge."""

from collections.abc import Callable
from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.families.copy import fill_pixels
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c


@dataclass(frozen=True)
class HaloSpec:
    """Strides in bytes. The result reference is the first real pixel; parameters: `pack_fill_params(zero_point)`."""

    rows: int  # real pixels
    columns: int
    channels: int  # bytes written of each pixel: all of its stride, or exactly the channels where it is a slice
    top: int
    left: int
    bottom: int
    right: int
    column: int  # pixel stride
    row: int
    image: int

    @property
    def units(self) -> int:
        """Tiles per image: its real rows, so that a thread writes the ring around those that are its own."""
        return self.rows


def generate(spec: HaloSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        value = c.truncate(c.load(c.integer(32), k.params, align=4), 8)

        def unit(index: c.Value) -> None:
            image, row = c.floor_div(index, spec.rows), c.remainder(index, spec.rows)
            _edges(spec, level, c.at(k.out, c.mul(image, spec.image)), row, value)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def _edges(spec: HaloSpec, level: str, pixels: c.Value, row: c.Value, value: c.Value) -> None:
    """What is left and right of a row, above the first one and below the last."""
    width = spec.left + spec.columns + spec.right

    def fill(start: c.Value, rows: int, columns: int) -> None:
        if rows and columns:
            fill_pixels(level, start, value, (rows, columns, spec.channels), (spec.row, spec.column))

    def whole_rows(first: int, rows: int) -> Callable[[], None]:
        return lambda: fill(c.at(pixels, first * spec.row - spec.left * spec.column), rows, width)

    line = c.at(pixels, c.mul(row, spec.row))
    if spec.top:
        c.choose(c.equal(row, 0), whole_rows(-spec.top, spec.top), lambda: None)
    fill(c.at(line, -spec.left * spec.column), 1, spec.left)
    fill(c.at(line, spec.columns * spec.column), 1, spec.right)
    if spec.bottom:
        c.choose(c.equal(row, spec.rows - 1), whole_rows(spec.rows, spec.bottom), lambda: None)
