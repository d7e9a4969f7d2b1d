"""The ring of zero points around a tensor that a convolution reads beyond the edge."""

from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels import code as c
from dyadic.passes.lower.cpu.kernels.copy import fill_pixels


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
        """Tiles per image: one."""
        return 1


def generate(spec: HaloSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        value = c.truncate(c.load(c.integer(32), k.params, align=4), 8)
        c.loop(k.first, k.last, lambda image: _ring(spec, level, c.at(k.out, c.mul(image, spec.image)), value))

    c.kernel(symbol, body)


def _ring(spec: HaloSpec, level: str, pixels: c.Value, value: c.Value) -> None:
    width = spec.left + spec.columns + spec.right

    def fill(first_row: int, first_column: int, rows: int, columns: int) -> None:
        if rows and columns:
            start = c.at(pixels, first_row * spec.row + first_column * spec.column)
            fill_pixels(level, start, value, (rows, columns, spec.channels), (spec.row, spec.column))

    fill(-spec.top, -spec.left, spec.top, width)
    if spec.channels == spec.column and spec.row == width * spec.column and spec.rows > 1:
        # the right edge of a row and the left edge of the next are one run
        fill(0, -spec.left, 1, spec.left)
        fill(0, spec.columns, spec.rows - 1, spec.right + spec.left)
        fill(spec.rows - 1, spec.columns, 1, spec.right)
    else:
        fill(0, -spec.left, spec.rows, spec.left)
        fill(0, spec.columns, spec.rows, spec.right)
    fill(spec.rows, -spec.left, spec.bottom, width)
