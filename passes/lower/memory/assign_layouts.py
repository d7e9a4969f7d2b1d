"""Decide where every activation lies: strides, halos, and which tensors share a buffer.

Concatenation along channels, slices of channels and reshapes of dense data cost nothing: they are places in another
tensor's buffer. A tensor that a padded convolution reads carries a ring of its zero point around it, so that kernels
have no borders. Pixels are padded to four bytes, the width of one multiply instruction's K, or to what a pass of the
target says (`qi.pixel_bytes`). A tensor of 16 bits is two such tensors of bytes, one behind the other: all that is
decided about the first holds for the second.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.arguments import said_of
from dyadic.dialects.dimensions import Order
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.weight_groups import GROUP_SCALES
from dyadic.passes.lower.memory.copies import JOINED, is_written, joined_copy, maker_of
from dyadic.passes.lower.memory.storage import Storage
from dyadic.passes.lower.memory.views import (
    BUFFERS,
    CONSTANT,
    DWORD,
    IMAGE_RANK,
    KEPT_RINGS,
    LAYOUT,
    LEAST_BYTES,
    MADE_INSIDE,
    MARK,
    NO_HALO,
    PLACED,
    READ_THROUGH,
    Halo,
    activations,
    is_constant,
    padded_pixel,
    pixel_bytes_of,
    sizes_of,
    strides_of,
    to_attribute,
)
from dyadic.passes.lower.memory.walks import unfolded
from dyadic.passes.rewriting import defining, module_pass
from dyadic.runtime.layout import Layout, Margin, rows_of
from dyadic.runtime.program import ALIGNMENT

# Bytes that may be read behind a tensor where pixels are wider: the last chunk of a copy to shared memory. Whoever is
# there must not be written by the same kernel.
READ_BEHIND = 16


@module_pass
def assign_layouts(module: ir.Operation) -> None:
    """Give every activation a buffer, strides and a halo: op --> op {qi.layout}; exact, nothing is computed."""
    with module.context, ir.Location.unknown():
        _assign(main_function(module))


def _assign(function: Any) -> None:
    ops = activations(function.regions[0].blocks[0])
    storages = {op.operation.results[0]: Storage(op, sizes_of(op.operation.results[0])) for op in ops}
    _need_halos(storages)
    _share_with_the_boundary(storages)
    _share_rows(storages)
    _share(storages)
    if KEPT_RINGS in function.operation.attributes:
        _share_concatenated_rows(storages)
    _share_reshapes(storages)
    if KEPT_RINGS in function.operation.attributes:
        _share_folded(storages)
        _share_images(storages, pixel_bytes_of(function))
    if pixel_bytes_of(function) > DWORD:
        _keep_apart(storages, pixel_bytes_of(function))
    _put_copies_beside(storages)
    _place(storages, function)


def _need_halos(storages: dict[Any, Storage]) -> None:
    for value in storages:
        op = storages[value].op
        if isinstance(op, qi.Convolution):
            source = storages[op.x]
            source.halo = Halo(*map(max, source.halo, reach(op)))


def reach(op: Any) -> Halo:
    """How far beyond its input's edges a convolution reads."""
    size, kernel, out = shape(op.x)[1:3], shape(op.weight)[1:3], shape(op.out)[1:3]  # channels are last
    strides, padding, dilation = ints(op.strides), ints(op.padding), ints(op.dilation)
    after = [
        max(0, (out[d] - 1) * strides[d] + (kernel[d] - 1) * dilation[d] + 1 - padding[d] - size[d]) for d in range(2)
    ]
    return Halo(padding[0], padding[1], after[0], after[1])


