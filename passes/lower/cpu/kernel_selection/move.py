"""What only moves bytes: concat, slice, pad, reshape, transpose. Where the layout makes it free there is no launch.

Else there is one for each byte of a number."""

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cpu.kernel_selection.pointwise import rows_in_unit
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import copy
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, place, plane_values
from dyadic.passes.lower.memory.orders import common_refinement
from dyadic.passes.lower.memory.views import PLACED, layout_of, refined, runs_of, strides, view
from dyadic.passes.lower.memory.walks import merged

DIMENSIONS = 4  # that every copy has; those of size 1 are in front


@selects(qi.ConcatOp)
def concat(op: qi.ConcatOp) -> list[Launch]:
    """One copy for every input that is not made in its place; the axis decides where that is."""
    launches, start = [], 0
    axis = op.axis.value
    for value, placed in zip((op.a, op.b), ints(op.operation.attributes[PLACED]), strict=True):
        if not placed:
            skip = strides(op.out)[axis - 1] * start
            launches += _copy(value, op.out, [], shape(value)[1:], extra_out=skip)
        start += shape(value)[axis]
    return launches


@selects(qi.SliceOp)
def slice_(op: qi.SliceOp) -> list[Launch]:
    if ints(op.operation.attributes[PLACED])[0]:
        return []
    from_x = strides(op.x)
    steps, starts = ints(op.steps)[1:], ints(op.starts)[1:]
    skip = sum(start * stride for start, stride in zip(starts, from_x, strict=True))
    spread = [stride * step for stride, step in zip(from_x, steps, strict=True)]
    return _copy(op.x, op.out, spread, shape(op.out)[1:], extra_in=skip)


@selects(qi.TransposeOp)
def transpose(op: qi.TransposeOp) -> list[Launch]:
    """Free at the boundary, which takes any order; else one copy of as many dimensions as do not merge."""
    if ints(op.operation.attributes[PLACED])[0]:
        return []
    from_x = strides(op.x)
    permuted = [from_x[d - 1] for d in ints(op.permutation)[1:]]
    return _copy(op.x, op.out, permuted, shape(op.out)[1:])


@selects(qi.PadOp)
def pad(op: qi.PadOp) -> list[Launch]:
    """Fill everything, then copy what is inside. Two steps, since the copy overwrites."""
    low, high, source = ints(op.low)[1:], ints(op.high)[1:], shape(op.x)[1:]
    out = view(op.out)
    fill = copy.FillSpec(
        rows=out.rows,
        columns=out.columns,
        channels=out.channels,
        unit_rows=rows_in_unit(out.rows, out.columns * out.channels),
        out_column=out.pixel,
        out_row=out.row,
        out_image=out.image,
    )
    inside = [n + min(0, lo) + min(0, hi) for n, lo, hi in zip(source, low, high, strict=True)]
    extra_in = sum(max(0, -lo) * stride for lo, stride in zip(low, strides(op.x), strict=True))
    extra_out = sum(max(0, lo) * stride for lo, stride in zip(low, strides(op.out), strict=True))
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
    sizes = common_refinement(runs_of(op.x), runs_of(op.out))
    if sizes is None:
        raise ValueError(f"{op.x.type} and {op.out.type} lie so that no strides lead from one to the other")
    sizes = sizes or [1]
    into, out_of = refined(op.out, sizes), refined(op.x, sizes)
    return moved(sizes, out_of, into, 0, 0, op.x, op.out)


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
    return moved(sizes, in_strides or strides(source), strides(target), extra_in, extra_out, source, target)


def moved(
    sizes: list[int],
    in_strides: list[int],
    out_strides: list[int],
    extra_in: int,
    extra_out: int,
    source: ir.Value,
    target: ir.Value,
) -> list[Launch]:
    """One launch for each plane of bytes, from so far behind the first real pixel of either side."""
    walk = merged(sizes, in_strides, out_strides)
    # units are made of the first dimension: let it be the largest of the outer ones
    missing = max(0, DIMENSIONS - len(walk.sizes))
    sizes = [1] * missing + list(walk.sizes)
    ins, outs = ([0] * missing + list(each) for each in walk.strides)
    outer = max(range(len(sizes) - 1), key=lambda d: sizes[d])
    order = [outer, *(d for d in range(len(sizes)) if d != outer)]
    spec = copy.CopySpec(
        sizes=tuple(sizes[d] for d in order),
        in_strides=tuple(ins[d] for d in order),
        out_strides=tuple(outs[d] for d in order),
        in_image=layout_of(source).image,
        out_image=layout_of(target).image,
        unit_rows=rows_in_unit(sizes[outer], walk.count // sizes[outer]),
    )
    before, after, constant = layout_of(source), layout_of(target), constant_bytes(source)
    return [
        Launch(spec, place(after, extra_out + end), [place(before, extra_in + start)], constant=constant)
        for start, end in ((0, 0), (before.plane, after.plane))[: 2 if after.plane else 1]
    ]
