"""A tensor as rows x columns x channels, and its layout as the attribute `qi.layout`."""

from dataclasses import dataclass
from math import prod
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.laws import activation, ints, shape
from dyadic.passes.rewriting import defining
from dyadic.runtime.program import Halo, Layout

LAYOUT = "qi.layout"
PLACED = "qi.placed"  # which inputs of a concat, reshape or slice are already where the result has them
BUFFERS = "qi.buffers"  # bytes of one image of every buffer
ARENA = "qi.arena"  # offset of every buffer, then the size of the whole
CONSTANT = -1  # the buffer of data that lies in the weights section


@dataclass(frozen=True)
class View:
    """How the kernels see a tensor of any rank: images are rows x columns pixels of channels bytes."""

    rows: int
    columns: int
    channels: int


def view(value: ir.Value) -> View:
    """Rank 4 is NHWC; [N,F] is one pixel; [N,L,D] one row of L pixels; beyond that all but the last become one row."""
    dims = shape(value)[1:]
    if len(dims) == 3:
        return View(*dims)
    return View(1, prod(dims[:-1]), dims[-1]) if dims else View(1, 1, 1)


def is_dense(layout: Layout, seen: View) -> bool:
    """One image is rows * columns * channels consecutive bytes."""
    if seen.rows > 1 and layout.row != seen.columns * seen.channels:
        return False
    return seen.columns == 1 or layout.pixel == seen.channels


def to_attribute(layout: Layout) -> ir.DictAttr:
    i64 = ir.IntegerType.get_signless(64)
    entries: dict[str, ir.Attribute] = {
        key: ir.IntegerAttr.get(i64, getattr(layout, key)) for key in ("buffer", "offset", "pixel", "row", "image")
    }
    entries["halo"] = ir.DenseI64ArrayAttr.get(list(layout.halo))
    if layout.plane:
        entries["plane"] = ir.IntegerAttr.get(i64, layout.plane)
    return ir.DictAttr.get(entries)


def from_attribute(attribute: Any) -> Layout:
    """The layout that `to_attribute` wrote."""
    numbers = {key: attribute[key].value for key in ("buffer", "offset", "pixel", "row", "image")}
    plane = attribute["plane"].value if "plane" in attribute else 0
    return Layout(halo=Halo(*ints(attribute["halo"])), plane=plane, **numbers)


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
    return isinstance(defining(value), qi.ConstantOp)