def _share_with_the_boundary(storages: dict[Any, Storage]) -> None:
    """The runtime writes inputs and reads outputs in any order that it can walk: those transposes cost nothing."""
    for value, storage in storages.items():
        if not isinstance(storage.op, qi.TransposeOp):
            continue
        source, order = storages[storage.op.x], tuple(ints(storage.op.permutation))
        readers = [use.owner.opview for use in storage.op.x.uses]
        if isinstance(source.op, qi.InputOp) and source.parent is None and len(readers) == 1:
            back = tuple(order.index(d) for d in range(len(order)))
            if walkable(source.dims, storage.dims, back):
                storage.adopt(source, order=back)
        elif all(isinstance(use.owner.opview, qi.DequantizeOp) for use in value.uses) and not is_constant(storage.op.x):
            if walkable(storage.dims, source.dims, order):
                source.adopt(storage, order=order)


def _share_rows(storages: dict[Any, Storage]) -> None:
    """What works on rows of the last dimension reads and writes them wherever they lie: those transposes cost nothing,
    as where heads are split and merged."""
    for value, storage in storages.items():
        op = storage.op
        if not isinstance(op, qi.TransposeOp) or storage.parent is not None or is_constant(op.x):
            continue
        source, order = storages[op.x], tuple(ints(op.permutation))
        if order[-1] != len(order) - 1 or source.root is storage:  # an input may be inside of it already
            continue
        if all(use.owner.opview.order is Order.ROWS for use in value.uses):
            source.adopt(storage, order=order)
        elif source.parent is None and source.op.order is Order.ROWS and len(list(op.x.uses)) == 1:
            storage.adopt(source, order=tuple(order.index(d) for d in range(len(order))))


def walkable(users: list[int], memory: list[int], order: tuple[int, ...]) -> bool:
    """Whether the runtime can walk a tensor of shape `users` whose dimension d is dimension `order[d]` in memory."""
    pixel = -(-memory[-1] // DWORD) * DWORD if memory else DWORD
    inside = _behind_the_batch(strides_of(memory, pixel, pixel * (memory[-2] if len(memory) > 1 else 1)), order)
    return _walks(users, inside)


def _walks(users: list[int], inside: tuple[int, ...]) -> bool:
    """The same of one with these strides."""
    try:
        rows_of(users, Layout(0, 0, inside, 0))
    except ValueError:
        return False
    return True


def _behind_the_batch(each: tuple[Any, ...], order: tuple[int, ...]) -> tuple[Any, ...]:
    """What there is of every dimension in memory, for dimensions in `order`."""
    memory = each[len(each) - len(order) + 1 :]
    return tuple(memory[d - 1] for d in order[1:])


def _share(storages: dict[Any, Storage]) -> None:
    """Concat inputs become slices of the result, channel slices and dense reshapes places in their input."""
    for value, storage in storages.items():
        if isinstance(storage.op, qi.ConcatOp) and storage.op.axis.value == len(shape(value)) - 1:
            if _mark_pixels(storage, storages):
                continue
            channel = 0
            for part in (storage.op.a, storage.op.b):
                inner = storages[part]
                free = inner.parent is None and not (inner.quantized or isinstance(inner.op, qi.ConstantOp))
                if free:  # a second use of the same tensor is not
                    storage.adopt(inner, channel)
                storage.placed.append(int(free))
                channel += inner.sizes.channels
    for storage in storages.values():
        op = storage.op
        if isinstance(op, qi.SliceOp) and only_channels(op) and storage.parent is None and not is_constant(op.x):
            storages[op.x].adopt(storage, ints(op.starts)[-1])
    for storage in storages.values():
        op, marks = storage.op, storage.op.operation.attributes
        dims = len(storage.dims)
        if READ_THROUGH in marks:
            if storage.parent is None and storage.halo == NO_HALO:
                cut, pool = isinstance(op, qi.SliceOp), isinstance(op, qi.MaxPoolOp)  # a pool: the windows' first cells
                storage.starts = tuple(ints(op.starts)[1:]) if cut else (0,) * dims
                storage.steps = tuple(ints(op.steps)[1:]) if cut else (*ints(op.strides), 1) if pool else (1,) * dims
                storages[op.x].adopt(storage)
            else:
                del marks[READ_THROUGH]
        elif MADE_INSIDE in marks:
            inner = storages[op.x]
            if _may_lie_inside(inner, storage):
                inner.starts, inner.steps = tuple(ints(op.low)[1:]), (1,) * dims
                storage.adopt(inner)
            else:
                del marks[MADE_INSIDE]


def _mark_pixels(storage: Storage, storages: dict[Any, Storage]) -> bool:
    """Pixels with one number behind their channels: the runtime writes it with them, in bytes that are there anyway."""
    pixels, constant = storages[storage.op.a], defining(storage.op.b)
    if not (pixels.quantized and pixels.parent is None and isinstance(constant, qi.ConstantOp)):
        return False
    value = np.array(constant.value)
    (made,) = (one.op for one in pixels.family() if isinstance(one.op, qi.InputOp))
    if qd.DTYPE not in said_of(made.x) or (value != value.flat[0]).any():
        return False
    number = int(value.view(np.uint8).flat[0])
    made.operation.attributes[MARK] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)
    storage.adopt(pixels)
    storage.placed += [1, 1]
    return True


