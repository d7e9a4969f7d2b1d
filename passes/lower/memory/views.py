"""Layouts as the attribute `qi.layout`, and a tensor as kernels see it: rows x columns x channels."""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import activation, shape
from dyadic.passes.rewriting import defining
from dyadic.runtime.layout import Layout, Margin

LAYOUT = "qi.layout"
PLACED = "qi.placed"  # which inputs of a move are already where the result has them
BUFFERS = "qi.buffers"  # bytes of one image of every buffer
ARENA = "qi.arena"  # offset of every buffer, then the size of the whole
PIXEL_BYTES = "qi.pixel_bytes"  # of a function: pixels of as many channels or more are padded to a multiple of it
KEPT_RINGS = "qi.kept_rings"  # of a function: what has a ring shares its memory with nothing, so that one is made once
# Of a slice, pad or pool that a target's pass has chosen: it is read where its input lies.
READ_THROUGH = "qi.read_through"
MADE_INSIDE = "qi.made_inside"  # of a pad: its input is made inside of it, and its border is written once
MARK = "qi.mark"  # of an input: what the runtime writes behind the channels of each of its pixels
LEAST_BYTES = "qi.least_bytes"  # of an op whose buffer holds something else than its result: how much
CONSTANT = -1  # the buffer of data that lies in the weights section
IMAGE_RANK = 4
DWORD = 4


class Halo(NamedTuple):
    """Pixels around an image that hold its zero point."""

    top: int
    left: int
    bottom: int
    right: int


NO_HALO = Halo(0, 0, 0, 0)


@dataclass(frozen=True)
class Sizes:
    """How kernels see a tensor of any rank: rows x columns pixels of channels bytes."""

    rows: int
    columns: int
    channels: int


@dataclass(frozen=True)
class View:
    """The same with the place in memory: strides of pixels, rows and images, in bytes; channels follow each other."""

    rows: int
    columns: int
    channels: int
    buffer: int
    offset: int
    pixel: int
    row: int
    image: int
    halo: Halo = NO_HALO
    plane: int = 0

    @property
    def dense(self) -> bool:
        """One image is rows * columns * channels consecutive bytes."""
        if self.rows > 1 and self.row != self.columns * self.channels:
            return False
        return self.columns == 1 or self.pixel == self.channels


def sizes_of(value: ir.Value) -> Sizes:
    """[N,H,W,C] is an image; [N,F] is one pixel; [N,L,D] one row of L pixels; beyond that all but the last become one
    row."""
    dims = shape(value)[1:]
    if len(dims) == 3:
        return Sizes(*dims)
    return Sizes(1, prod(dims[:-1]), dims[-1]) if dims else Sizes(1, 1, 1)


def view(value: ir.Value) -> View:
    """A tensor, where `assign-layouts` has put it."""
    sizes, layout = sizes_of(value), layout_of(value)
    row = layout.strides[-3] if len(shape(value)) <= IMAGE_RANK else sizes.columns * layout.strides[-2]
    halo = NO_HALO
    if layout.halo:
        rows, columns = layout.halo[-3:-1]
        halo = Halo(rows.before, columns.before, rows.after, columns.after)
    where = (layout.buffer, layout.offset, layout.strides[-2], row, layout.image)
    return View(sizes.rows, sizes.columns, sizes.channels, *where, halo, layout.plane)


def strides_of(dims: list[int], pixel: int, row: int) -> tuple[int, ...]:
    """Bytes between elements along the dimensions behind the batch, as they follow each other in memory.

    There are at least three: dimensions of size 1 stand in front of those of a tensor of lower rank.
    """
    if len(dims) <= IMAGE_RANK - 1:
        return row, pixel, 1
    strides = [1, pixel]
    for size in dims[-2:0:-1]:
        strides.append(strides[-1] * size)
    return tuple(reversed(strides))


def strides(value: ir.Value) -> list[int]:
    """The byte stride of every dimension after the batch."""
    return list(layout_of(value).strides)[-len(shape(value)) + 1 :] if len(shape(value)) > 1 else []


def to_attribute(layout: Layout) -> ir.DictAttr:
    """A layout as the attribute `qi.layout`; `from_attribute` reads it back."""
    i64 = ir.IntegerType.get_signless(64)
    entries: dict[str, ir.Attribute] = {
        key: ir.IntegerAttr.get(i64, getattr(layout, key)) for key in ("buffer", "offset", "image")
    }
    entries["strides"] = ir.DenseI64ArrayAttr.get(list(layout.strides))
    if layout.halo:
        entries["halo"] = ir.DenseI64ArrayAttr.get([n for margin in layout.halo for n in margin])
    if layout.plane:
        entries["plane"] = ir.IntegerAttr.get(i64, layout.plane)
    return ir.DictAttr.get(entries)


def from_attribute(attribute: Any) -> Layout:
    """The layout that `to_attribute` wrote."""
    numbers = {key: attribute[key].value for key in ("buffer", "offset", "image")}
    plane = attribute["plane"].value if "plane" in attribute else 0
    margins = ints(attribute["halo"]) if "halo" in attribute else []
    halo = tuple(Margin(*pair) for pair in zip(margins[::2], margins[1::2], strict=True))
    return Layout(strides=tuple(ints(attribute["strides"])), halo=halo, plane=plane, **numbers)


def padded_pixel(channels: int, bytes_: int) -> int:
    """Bytes of a pixel whose number is a multiple of `bytes_`, a power of two; of the next such for fewer channels,
    of 4 at least.

    >>> [padded_pixel(n, 16) for n in (1, 5, 8, 9, 24)], [padded_pixel(n, 4) for n in (1, 5, 24)]
    ([4, 8, 8, 16, 32], [4, 8, 24])
    """
    step = min(bytes_, max(DWORD, 1 << (channels - 1).bit_length()))
    return -(-channels // step) * step


def pixel_bytes_of(function: Any) -> int:
    """What pixels are padded to."""
    attributes = function.operation.attributes
    return attributes[PIXEL_BYTES].value if PIXEL_BYTES in attributes else DWORD


def layout_of(value: ir.Value) -> Layout:
    """The layout that `assign-layouts` gave the op producing `value`."""
    op = defining(value)
    return from_attribute(op.operation.attributes[LAYOUT])


def activations(block: ir.Block) -> list[Any]:
    """The ops of a function that produce an activation, in order."""
    made = []
    for op in block.operations:
        if len(op.operation.results) == 1 and isinstance(op.operation.results[0].type, ir.RankedTensorType):
            if activation(op.operation.results[0]) is not None:
                made.append(op)
    return made


def is_constant(value: ir.Value) -> bool:
    """Whether a value is known when the network is compiled."""
    return isinstance(defining(value), qi.ConstantOp)


def runs_of(value: ir.Value) -> list[int]:
    """Sizes of rows, pixels, channels, joined where they are consecutive bytes."""
    seen = view(value)
    if seen.dense:
        return [seen.rows * seen.columns * seen.channels]
    return [seen.rows, seen.columns, seen.channels] if seen.rows > 1 else [seen.columns, seen.channels]


def refined(value: ir.Value, sizes: list[int]) -> list[int]:
    """Byte strides of `value` along the dimensions of a refinement of its runs."""
    seen = view(value)
    return [_bytes_at(seen, prod(sizes[d + 1 :])) for d in range(len(sizes))]


def _bytes_at(seen: View, element: int) -> int:
    """Byte distance of the element with this row-major number from the first."""
    pixel, channel = divmod(element, seen.channels)
    row, column = divmod(pixel, seen.columns)
    return row * seen.row + column * seen.pixel + channel
