"""`qi.repeat` and `qi.take`: one launch for each byte of a number."""

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cpu.kernel_selection.move import moved
from dyadic.passes.lower.cpu.kernel_selection.pointwise import rows_in_unit
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import take
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, place
from dyadic.passes.lower.memory.views import layout_of, strides
from dyadic.passes.lower.memory.walks import merged


@selects(qi.RepeatOp)
def repeat(op: qi.RepeatOp) -> list[Launch]:
    """A copy that stays where it is along a dimension of its own for each that is repeated."""
    sizes, ins, outs = [], [], []
    every = zip(shape(op.x)[1:], ints(op.times)[1:], strides(op.x), strides(op.out), strict=True)
    for size, times, source, target in every:
        sizes += [size, times]
        ins += [source, 0]
        outs += [times * target, target]
    return moved(sizes, ins, outs, 0, 0, op.x, op.out)


@selects(qi.TakeOp)
def take_entries(op: qi.TakeOp) -> list[Launch]:
    """Places that lie evenly are a copy; others come from a table."""
    axis, places = op.axis.value - 1, ints(op.places)
    sizes, ins, outs = shape(op.out)[1:], strides(op.x), strides(op.out)
    step = places[1] - places[0] if len(places) > 1 else 0
    if places == [places[0] + i * step for i in range(len(places))]:
        skip = places[0] * ins[axis]
        return moved(sizes, [n * step if d == axis else n for d, n in enumerate(ins)], outs, skip, 0, op.x, op.out)
    return _from_table(op.x, op.out, axis, places)


def _from_table(source: ir.Value, target: ir.Value, axis: int, places: list[int]) -> list[Launch]:
    sizes, ins, outs = shape(target)[1:], strides(source), strides(target)
    before = merged([1, *sizes[:axis]], [0, *ins[:axis]], [0, *outs[:axis]])
    after = merged([*sizes[axis + 1 :], 1], [*ins[axis + 1 :], 1], [*outs[axis + 1 :], 1])
    dims = [
        *zip(before.sizes, *before.strides, strict=True),
        (sizes[axis], 0, outs[axis]),
        *zip(after.sizes, *after.strides, strict=True),
    ]
    # units are made of the first dimension: let it be the largest of the outer ones
    table = len(before.sizes)
    outer = max(range(len(dims) - 1), key=lambda d: dims[d][0])
    order = [outer, *(d for d in range(len(dims)) if d != outer)]
    count = before.count * sizes[axis] * after.count
    lie, go = layout_of(source), layout_of(target)
    spec = take.TakeSpec(
        sizes=tuple(dims[d][0] for d in order),
        in_strides=tuple(dims[d][1] for d in order),
        out_strides=tuple(dims[d][2] for d in order),
        axis=order.index(table),
        in_image=lie.image,
        out_image=go.image,
        unit_rows=rows_in_unit(dims[outer][0], count // dims[outer][0]),
    )
    params, constant = take.pack_take_params(places, ins[axis]), constant_bytes(source)
    return [
        Launch(spec, place(go, end), [place(lie, start)], params=params, constant=constant)
        for start, end in ((0, 0), (lie.plane, go.plane))[: 2 if go.plane else 1]
    ]
