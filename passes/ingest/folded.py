"""Tensors whose first dimension is not the batch alone: windows [N*W, ...], heads [N*H, ...], sequences [L, N, ...].

A network is read for one image, so that any tensor may get a 1 in front of its dimensions, which is the batch then.
That each image is still computed by itself when there are several has been seen before (`compiler/importers/`).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from torch_mlir import ir

from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest.translation import (
    Dequantized,
    Folded,
    Later,
    Literal,
    Quantized,
    Result,
    Unsupported,
    as_tensor,
)

MOST_COPIES = 64
REDUCED = "it works along the batch, which must be in front again"


def dims_of(value: Result) -> list[int]:
    """The shape that the model gives a value."""
    if isinstance(value, Quantized):
        return dims_of(as_tensor(value))  # which says what is wrong
    if isinstance(value, Literal):
        return list(value.array.shape)
    if isinstance(value, Later):
        return value.dims
    return shape(value.value)[1:] if isinstance(value, Folded) else shape(value)


def lifted(value: Result, rank: int) -> ir.Value:
    """The tensor with dimensions of 1 in front of the model's, `rank` in all without the batch."""
    dims = dims_of(value)
    if isinstance(value, Literal):  # it may be smaller, and broadcasts
        value = Literal(value.array.reshape([1] * (1 + rank - len(dims)) + dims), value.location)
        return as_tensor(value)
    given = value.value if isinstance(value, Folded) else as_tensor(value)
    target = [1] * (1 + rank - len(dims)) + dims
    return given if shape(given) == target else building.reshape(given, target)


def folded(value: ir.Value, reason: str) -> Result:
    """A tensor with a 1 in front of the model's dimensions; it is not needed where those begin with 1 by themselves."""
    dims = shape(value)[1:]
    return building.reshape(value, dims) if dims[:1] == [1] else Folded(value, reason)


def each(x: Result, function: Callable[[ir.Value], ir.Value]) -> Result:
    """`function` of the tensor; it does the same whatever stands in front of the last dimensions."""
    return folded(function(x.value), x.reason) if isinstance(x, Folded) else function(as_tensor(x))


def together(values: Sequence[Result], function: Callable[[list[ir.Value]], ir.Value]) -> Result:
    """`function` of tensors, all of which get a 1 in front where one has a folded batch."""
    reasons = [value.reason for value in values if isinstance(value, Folded)]
    if not reasons:
        return function([as_tensor(value) for value in values])
    rank = max(len(dims_of(value)) for value in values)
    return folded(function([lifted(value, rank) for value in values]), reasons[0])


def axes_of(x: Result, axes: Sequence[int] | None) -> Sequence[int]:
    """The axes that a reduction works along: all of them where none are named."""
    return axes or range(len(dims_of(x)))


def place(x: Result, axis: int) -> int:
    """Where the model's axis lies in the tensor."""
    rank = len(dims_of(x))
    if not -rank <= axis < rank:
        raise Unsupported(f"it has no axis {axis}: its input is {dims_of(x)}")
    return axis % rank + (1 if isinstance(x, Folded) else 0)


def with_one_image(x: Result, axes: Sequence[int]) -> Result:
    """The tensor with a 1 in front, where one of the axes is the one image: along it there is nothing to gather."""
    one_image = not isinstance(x, Folded | Literal) and 0 in {place(x, axis) for axis in axes}
    return Folded(lifted(x, len(dims_of(x))), REDUCED) if one_image else x


def reshape(x: Result, dims: Sequence[int]) -> Result:
    """`dims` may hold one -1. Where dimension 0 is not 1 afterwards, the batch is folded into others."""
    if isinstance(x, Literal):
        return reshaped(x, dims)
    before = dims_of(x)
    count, known = math.prod(before), math.prod(d for d in dims if d != -1)
    dims = [count // max(known, 1) if d == -1 else d for d in dims]
    if math.prod(dims) != count:
        raise Unsupported(f"{before} cannot become {list(dims)} for a batch of 1")
    if dims == before:
        return x
    given = x.value if isinstance(x, Folded) else as_tensor(x)
    if dims[:1] == [1]:
        return building.reshape(given, dims)
    reason = x.reason if isinstance(x, Folded) else f"{before} to {dims} mixes the batch into other dimensions"
    return folded(building.reshape(given, [1, *dims]), reason)


def transpose(x: Result, permutation: Sequence[int]) -> Result:
    """Where dimension 0 moves, the batch is folded into others."""
    if isinstance(x, Literal):
        return transposed(x, permutation)
    order = [d % len(permutation) for d in permutation]
    if order[0] == 0 and not isinstance(x, Folded):
        return building.transpose(as_tensor(x), order)
    reason = x.reason if isinstance(x, Folded) else f"the permutation {order} moves the batch; it must stay first"
    return folded(building.transpose(lifted(x, len(order)), [0, *(d + 1 for d in order)]), reason)


def reshaped(x: Literal, dims: Sequence[int]) -> Literal:
    """A constant under another shape; integers stay with it where the axis of their scales does."""
    values = x.array.reshape(dims)
    if isinstance(x, Dequantized):
        if x.scale.size == 1:
            return x.moved(values, x.steps.reshape(dims), 0)
        before = math.prod(x.steps.shape[: x.axis])
        for axis, size in enumerate(values.shape):
            if size == x.scale.size and math.prod(values.shape[:axis]) == before:
                return x.moved(values, x.steps.reshape(dims), axis)
    return Literal(values, x.location)


def transposed(x: Literal, permutation: Sequence[int]) -> Literal:
    """A constant with its dimensions in another order, and the integers that it is."""
    values = np.transpose(x.array, permutation)
    if any(values.strides):  # else it is a view of one number, and stays one
        values = np.ascontiguousarray(values)
    if isinstance(x, Dequantized):
        order = [d % len(permutation) for d in permutation]
        return x.moved(values, np.transpose(x.steps, permutation), order.index(x.axis) if x.scale.size > 1 else 0)
    return Literal(values, x.location)


def repeated(x: ir.Value, dims: Sequence[int]) -> ir.Value:
    """The tensor, dimensions of size 1 repeated to `dims`."""
    have = shape(x)
    if any(n not in (1, want) for n, want in zip(have, dims, strict=True)) or have[0] != dims[0]:
        raise Unsupported(f"it repeats {have} to {list(dims)}; an addition or product broadcasts by itself")
    return building.repeat(x, [want // n for n, want in zip(have, dims, strict=True)])


def expand(x: Result, dims: Sequence[int]) -> Result:
    """Dimensions of size 1 repeated, and new ones in front."""
    if isinstance(x, Literal):
        return Literal(np.broadcast_to(x.array, dims), x.location)
    before = dims_of(x)
    if before == list(dims):
        return x
    if isinstance(x, Folded) or len(dims) != len(before) or dims[0] != 1:
        value = repeated(lifted(x, len(dims)), [1, *dims])
        return folded(value, x.reason if isinstance(x, Folded) else f"{before} to {list(dims)} repeats the batch")
    return repeated(as_tensor(x), dims)
