"""Rows that are sliced away are not computed.

A classifier reads one row of what an encoder makes: in the last block only that row needs a query, its attention, its
projections and its norm. A slice moves up through everything that treats rows one by one, as long as nothing else reads
what lies between; keys and values stay whole.

    slice(linear(x, w, b))             -->  linear(slice(x), w, b)
    slice(add(x, y))                   -->  add(slice(x), slice(y))
    slice(attention(q, k, v))          -->  attention(slice(q), k, v)
    slice(transpose(x))                -->  transpose(slice(x))
    slice(matmul(a, b))                -->  matmul(slice(a), b)

What several equal slices read is sliced once. Networks without norms stay as they are: there, a slice in front of an
addition or a clamp would keep it out of the convolution that takes it in. Truth: exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import constant, constant_array
from dyadic.passes.rewriting import defining, module_pass


@dataclass(frozen=True)
class Window:
    """Which elements of each dimension: `counts[d]` from `starts[d]` on, `steps[d]` apart."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    counts: tuple[int, ...]

    @staticmethod
    def of(op: qd.SliceOp) -> "Window":
        return Window(tuple(ints(op.starts)), tuple(ints(op.steps)), tuple(shape(op.out)))

    def whole(self, d: int, size: int) -> bool:
        """Whether all of dimension `d` stays."""
        return self.counts[d] == size

    def at(self, sizes: list[int]) -> "Window":
        """The same of a tensor that broadcasts: all of the dimensions that have one element."""
        offset = len(self.counts) - len(sizes)
        pick = [
            (0, 1, 1) if size == 1 else (self.starts[d + offset], self.steps[d + offset], self.counts[d + offset])
            for d, size in enumerate(sizes)
        ]
        return Window(*map(tuple, zip(*pick, strict=True)))  # pyright: ignore[reportArgumentType]

    def with_last(self, size: int) -> "Window":
        """The same rows, whole, of another width."""
        return Window((*self.starts[:-1], 0), (*self.steps[:-1], 1), (*self.counts[:-1], size))


Cut = Callable[[ir.Value, Window], ir.Value]


@module_pass
def sink_slices(module: ir.Operation) -> None:
    """Slice in front of what treats rows one by one: slice(linear(x)) --> linear(slice(x))"""
    for block in function_bodies(module):
        if not any(isinstance(op.opview, qd.Norm) for op in block.operations):
            continue
        for op in reversed(list(block.operations)[:-1]):
            if (window := only_window(op)) is not None:
                sink(op.opview, window)


def only_window(op: Any) -> Window | None:
    """What all that read an op's result take of it, where they are slices that agree."""
    readers = [use.owner.opview for use in op.operation.results[0].uses]
    if not readers or not all(isinstance(one, qd.SliceOp) for one in readers):
        return None
    windows = {Window.of(one) for one in readers}
    return windows.pop() if len(windows) == 1 else None


def sink(op: Any, window: Window) -> None:
    """One op in front of its slices becomes one behind slices of its operands, where it can."""
    readers = [use.owner for use in op.out.uses]
    # slices keep the name of the user's, so that what they stand in front of keeps its own
    made = sliced(op, window, lambda value, wanted: part(value, wanted, readers[0].location))
    if made is None:
        return
    with ir.InsertionPoint(op), op.location:
        result = made()
    for reader in readers:
        reader.results[0].replace_all_uses_with(result)
        reader.erase()
    op.operation.erase()


