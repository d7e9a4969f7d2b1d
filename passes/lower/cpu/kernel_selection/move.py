"""What only moves bytes: concat, slice, pad, reshape, transpose. Where the layout makes it free there is no launch.

Else there is one for each byte of a number."""

from itertools import pairwise
from math import prod

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.laws import ints, shape
from dyadic.passes.lower.cpu.kernel_selection.launch import Launch, constant_bytes, place, plane_values
from dyadic.passes.lower.cpu.kernel_selection.pointwise import rows_in_unit
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import copy
from dyadic.passes.lower.cpu.memory.views import PLACED, View, is_dense, layout_of, view
from dyadic.runtime.program import Layout

DIMENSIONS = 4


@selects(qi.ConcatOp)
def concat(op: qi.ConcatOp) -> list[Launch]:
    """One copy for every input that is not made in its place; the axis decides where that is."""
    launches, start = [], 0
    axis = op.axis.value
    for value, placed in zip((op.a, op.b), ints(op.operation.attributes[PLACED]), strict=True):
        if not placed:
            skip = axis_strides(op.out)[axis - 1] * start
            launches += _copy(value, op.out, [], shape(value)[1:], extra_out=skip)
        start += shape(value)[axis]
    return launches


@selects(qi.SliceOp)
def slice_(op: qi.SliceOp) -> list[Launch]:
    if ints(op.operation.attributes[PLACED])[0]:
        return []
    strides = axis_strides(op.x)
    steps, starts = ints(op.steps)[1:], ints(op.starts)[1:]
    skip = sum(start * stride for start, stride in zip(starts, strides, strict=True))
    moved = [stride * step for stride, step in zip(strides, steps, strict=True)]
    return _copy(op.x, op.out, moved, shape(op.out)[1:], extra_in=skip)


@selects(qi.TransposeOp)
def transpose(op: qi.TransposeOp) -> list[Launch]:
    strides = axis_strides(op.x)
    moved = [strides[d - 1] for d in ints(op.permutation)[1:]]
    return _copy(op.x, op.out, moved, shape(op.out)[1:])


@selects(qi.PadOp)
def pad(op: qi.PadOp) -> list[Launch]:
    """Fill everything, then copy what is inside. Two steps, since the copy overwrites."""
    low, high, source = ints(op.low)[1:], ints(op.high)[1:], shape(op.x)[1:]
    out, made = layout_of(op.out), view(op.out)
    fill = copy.FillSpec(
        rows=made.rows,
        columns=made.columns,
        channels=made.channels,
        unit_rows=rows_in_unit(made.rows, made.columns * made.channels),
        out_column=out.pixel,
        out_row=out.row,
        out_image=out.image,
    )
    inside = [n + min(0, lo) + min(0, hi) for n, lo, hi in zip(source, low, high, strict=True)]
    extra_in = sum(max(0, -lo) * stride for lo, stride in zip(low, axis_strides(op.x), strict=True))
    extra_out = sum(max(0, lo) * stride for lo, stride in zip(low, axis_strides(op.out), strict=True))
    fills = [
        Launch(fill, place(out, i * out.plane), [], params=copy.pack_fill_params(value))
        for i, value in enumerate(plane_values(op.out, op.value.value))
    ]
    return [*fills, *_copy(op.x, op.out, [], inside, extra_in=extra_in, extra_out=extra_out)]


@selects(qi.ReshapeOp)
def reshape(op: qi.ReshapeOp) -> list[Launch]:
    """Free where both are dense. Else the coarser of the two shapes is walked, or one goes through the other's rows."""
    if ints(op.operation.attributes[PLACED])[0]:
        return []
    sizes = common_refinement(_runs(op.x), _runs(op.out))
    into, out_of = _refined(op.out, sizes), _refined(op.x, sizes)
    return _launch(sizes, out_of, into, 0, 0, op.x, op.out)


def axis_strides(value: ir.Value) -> list[int]:
    """Byte stride of every dimension after the batch."""
    layout, dims = layout_of(value), shape(value)[1:]
    if len(dims) == 3:
        return [layout.row, layout.pixel, 1]
    strides = [1]
    for position, size in enumerate(reversed(dims[1:])):
        strides.append(layout.pixel if position == 0 else strides[-1] * size)
    return strides[::-1] if dims else []


