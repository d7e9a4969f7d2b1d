"""Decide where every activation lies: strides, halos, and which tensors share a buffer.

Concatenation along channels, slices of channels and reshapes of dense data cost nothing: they are places in another
tensor's buffer. A tensor that a padded convolution reads carries a ring of its zero point around it, so that kernels
have no borders. Pixels are padded to four bytes, the width of one multiply instruction's K. A tensor of 16 bits is two
such tensors of bytes, one behind the other: all that is decided about the first holds for the second.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.laws import ints, is_wide, shape
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cpu.memory.views import (
    BUFFERS,
    CONSTANT,
    LAYOUT,
    PLACED,
    View,
    activations,
    is_constant,
    to_attribute,
    view,
)
from dyadic.passes.rewriting import module_pass
from dyadic.runtime.program import ALIGNMENT, NO_HALO, Halo, Layout

DWORD = 4


@dataclass
class Storage:
    """What is being decided about one tensor. With a `parent` it is a place inside that tensor."""

    op: Any
    view: View
    parent: "Storage | None" = None
    channel: int = 0  # first channel inside the parent
    reshaped: bool = False  # the parent's bytes under another shape
    halo: Halo = NO_HALO
    packed: bool = False  # no padding between pixels, since a reshape reads or makes it
    placed: list[int] = field(default_factory=list)  # for each input of a move: 1 where it already is in its place
    children: "list[Storage]" = field(default_factory=list)
    layout: Layout | None = None

    def adopt(self, child: "Storage", channel: int = 0, *, reshaped: bool = False) -> None:
        child.parent, child.channel, child.reshaped = self, channel, reshaped
        self.children.append(child)

    @property
    def root(self) -> "Storage":
        return self if self.parent is None else self.parent.root

    @property
    def wide(self) -> bool:
        """16 bits."""
        return is_wide(self.op.operation.results[0])

    @property
    def whole(self) -> bool:
        """Not a slice of anything: all the bytes of its buffer, in order."""
        return self.parent is None or (self.reshaped and self.parent.whole)

    def family(self) -> Iterator["Storage"]:
        yield self
        for child in self.children:
            yield from child.family()


@module_pass
def assign_layouts(module: ir.Operation) -> None:
    """Give every activation a buffer, strides and a halo: op --> op {qi.layout}; exact, nothing is computed."""
    with module.context, ir.Location.unknown():
        _assign(main_function(module))


def _assign(function: Any) -> None:
    ops = activations(function.regions[0].blocks[0])
    storages = {op.operation.results[0]: Storage(op, view(op.operation.results[0])) for op in ops}
    _need_halos(storages)
    _share(storages)
    _place(storages, function)


def _need_halos(storages: dict[Any, Storage]) -> None:
    for value in storages:
        op = storages[value].op
        if isinstance(op, qi.Conv2dOp | qi.ConvAddOp | qi.FloatConv2dOp):
            source = storages[op.x]
            source.halo = Halo(*map(max, source.halo, reach(op)))


def reach(op: Any) -> Halo:
    """How far beyond its input's edges a convolution reads."""
    size, kernel, out = shape(op.x)[1:3], shape(op.weight)[1:3], shape(op.out)[1:3]
    strides, padding, dilation = ints(op.strides), ints(op.padding), ints(op.dilation)
    after = [
        max(0, (out[d] - 1) * strides[d] + (kernel[d] - 1) * dilation[d] + 1 - padding[d] - size[d]) for d in range(2)
    ]
    return Halo(padding[0], padding[1], after[0], after[1])


def _share(storages: dict[Any, Storage]) -> None:
    """Concat inputs become slices of the result, channel slices and dense reshapes places in their input."""
    for value, storage in storages.items():
        if isinstance(storage.op, qi.ConcatOp) and storage.op.axis.value == len(shape(value)) - 1:
            channel = 0
            for part in (storage.op.a, storage.op.b):
                inner = storages[part]
                free = inner.parent is None and not isinstance(inner.op, qi.QuantizeOp | qi.ConstantOp)
                if free:  # a second use of the same tensor is not
                    storage.adopt(inner, channel)
                storage.placed.append(int(free))
                channel += inner.view.channels
    for storage in storages.values():
        op = storage.op
        if isinstance(op, qi.SliceOp) and _only_channels(op) and storage.parent is None and not is_constant(op.x):
            storages[op.x].adopt(storage, ints(op.starts)[-1])
    for storage in storages.values():
        op = storage.op
        if isinstance(op, qi.ReshapeOp) and storage.parent is None and not is_constant(op.x):
            source = storages[op.x]
            source.packed = storage.packed = True
            if source.whole and all(s.halo == NO_HALO for s in (*source.root.family(), storage)):
                source.adopt(storage, reshaped=True)


def _only_channels(op: qi.SliceOp) -> bool:
    return set(ints(op.steps)) == {1} and shape(op.x)[:-1] == shape(op.out)[:-1]


def _place(storages: dict[Any, Storage], function: Any) -> None:
    sizes: list[int] = []
    for storage in storages.values():
        if storage.parent is None:
            halo = Halo(*(max(sides) for sides in zip(*(s.halo for s in storage.family()), strict=True)))
            if is_constant(storage.op.operation.results[0]):
                # constants lie in the weights section, the same for every image
                pixel = storage.view.channels
                row = pixel * storage.view.columns
                plane = row * storage.view.rows if storage.wide else 0
                storage.layout = Layout(CONSTANT, 0, pixel, row, 0, plane=plane)
                continue
            packed = halo == NO_HALO and any(s.packed for s in storage.family())
            pixel = storage.view.channels if packed else -(-storage.view.channels // DWORD) * DWORD
            row = (storage.view.columns + halo.left + halo.right) * pixel
            used = (storage.view.rows + halo.top + halo.bottom) * row
            image = -(-used // ALIGNMENT) * ALIGNMENT
            offset = halo.top * row + halo.left * pixel
            plane = image if storage.wide else 0
            image += plane
            storage.layout = Layout(len(sizes), offset, pixel, row, image, halo, plane)
            sizes.append(image)
    for storage in storages.values():
        attributes = storage.op.operation.attributes
        attributes[LAYOUT] = to_attribute(_resolve(storage))
        if isinstance(storage.op, qi.ConcatOp):
            attributes[PLACED] = ir.DenseI64ArrayAttr.get(storage.placed or [0, 0])
        elif isinstance(storage.op, qi.ReshapeOp | qi.SliceOp):
            attributes[PLACED] = ir.DenseI64ArrayAttr.get([int(storage.parent is storages[storage.op.x])])
    function.operation.attributes[BUFFERS] = ir.DenseI64ArrayAttr.get(sizes)


def _resolve(storage: Storage) -> Layout:
    if storage.layout is None:
        assert storage.parent is not None
        outer = _resolve(storage.parent)
        if storage.reshaped:
            pixel = storage.view.channels
            row = pixel * storage.view.columns
            storage.layout = Layout(outer.buffer, outer.offset, pixel, row, outer.image, plane=outer.plane)
        else:
            place = outer.offset + storage.channel
            storage.layout = Layout(outer.buffer, place, outer.pixel, outer.row, outer.image, outer.halo, outer.plane)
    return storage.layout
