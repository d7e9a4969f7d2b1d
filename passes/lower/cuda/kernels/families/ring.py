"""The ring around an image that convolutions read beyond its edges: pixels of its zero point, written once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, add, below, store, sub
from dyadic.passes.lower.cuda.kernels.vocabulary.items import (
    ItemSpec,
    coordinates,
    distance,
    each_item,
    lowest,
    param,
    place,
    widest,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel


@dataclass(frozen=True)
class RingSpec(ItemSpec):
    """Strides in bytes; the result is the image's first pixel. Raises ValueError where there is no ring."""

    rows: int  # of the image
    columns: int
    channels: int  # bytes written of each pixel: all of its stride, or exactly the channels where it is a slice
    top: int  # pixels of the ring
    left: int
    bottom: int
    right: int
    column: int  # from pixel to pixel
    row: int
    plane: int = 0  # from the low bytes of 16-bit numbers to the high ones, 0: 8 bits
    store_bytes: int = 1  # 1, 2 or 4; it divides the channels and every address

    def __post_init__(self) -> None:
        if self.pixels == 0:
            raise ValueError(f"no ring: {self}")
        if self.store_bytes not in (1, 2, 4) or self.channels % self.store_bytes:
            raise ValueError(f"no ring kernel of this kind (stores have 1, 2 or 4 bytes and divide channels): {self}")

    @property
    def width(self) -> int:
        return self.left + self.columns + self.right

    @property
    def pixels(self) -> int:
        """Of the ring."""
        return (self.top + self.bottom) * self.width + self.rows * (self.left + self.right)

    @property
    def inputs(self) -> int:
        return 0

    @property
    def items(self) -> int:
        return (2 if self.plane else 1) * self.pixels * (self.channels // self.store_bytes)


def store_bytes(channels: int, *addresses: int) -> int:
    """The widest store for a ring whose strides and places are these."""
    return widest([channels, *addresses], 4)


def pack_params(values: list[int]) -> npt.NDArray[np.int32]:
    """The byte of each plane, four times."""
    return np.array([value * 0x01010101 for value in values], np.int64).astype(np.uint32).view(np.int32)


def generate(spec: RingSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""

    def body(k: Arguments) -> None:
        def fill(image: Value, item: Value) -> None:
            plane, pixel, piece = coordinates(item, [2, spec.pixels, spec.channels // spec.store_bytes])
            value = param(k, 0)
            if spec.plane:
                value = arith.select(below(plane, 1), value, param(k, 1))
            strides = [spec.plane, spec.row, spec.column, spec.store_bytes]
            target = place(k.out, image, k.out_image, distance([plane, *_position(spec, pixel), piece], strides))
            store(lowest(value, spec.store_bytes), target, spec.store_bytes)

        each_item(spec, k, fill)

    kernel(spec, symbol, body)


def _position(spec: RingSpec, pixel: Value) -> tuple[Value, Value]:
    """Row and column of a pixel of the ring, in the image's own: first those above it, then below, then beside."""
    around = (spec.top + spec.bottom) * spec.width
    row, column = coordinates(pixel, [spec.top + spec.bottom, spec.width])
    row = arith.select(below(row, spec.top), sub(row, spec.top), add(row, spec.rows - spec.top))
    column = sub(column, spec.left)
    beside = spec.left + spec.right
    if beside:
        y, x = coordinates(sub(pixel, around), [spec.rows, beside])
        x = arith.select(below(x, spec.left), sub(x, spec.left), add(x, spec.columns - spec.left))
        whole = below(pixel, around)
        row, column = arith.select(whole, row, y), arith.select(whole, column, x)
    return row, column