def _copy(
    source: ir.Value,
    target: ir.Value,
    in_strides: list[int],
    sizes: list[int],
    *,
    extra_in: int = 0,
    extra_out: int = 0,
) -> list[Launch]:
    """A copy of `sizes`, the dimensions of `target` after the batch; in_strides default to source's own."""
    strides = in_strides or axis_strides(source)
    return _launch(sizes, strides, axis_strides(target), extra_in, extra_out, source, target)


def _launch(
    sizes: list[int],
    in_strides: list[int],
    out_strides: list[int],
    extra_in: int,
    extra_out: int,
    source: ir.Value,
    target: ir.Value,
) -> list[Launch]:
    """One launch for each plane of bytes, from so far behind the first real pixel of either side."""
    sizes, in_strides, out_strides = _merge(list(sizes), list(in_strides), list(out_strides))
    missing = DIMENSIONS - len(sizes)
    if missing < 0:
        raise ValueError(f"a copy of {len(sizes)} dimensions that do not merge needs more than one kernel")
    sizes = [1] * missing + sizes
    # units are made of the first dimension: let it be the largest of the outer ones
    outer = max(range(DIMENSIONS - 1), key=lambda d: sizes[d])
    order = [outer, *(d for d in range(DIMENSIONS) if d != outer)]
    ins, outs = [0] * missing + in_strides, [0] * missing + out_strides
    spec = copy.CopySpec(
        sizes=tuple(sizes[d] for d in order),
        in_strides=tuple(ins[d] for d in order),
        out_strides=tuple(outs[d] for d in order),
        in_image=layout_of(source).image,
        out_image=layout_of(target).image,
        unit_rows=rows_in_unit(sizes[outer], prod(sizes) // sizes[outer]),
    )
    before, after, constant = layout_of(source), layout_of(target), constant_bytes(source)
    return [
        Launch(spec, place(after, extra_out + end), [place(before, extra_in + start)], constant=constant)
        for start, end in ((0, 0), (before.plane, after.plane))[: 2 if after.plane else 1]
    ]


def _merge(sizes: list[int], ins: list[int], outs: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Drop dimensions of size 1 and join neighbours that both sides walk as one."""
    kept = [d for d in range(len(sizes)) if sizes[d] != 1] or [len(sizes) - 1]
    sizes, ins, outs = ([values[d] for d in kept] for values in (sizes, ins, outs))
    d = len(sizes) - 2
    while d >= 0:
        if ins[d] == ins[d + 1] * sizes[d + 1] and outs[d] == outs[d + 1] * sizes[d + 1]:
            sizes[d] *= sizes[d + 1]
            ins[d], outs[d] = ins[d + 1], outs[d + 1]
            del sizes[d + 1], ins[d + 1], outs[d + 1]
        d -= 1
    return sizes, ins, outs


def _runs(value: ir.Value) -> list[int]:
    """Sizes of rows, pixels, channels, joined where they are consecutive bytes."""
    layout, seen = layout_of(value), view(value)
    if is_dense(layout, seen):
        return [seen.rows * seen.columns * seen.channels]
    return [seen.rows, seen.columns, seen.channels] if seen.rows > 1 else [seen.columns, seen.channels]


def common_refinement(a: list[int], b: list[int]) -> list[int]:
    """The coarsest shape that both row-major shapes divide into, so that each of its dimensions has one stride in both.

    >>> common_refinement([6, 4], [24])
    [6, 4]
    >>> common_refinement([4, 6], [8, 3])
    [4, 2, 3]
    """

    # places where a row of either shape begins, as distances in elements
    def distances(sizes: list[int]) -> set[int]:
        return {prod(sizes[d:]) for d in range(len(sizes) + 1)}

    every = sorted(distances(a) | distances(b), reverse=True)
    if any(big % small for big, small in pairwise(every)):
        raise ValueError(f"shapes {a} and {b} have no common refinement")
    return [big // small for big, small in pairwise(every)] or [1]


def _refined(value: ir.Value, sizes: list[int]) -> list[int]:
    """Byte strides of `value` along the dimensions of a refinement of its runs."""
    layout, seen = layout_of(value), view(value)
    strides = []
    for d in range(len(sizes)):
        distance = prod(sizes[d + 1 :])
        strides.append(_bytes_at(layout, seen, distance))
    return strides


def _bytes_at(layout: Layout, seen: View, element: int) -> int:
    """Byte distance of the element with this row-major number from the first."""
    pixel, channel = divmod(element, seen.channels)
    row, column = divmod(pixel, seen.columns)
    return row * layout.row + column * layout.pixel + channel