def _share_concatenated_rows(storages: dict[Any, Storage]) -> None:
    """Where kernels walk rows and pixels at any distance, what is joined along these is made in its place, too."""
    for value, storage in storages.items():
        op = storage.op
        if not isinstance(op, qi.ConcatOp) or storage.placed or len(shape(value)) > IMAGE_RANK:
            continue
        axis, start = op.axis.value, 0
        for part in (op.a, op.b):
            inner = storages[part]
            free = not isinstance(inner.op, qi.ConstantOp | qi.SliceOp) and _may_lie_inside(inner, storage)
            if free:
                inner.starts = tuple(start * (d == axis) for d in range(1, len(shape(value))))
                inner.steps = (1,) * len(inner.starts)
                storage.adopt(inner)
            storage.placed.append(int(free))
            start += shape(part)[axis]


def _may_lie_inside(inner: Storage, border: Storage) -> bool:
    """Whether a tensor can be made inside of what puts a border around it, or joins it with others."""
    if inner.parent is not None or border.parent is not None or inner.quantized:
        return False
    if isinstance(border.op, qi.PadOp) and is_constant(border.op.x):
        return False
    both = [*inner.family(), *border.family()]
    nested = any(MADE_INSIDE in one.op.operation.attributes for one in both if one is not border)
    return not nested and all(one.halo == NO_HALO for one in both)


def _share_reshapes(storages: dict[Any, Storage]) -> None:
    """Dense reshapes are places in their input, or that in them where they are made inside of something."""
    for storage in storages.values():
        op = storage.op
        if not isinstance(op, qi.ReshapeOp) or is_constant(op.x):
            continue
        source = storages[op.x]
        if storage.parent is None:
            source.packed = storage.packed = True
            if source.whole and all(s.halo == NO_HALO for s in (*source.root.family(), *storage.family())):
                source.adopt(storage, reshaped=True)
        elif storage.steps and storage.whole and _may_lie_inside(source, storage.root):
            source.packed = storage.packed = True
            storage.adopt(source, reshaped=True)


def _share_folded(storages: dict[Any, Storage]) -> None:
    """A transpose writes anywhere: it is made where a reshape lies that alone reads it and only joins dimensions."""
    for storage in storages.values():
        op = storage.op
        if not isinstance(op, qi.ReshapeOp) or not isinstance(defining(op.x), qi.TransposeOp):
            continue
        source = storages[op.x]
        free = source.parent is None and not source.children and storage.parent is not source
        if free and len(list(op.x.uses)) == 1 and unfolded(source.dims, storage.dims, storage.dims):
            storage.adopt(source)
            source.unfolded = True


