"""What only moves bytes: concat, slice, pad, reshape, transpose, repeat, take. Where the layout makes it free there is
no launch, else one, for both bytes of 16-bit numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernel_selection.walked import access, in_memory_order, side, width_of
from dyadic.passes.lower.cuda.kernels.families import copy
from dyadic.passes.lower.cuda.kernels.families.transpose import SIDE, TransposeSpec
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, place, plane_values
from dyadic.passes.lower.memory.orders import common_refinement
from dyadic.passes.lower.memory.views import (
    MADE_INSIDE,
    PLACED,
    READ_THROUGH,
    is_constant,
    layout_of,
    refined,
    runs_of,
    strides,
)

APART = 1 << 40  # a stride with which no dimension is joined with another
FEW = 4  # neighbours for which blocks are not worth it


@selects(qi.ConcatOp)
def concat(op: qi.ConcatOp) -> list[Launch]:
    """One copy for every input that is not made in its place, and is no constant (`borders`)."""
    return [launch for value, launch in _parts(op) if not is_constant(value)]


def _parts(op: qi.ConcatOp) -> Iterator[tuple[ir.Value, Launch]]:
    """What has to be copied; the axis decides where it is."""
    axis, start = op.axis.value, 0
    for value, placed in zip((op.a, op.b), ints(op.operation.attributes[PLACED]), strict=True):
        if not placed:
            skip = strides(op.out)[axis - 1] * start
            yield value, moved(shape(value)[1:], strides(value), strides(op.out), 0, skip, value, op.out)
        start += shape(value)[axis]


@selects(qi.SliceOp)
def slice_(op: qi.SliceOp) -> list[Launch]:
    if _is_free(op):
        return []
    from_x = strides(op.x)
    steps, starts = ints(op.steps)[1:], ints(op.starts)[1:]
    skip = sum(start * stride for start, stride in zip(starts, from_x, strict=True))
    spread = [stride * step for stride, step in zip(from_x, steps, strict=True)]
    return [moved(shape(op.out)[1:], spread, strides(op.out), skip, 0, op.x, op.out)]


@selects(qi.TransposeOp)
def transpose(op: qi.TransposeOp) -> list[Launch]:
    """Free at the boundary, which takes any order."""
    if _is_free(op):
        return []
    from_x = strides(op.x)
    permuted = [from_x[d - 1] for d in ints(op.permutation)[1:]]
    return [moved(shape(op.out)[1:], permuted, strides(op.out), 0, 0, op.x, op.out)]


@selects(qi.ReshapeOp)
def reshape(op: qi.ReshapeOp) -> list[Launch]:
    """Free where both are dense. Else the coarser of the two shapes is walked, or one goes through the other's rows."""
    if _is_free(op):
        return []
    sizes = common_refinement(runs_of(op.x), runs_of(op.out))
    if sizes is None:
        raise ValueError(f"{op.x.type} and {op.out.type} lie so that no strides lead from one to the other")
    sizes = sizes or [1]
    return [moved(sizes, refined(op.x, sizes), refined(op.out, sizes), 0, 0, op.x, op.out)]


@selects(qi.PadOp)
def pad(op: qi.PadOp) -> list[Launch]:
    """One launch, which writes the border too; none where that is written once (`borders`), or the reader knows it."""
    marks = op.operation.attributes
    if MADE_INSIDE in marks or READ_THROUGH in marks:
        return []
    low, high, source = ints(op.low)[1:], ints(op.high)[1:], shape(op.x)[1:]
    inside = [n + min(0, lo) + min(0, hi) for n, lo, hi in zip(source, low, high, strict=True)]
    skip = sum(max(0, -lo) * stride for lo, stride in zip(low, strides(op.x), strict=True))
    borders = {d: (max(0, lo), inside[d]) for d, lo in enumerate(low) if lo > 0 or high[d] > 0}
    if min(inside) <= 0:  # nothing is left
        return [_filled(op)]
    fills = plane_values(op.out, op.value.value)
    return [moved(shape(op.out)[1:], strides(op.x), strides(op.out), skip, 0, op.x, op.out, borders, fills)]


def borders(op: Any) -> list[Launch]:
    """What programs run once: where a border is around what another kernel makes, and constants that are joined."""
    if isinstance(op, qi.ConcatOp):
        return [launch for value, launch in _parts(op) if is_constant(value)]
    made = isinstance(op, qi.PadOp) and MADE_INSIDE in op.operation.attributes
    return [_filled(op)] if made else []