def sliced(op: Any, window: Window, cut: Cut) -> Callable[[], ir.Value] | None:
    """How the window of what an op makes is made of windows of what it reads; None where it is not."""
    sizes = shape(op.out)
    last = window.whole(len(sizes) - 1, sizes[-1])
    match op:
        case qd.LinearOp() if last:
            return lambda: building.linear(cut(op.x, window.with_last(shape(op.x)[-1])), op.weight, op.bias)
        case qd.Norm() if last:
            return lambda: again(op, cut(op.x, window), op.weight, op.bias)
        case qd.AttentionOp() if last and window.counts[:-2] == tuple(sizes[:-2]) and same_for_rows(op):
            return lambda: again(op, cut(op.q, window.with_last(shape(op.q)[-1])), op.k, op.v, op.bias, op.valid)
        case qd.Binary() if not convolved(op.a, op.b):
            return lambda: again(op, cut(op.a, window.at(shape(op.a))), cut(op.b, window.at(shape(op.b))))
        case qd.ScaleShiftOp() if window.whole(op.axis.value, sizes[op.axis.value]):
            return lambda: again(op, cut(op.x, window), op.scale, op.shift)
        case qd.MatmulOp() if last and window.counts[:-2] == tuple(sizes[:-2]):
            return lambda: building.matmul(cut(op.a, window.with_last(shape(op.a)[-1])), op.b)
        case qd.SoftmaxOp() if window.whole(op.axis.value, sizes[op.axis.value]):
            return lambda: again(op, cut(op.x, window))
        case qd.ClampOp() if qd.GIVEN in op.attributes and not together(op, window, cut):
            return None
        case qd.Elementwise() if not convolved(op.x):
            return lambda: again(op, cut(op.x, window))
        case qd.TransposeOp():
            order = ints(op.permutation)
            back = [order.index(d) for d in range(len(order))]
            moved = Window(*(tuple(each[d] for d in back) for each in (window.starts, window.steps, window.counts)))
            return lambda: building.transpose(cut(op.x, moved), order)
        case qd.ReshapeOp():
            return reshaped(op, window, cut)
        case _:
            return None


def together(op: qd.ClampOp, window: Window, cut: Cut) -> bool:
    """Whether a slice in front of a clamp that rounds moves on in front of what the clamp rounds the result of."""
    producer = defining(op.x)
    return len(list(op.x.uses)) == 1 and producer is not None and sliced(producer, window, cut) is not None


def reshaped(op: qd.ReshapeOp, window: Window, cut: Cut) -> Callable[[], ir.Value] | None:
    """Where the sliced dimensions, and all in front of them, are the same on both sides."""
    before, after = shape(op.x), shape(op.out)
    kept = max((d + 1 for d, size in enumerate(after) if not window.whole(d, size)), default=0)
    if before[:kept] != after[:kept]:
        return None
    rest = before[kept:]
    own = Window(
        (*window.starts[:kept], *(0 for _ in rest)), (*window.steps[:kept], *(1 for _ in rest)),
        (*window.counts[:kept], *rest),
    )  # fmt: skip
    return lambda: building.reshape(cut(op.x, own), list(window.counts))


def same_for_rows(op: qd.AttentionOp) -> bool:
    """Whether no row of the scores has a bias or a mask of its own."""
    return all(len(shape(v)) < 2 or shape(v)[-2] == 1 for v in (op.bias, op.valid))


def convolved(*values: ir.Value) -> bool:
    """Whether a convolution makes one of them: it takes in what is computed of its whole result."""
    return any(isinstance(defining(value), qd.Conv2dOp) for value in values)


def part(value: ir.Value, window: Window, location: ir.Location) -> ir.Value:
    """A window of a value; of a constant another constant, and all of it is itself."""
    if tuple(shape(value)) == window.counts:
        return value
    if (array := constant_array(value)) is not None:
        places = (
            slice(start, start + (count - 1) * step + 1, step)
            for start, step, count in zip(window.starts, window.steps, window.counts, strict=True)
        )
        return constant(np.ascontiguousarray(array[tuple(places)]))
    with location:
        return building.slice_(value, list(window.starts), list(window.steps), list(window.counts))


def again(op: Any, *operands: ir.Value) -> ir.Value:
    """The same op of other operands: its result has as many rows as those, and is as wide as it was."""
    attributes = {name: op.operation.attributes[name] for name in list(op.operation.attributes)}
    binary = isinstance(op, qd.Binary)
    sizes = np.broadcast_shapes(*(tuple(shape(v)) for v in operands)) if binary else shape(operands[0])
    kind = building.tensor_type([*sizes[:-1], shape(op.out)[-1] if isinstance(op, qd.AttentionOp) else sizes[-1]])
    return ir.Operation.create(op.operation.name, [kind], list(operands), attributes).results[0]