def _share_images(storages: dict[Any, Storage], pixel_bytes: int) -> None:
    """A signal that convolutions read as an image, with a ring around it, is written where the image lies."""
    for storage in storages.values():
        op = storage.op
        if not isinstance(op, qi.ReshapeOp) or is_constant(op.x) or storage.parent is not None:
            continue
        source = storages[op.x]
        if source.parent is not None or not source.quantized or len(list(op.x.uses)) > 1:
            continue
        if storage.halo == NO_HALO or any(one.halo != NO_HALO for one in source.family()):
            continue
        pixel = padded_pixel(storage.sizes.channels, pixel_bytes)
        row = (storage.sizes.columns + storage.halo.left + storage.halo.right) * pixel
        inside = unfolded(source.dims, storage.dims, strides_of(storage.dims, pixel, row)[-len(storage.dims) :])
        (made,) = (one for one in source.family() if isinstance(one.op, qi.InputOp))
        if inside and _walks(made.dims, _behind_the_batch(inside, made.order) if made.order else inside):
            storage.adopt(source)
            source.unfolded = True


def _keep_apart(storages: dict[Any, Storage], chunk: int) -> None:
    """What a layer makes has a buffer of its own where it would be joined with what the layer reads, in chunks that
    reach into it: a kernel must not read what it writes, even if that counts for nothing."""
    for value, storage in storages.items():
        maker, joined = maker_of(storage.op), storage.parent
        if joined is None or not isinstance(joined.op, qi.ConcatOp) or not isinstance(maker, qi.Layer):
            continue
        read = storages[maker.x]
        if read.sizes.channels % chunk and read.root is storage.root:
            joined.placed[0 if joined.op.a == value else 1] = 0
            joined.release(storage)


def _put_copies_beside(storages: dict[Any, Storage]) -> None:
    """A copy that a norm's kernel writes is one more plane of the norm's result, where both have a buffer of their own;
    elsewhere it has a kernel of its own again."""
    for storage in storages.values():
        copy = joined_copy(storage.op) if isinstance(storage.op, qi.LayerNormOp) else None
        if copy is None:
            continue
        inner, source = storages[copy.out], storages[copy.x]
        free = storage.parent is None and inner.parent is None and source.root is storage
        if free and all(one.halo == NO_HALO for one in (*storage.family(), *inner.family())):
            storage.adopt(inner)
            inner.beside = True
        else:
            del copy.operation.attributes[JOINED]


def only_channels(op: qi.SliceOp) -> bool:
    """Whether a slice has all pixels, and neighbouring channels of them."""
    return set(ints(op.steps)) == {1} and shape(op.x)[:-1] == shape(op.out)[:-1]