def _filled(op: qi.PadOp) -> Launch:
    """A border alone: the input's first element stands for all that is not read."""
    before, after = layout_of(op.x), layout_of(op.out)
    walk = in_memory_order(shape(op.out)[1:], strides(op.out))
    (to,), nowhere = walk.strides, (len(walk.sizes) - 1, 0, 0)
    width = width_of(walk.sizes, [side(to, after.offset, after.plane)])
    planes = {"in_plane": before.plane, "out_plane": after.plane}
    spec = copy.CopySpec(walk.sizes, (0,) * len(to), to, width, padded=nowhere, **planes)
    params = copy.pack_params(plane_values(op.out, op.value.value))
    return Launch(spec, place(after), [place(before)], params=params, constant=constant_bytes(op.x))


@selects(qi.RepeatOp)
def repeat(op: qi.RepeatOp) -> list[Launch]:
    """A copy that stays where it is along a dimension of its own for each that is repeated."""
    sizes, ins, outs = [], [], []
    every = zip(shape(op.x)[1:], ints(op.times)[1:], strides(op.x), strides(op.out), strict=True)
    for size, times, source, target in every:
        sizes += [size, times]
        ins += [source, 0]
        outs += [times * target, target]
    return [moved(sizes, ins, outs, 0, 0, op.x, op.out)]


@selects(qi.TakeOp)
def take_entries(op: qi.TakeOp) -> list[Launch]:
    """Places that lie evenly are a copy; others come from a table."""
    axis, places = op.axis.value - 1, ints(op.places)
    sizes, ins, outs = shape(op.out)[1:], strides(op.x), strides(op.out)
    step = places[1] - places[0] if len(places) > 1 else 0
    if places == [places[0] + i * step for i in range(len(places))]:
        spread = [n * step if d == axis else n for d, n in enumerate(ins)]
        return [moved(sizes, spread, outs, places[0] * ins[axis], 0, op.x, op.out)]
    return [moved(sizes, ins, outs, 0, 0, op.x, op.out, table=(axis, places))]


def _is_free(op: qi.Rearrangement) -> bool:
    return bool(ints(op.operation.attributes[PLACED])[0])


def moved(
    sizes: Sequence[int],
    ins: Sequence[int],
    outs: Sequence[int],
    skip_in: int,
    skip_out: int,
    source: ir.Value,
    target: ir.Value,
    borders: Mapping[int, tuple[int, int]] | None = None,
    fills: Sequence[int] = (),
    table: tuple[int, Sequence[int]] | None = None,
) -> Launch:
    """One launch, from so far behind the first element of either side.

    borders: how much of a dimension is before, and the size inside. table: a dimension, and its places in the input."""
    known = dict(borders or {})
    marks = [APART + d if d in known or (table and d == table[0]) else 0 for d in range(len(sizes))]
    walk = in_memory_order(sizes, outs, ins, marks)
    to, come, marked = walk.strides
    which = {mark - APART: d for d, mark in enumerate(marked) if mark >= APART}
    before, after = layout_of(source), layout_of(target)
    made = side(to, after.offset + skip_out, after.plane)
    read = side(come, before.offset + skip_in, before.plane)
    launch = Launch(None, place(after, skip_out), [place(before, skip_in)], constant=constant_bytes(source))
    planes = {"in_plane": before.plane, "out_plane": after.plane}
    turned = None if which else _turned(walk.sizes, come, to, before.offset + skip_in, after.offset + skip_out, planes)
    if turned is not None:
        launch.spec = turned
        return launch
    width = width_of(walk.sizes, [made, read])
    axis = which[table[0]] if table else -1
    launch.spec = copy.CopySpec(
        sizes=walk.sizes,
        ins=tuple(0 if d == axis else stride for d, stride in enumerate(come)),
        outs=to,
        width=width,
        in_bytes=access(read, width),
        padded=tuple(n for d, border in known.items() for n in (which[d], *border)),
        axis=axis,
        **planes,
    )
    if known or table:
        launch.params = copy.pack_params(fills, table[1] if table else (), ins[table[0]] if table else 0)
    return launch


def _turned(
    sizes: tuple[int, ...], ins: tuple[int, ...], outs: tuple[int, ...], first: int, last: int, planes: dict[str, int]
) -> TransposeSpec | None:
    """The kernel for what has neighbours in the input that are not those in the result, if words are possible."""
    neighbours = [d for d in range(len(sizes) - 1) if ins[d] == 1 and sizes[d] > FEW]
    if ins[-1] in (0, 1) or sizes[-1] <= FEW or not neighbours:
        return None
    p = neighbours[-1]
    order = [*(d for d in range(len(sizes) - 1) if d != p), p, len(sizes) - 1]
    others = [stride for d, stride in enumerate(ins) if d != p]
    if widest([*others, *outs[:-1], first, last, *planes.values()], SIDE) < SIDE:
        return None
    boxes, come, to = (tuple(each[d] for d in order) for each in (sizes, ins, outs))
    return TransposeSpec(boxes, come, to, **planes)