def _place(storages: dict[Any, Storage], function: Any) -> None:
    sizes: list[int] = []
    width = pixel_bytes_of(function)
    for storage in storages.values():
        if storage.parent is None:
            halo = Halo(*(max(sides) for sides in zip(*(s.halo for s in storage.family()), strict=True)))
            if is_constant(storage.op.operation.results[0]):
                # constants lie in the weights section, the same for every image
                pixel = storage.sizes.channels
                row = pixel * storage.sizes.columns
                plane = row * storage.sizes.rows if storage.wide else 0
                storage.layout = Layout(CONSTANT, 0, strides_of(storage.dims, pixel, row), 0, plane=plane)
                continue
            packed = halo == NO_HALO and any(s.packed for s in storage.family())
            packed = packed or (width == DWORD and _read_in_rows(storage))
            pixel = storage.sizes.channels if packed else padded_pixel(storage.sizes.channels, width)
            row = (storage.sizes.columns + halo.left + halo.right) * pixel
            used = (storage.sizes.rows + halo.top + halo.bottom) * row
            used += READ_BEHIND if width > DWORD else 0
            if LEAST_BYTES in storage.op.operation.attributes:
                used = max(used, storage.op.operation.attributes[LEAST_BYTES].value)
            image = -(-used // ALIGNMENT) * ALIGNMENT
            offset = halo.top * row + halo.left * pixel
            plane = image if storage.wide else 0
            image += plane * (2 if any(child.beside for child in storage.children) else 1)
            where = strides_of(storage.dims, pixel, row)
            storage.layout = Layout(len(sizes), offset, where, image, _margins(halo), plane)
            written = any(is_written(one.op.operation.results[0]) for one in storage.family())
            sizes.append(image if written else 0)
    for storage in storages.values():
        attributes = storage.op.operation.attributes
        attributes[LAYOUT] = to_attribute(_resolve(storage))
        if isinstance(storage.op, qi.ConcatOp):
            attributes[PLACED] = ir.DenseI64ArrayAttr.get(storage.placed or [0, 0])
        elif isinstance(storage.op, qi.Rearrangement | qi.PadOp):
            source = storages[storage.op.x]
            attributes[PLACED] = ir.DenseI64ArrayAttr.get([int(storage.parent is source or source.parent is storage)])
    function.operation.attributes[BUFFERS] = ir.DenseI64ArrayAttr.get(sizes)


def _read_in_rows(storage: Storage) -> bool:
    """A signal or a grey image that only convolutions read whose kernels have rows: with all bytes of a row side by
    side, four pixels are one multiply instruction's K."""
    family = list(storage.family())
    inside = [one.op.operation for one in family]
    if not isinstance(storage.op, qi.InputOp | qi.Rearrangement) or any(one.sizes.channels != 1 for one in family):
        return False
    values = [one.op.operation.results[0] for one in family]
    readers = [use.owner for value in values for use in value.uses if use.owner not in inside]
    return all(isinstance(reader.opview, qi.Conv2dOp) and has_rows(reader.opview) for reader in readers)


def has_rows(op: qi.Conv2dOp) -> bool:
    """Whether the kernels of a convolution of one channel are read row by row, as runs of pixels."""
    made, _, kernel_x, _ = shape(op.weight)
    grouped = GROUP_SCALES in defining(op.weight).operation.attributes
    return made > 1 and kernel_x > 1 and ints(op.dilation)[1] == 1 and not grouped


def _margins(halo: Halo) -> tuple[Margin, ...]:
    """Of rows, columns and channels; none where there is no halo."""
    if halo == NO_HALO:
        return ()
    return Margin(halo.top, halo.bottom), Margin(halo.left, halo.right), Margin(0, 0)


def _resolve(storage: Storage) -> Layout:
    """From the nearest that is known to those inside it."""
    unknown: list[Storage] = []
    for one in storage.ancestors:
        if one.layout is not None:
            break
        unknown.append(one)
    else:
        raise AssertionError("a tensor has no buffer")
    layout = one.layout
    for inner in reversed(unknown):
        layout = inner.layout = _inside(layout, inner)
    return layout


def _inside(outer: Layout, child: Storage) -> Layout:
    """The layout of a part of what lies at `outer`."""
    if child.reshaped:
        pixel = child.sizes.channels
        strides = strides_of(child.dims, pixel, pixel * child.sizes.columns)
        return Layout(outer.buffer, outer.offset, strides, outer.image, plane=outer.plane)
    if child.order:
        padding = (0,) * (3 - len(child.dims))
        strides = (*padding, *_behind_the_batch(outer.strides, child.order))
        halo = _behind_the_batch(outer.halo, child.order) if outer.halo else ()
        return replace(outer, strides=strides, halo=halo)
    if child.unfolded:
        assert child.parent is not None
        strides = unfolded(child.dims, child.parent.dims, outer.strides[-len(child.parent.dims) :])
        padding = (0,) * (3 - len(strides))
        return Layout(outer.buffer, outer.offset, (*padding, *strides), outer.image, plane=outer.plane)
    if child.beside:
        pixel = outer.strides[-2]
        strides = strides_of(child.dims, pixel, pixel * child.sizes.columns)
        return Layout(outer.buffer, outer.offset + 2 * outer.plane, strides, outer.image)
    if child.steps:
        dims = len(child.dims)
        around, own = outer.strides[:-dims], outer.strides[-dims:]
        skip = sum(start * stride for start, stride in zip(child.starts, own, strict=True))
        apart = (step * stride for step, stride in zip(child.steps, own, strict=True))
        return replace(outer, offset=outer.offset + skip, strides=(*around, *apart), halo=())
    return replace(outer, offset=outer.offset + child.channel)
