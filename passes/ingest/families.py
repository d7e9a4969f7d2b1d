"""What both importers' operators share: what they mean in `qd`, and what has no meaning there."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.channel_statistics import note_statistics
from dyadic.passes.ingest import masks
from dyadic.passes.ingest.folded import (
    axes_of,
    dims_of,
    each,
    folded,
    lifted,
    place,
    reshape,
    reshaped,
    together,
    transposed,
    with_one_image,
)
from dyadic.passes.ingest.folded_convs import image_by_image
from dyadic.passes.ingest.translation import Folded, Literal, Result, Unsupported, as_tensor, literal
from dyadic.passes.rewriting import defining

MOST_RUNS = 8  # of neighbours that are slices joined; more are taken by a table of places


def check_finite(values: Array, what: str) -> Array:
    """`values`, unless some are NaN or infinite, which no range would cover, or there are none at all."""
    if not values.size:
        raise Unsupported(f"its {what} is a tensor without a single element")
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise Unsupported(f"its {what} has {bad} NaN or infinite values; quantization needs finite ones")
    return values


def per_channel(x: ir.Value, values: Array) -> tuple[Array, int] | None:
    """A constant that broadcasts over x as one value per entry of one axis (not the batch): (values, axis), else None.

    A single value counts for the channels: axis 1 of an image, the last axis of anything else.
    """
    dims = shape(x)
    if len(dims) < 2 or values.ndim > len(dims):
        return None
    aligned = values.reshape([1] * (len(dims) - values.ndim) + list(values.shape))
    axes = [d for d, n in enumerate(aligned.shape) if n != 1]
    axis = axes[0] if axes else (1 if len(dims) == 4 else len(dims) - 1)
    if len(axes) > 1 or axis == 0 or (axes and aligned.shape[axis] != dims[axis]):
        return None
    return np.broadcast_to(aligned.reshape(-1), [dims[axis]]).astype(np.float64), axis


def affine(x: Any, scale: Any, shift: Any) -> Result | None:
    """`x * scale + shift` as one `qd.scale_shift`, or None where a constant varies along more than one axis."""
    scale, shift = np.broadcast_arrays(np.asarray(scale, np.float64), np.asarray(shift, np.float64))
    value = x.value if isinstance(x, Folded) else as_tensor(x)
    if scale.ndim > len(dims_of(x)):
        return None
    scales, shifts = per_channel(value, scale), per_channel(value, shift)
    if scales is None or shifts is None:
        return None
    return each(x, lambda value: building.scale_shift(value, scales[0], shifts[0], scales[1]))


def elementwise(kind: type[Any], a: Any, b: Any) -> Result:
    """Two tensors with broadcasting, which must leave the batch alone."""
    try:
        dims = np.broadcast_shapes(dims_of(a), dims_of(b))
    except ValueError:
        raise Unsupported(f"the shapes {dims_of(a)} and {dims_of(b)} do not fit together") from None
    if isinstance(a, Folded) or isinstance(b, Folded):
        return together([a, b], lambda values: building.elementwise(kind, values[0], values[1]))
    rank = max(len(dims_of(a)), len(dims_of(b)))
    if dims[:1] != (1,) or any(len(shape(v)) < rank for v in (a, b) if isinstance(v, ir.Value)):
        reason = f"broadcasting {dims_of(a)} with {dims_of(b)} mixes the batch into other dimensions"
        return folded(building.elementwise(kind, lifted(a, rank), lifted(b, rank)), reason)
    return building.elementwise(kind, as_tensor(a), as_tensor(b))


def add(a: Any, b: Any) -> Result:
    a, b = masks.settled(a, b)
    if isinstance(a, masks.LATER) or isinstance(b, masks.LATER):
        return masks.add(a, b)
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(a.array + b.array)
    if isinstance(a, Literal):
        return add(b, a)
    if isinstance(b, Literal) and np.isneginf(b.array).any():  # a mask of scores
        left_out = np.isneginf(b.array)
        return masks.without(add(a, literal(np.where(left_out, 0, b.array))), ~left_out)
    if isinstance(b, Literal):
        return affine(a, 1, check_finite(b.array, "constant")) or elementwise(qd.AddOp, a, b)
    return elementwise(qd.AddOp, a, b)


def sub(a: Any, b: Any) -> Result:
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(a.array - b.array)
    if isinstance(b, Literal):
        return affine(a, 1, -check_finite(b.array, "constant").astype(np.float64)) or elementwise(qd.SubOp, a, b)
    if isinstance(a, Literal):
        return affine(b, -1, check_finite(a.array, "constant")) or elementwise(qd.SubOp, a, b)
    return elementwise(qd.SubOp, a, b)


def mul(a: Any, b: Any) -> Result:
    a, b = masks.settled(a, b)
    if isinstance(a, masks.LATER) or isinstance(b, masks.LATER):
        return masks.mul(a, b)
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(a.array * b.array)
    if isinstance(a, Literal):
        return mul(b, a)
    if isinstance(b, Literal):
        return affine(a, check_finite(b.array, "constant"), 0) or elementwise(qd.MulOp, a, b)
    return elementwise(qd.MulOp, a, b)


def div(a: Any, b: Any) -> Result:
    a, b = masks.settled(a, b)
    if isinstance(a, masks.LATER) or isinstance(b, masks.LATER):
        return masks.div(a, b)
    if not isinstance(b, Literal):  # norms and softmax are spelled out like this
        return mul(a, each(b, lambda value: building.unary(qd.ReciprocalOp, value)))
    divisor = check_finite(b.array, "constant").astype(np.float64)
    if not divisor.all():
        raise Unsupported("it divides by zero")
    return (
        literal((a.array / divisor).astype(a.array.dtype)) if isinstance(a, Literal) else mul(a, literal(1 / divisor))
    )


def batch_norm(x: Any, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float) -> Result:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, in float64, as one scale and shift a channel."""
    dims = dims_of(x)
    for values, what in ((gamma, "scale"), (beta, "shift"), (mean, "mean"), (variance, "variance")):
        check_finite(values, what)
        if len(dims) < 2 or values.shape != (dims[1],):
            raise Unsupported(f"its {what} has the shape {list(values.shape)}, which does not fit {dims}")
    spread = variance.astype(np.float64) + epsilon
    if (spread <= 0).any():
        if (variance < 0).any():
            raise Unsupported("its variance is negative; statistics of a trained network are not")
        raise Unsupported("its variance and its epsilon are 0, which divides by zero; a positive epsilon would work")
    scale = gamma / np.sqrt(spread)
    deviation = np.abs(scale) * np.sqrt(variance.astype(np.float64))  # what is left of |gamma| beside epsilon

    def norm(value: ir.Value) -> ir.Value:
        made = building.scale_shift(value, scale, beta - mean * scale, place(x, 1))
        note_statistics(made, beta.astype(np.float64), deviation)
        return made

    return each(x, norm)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Result:
    """A convolution with constant weights; `padding` is [top, left, bottom, right]."""
    weights, dims = layer_constant(weight, "weight"), dims_of(x)
    if len(dims) != 4 or len(shape(weights)) != 4:
        raise Unsupported(f"only 2-D convolutions are supported, this one reads {dims}")
    if min(padding) < 0:
        raise Unsupported(f"its padding {list(padding)} crops")
    outputs, channels = shape(weights)[:2]
    if dims[1] != channels * groups or outputs % groups:
        raise Unsupported(f"its weight {shape(weights)} in {groups} groups does not fit {dims[1]} channels")
    reach = [dilation[d] * (shape(weights)[2 + d] - 1) + 1 for d in range(2)]
    if any(reach[d] > dims[2 + d] + padding[d] + padding[d + 2] for d in range(2)):
        raise Unsupported(f"its window {reach} does not fit into {dims} padded by {list(padding)}")
    biases = bias_of(bias, outputs)

    def convolution(image: ir.Value, padding: Sequence[int]) -> ir.Value:
        return building.conv2d(image, weights, biases, strides, padding, dilation, groups)

    if isinstance(x, Folded):
        return image_by_image(x, reach[0], strides[0], padding, convolution)
    return convolution(as_tensor(x), padding)


def linear(x: Any, weight: Any, bias: Any) -> Result:
    """`x @ weight^T + bias` with constants; of an x that is one-hot, rows of the weight."""
    if (ids := ids_of_one_hot(x)) is not None and isinstance(weight, Literal) and isinstance(bias, Literal | None):
        rows = transposed(weight, [1, 0])
        return embedding(rows if bias is None else literal(rows.array + bias.array), ids)
    weights = layer_constant(weight, "weight")
    dims = dims_of(x)
    if len(shape(weights)) != 2 or not dims or dims[-1] != shape(weights)[1]:
        raise Unsupported(f"it multiplies {dims} by {shape(weights)}; a matrix [in, out] would work")
    if len(dims) < 2 and not isinstance(x, Folded):
        raise Unsupported(f"it multiplies {dims}, which has no batch, by {shape(weights)}")
    biases = bias_of(bias, shape(weights)[0])
    return each(x, lambda value: building.linear(value, weights, biases))


def ids_of_one_hot(x: Any) -> ir.Value | None:
    """The whole numbers that x [..., V] has a 1 in the column of; None where it is something else."""
    op = defining(x) if isinstance(x, ir.Value) else None
    if not isinstance(op, qd.EmbeddingOp):
        return None
    table = building.constant_array(op.table)
    if table is None or table.shape[0] != table.shape[1]:
        return None
    return op.ids if np.array_equal(table, np.eye(len(table))) else None


def bias_of(value: Any, outputs: int) -> ir.Value:
    """The bias of a layer, zeros where it has none."""
    if value is None:
        return building.constant(np.zeros(outputs, np.float32))
    bias = layer_constant(value, "bias")
    if shape(bias) != [outputs]:
        raise Unsupported(f"its bias has the shape {shape(bias)}; [{outputs}] would work")
    return bias


def layer_constant(value: Any, what: str) -> ir.Value:
    """A weight or bias as a `qd.constant`."""
    if not isinstance(value, Literal):
        raise Unsupported(f"its {what} is computed from the input; a constant {what} would work")
    check_finite(value.array, what)
    return as_tensor(value)


def pool_size(
    x: ir.Value,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool,
) -> list[int]:
    """Height and width of a pooled image."""
    if len(shape(x)) != 4 or len(kernel) != 2:
        raise Unsupported(f"only 2-D pooling is supported, this one reads {shape(x)}")
    out = [
        building.window_count(n, kernel[d], strides[d], padding[d], padding[d + 2], dilation[d], ceil)
        for d, n in enumerate(shape(x)[2:])
    ]
    if min(out) < 1 or min(padding) < 0:
        raise Unsupported(f"its window {list(kernel)} does not fit into {shape(x)} padded by {list(padding)}")
    return out


def covering(x: ir.Value, kernel: Sequence[int], padding: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """The window without what reaches beyond the padded image, where it is larger (and there is one, by ceil mode)."""
    padded = [n + padding[d] + padding[d + 2] for d, n in enumerate(shape(x)[2:])]
    return [min(k, -(-n // step)) for k, n, step in zip(kernel, padded, dilation, strict=True)]


def mean(x: Any, axes: Sequence[int] | None, keep: bool) -> Result:
    """The mean over some axes, all where none are given."""
    axes = axes_of(x, axes)
    x = with_one_image(x, axes)
    places = sorted({place(x, axis) for axis in axes})
    return each(x, lambda value: building.reduce_mean(value, places, keep))


def clamp(x: Any, low: float, high: float) -> Result:
    if math.isnan(low) or math.isnan(high):
        raise Unsupported("a bound is NaN")
    return each(x, lambda value: building.clamp(value, min(low, high), high))


def slice_(x: Any, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]) -> Result:
    """Python's slicing along some axes."""
    dims = dims_of(x)
    ranges = [slice(None)] * len(dims)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        ranges[axis % len(dims)] = slice(start, end, step)
    if isinstance(x, Literal):
        return literal(x.array[tuple(ranges)])
    bounds = [r.indices(n) for r, n in zip(ranges, dims, strict=True)]
    sizes = [len(range(*b)) for b in bounds]
    if 0 in sizes:  # a concat drops it
        return literal(np.zeros(sizes, np.float32))
    for axis, bound in enumerate(bounds):
        if bound[2] < 0:  # the same entries forwards, then turned around
            start, end = bound[0] + (sizes[axis] - 1) * bound[2], bound[0] + 1
            forwards = slice_(x, [*axes, axis], [*starts, start], [*ends, end], [*steps, -bound[2]])
            return gather(forwards, axis, np.arange(sizes[axis])[::-1])
    if not isinstance(x, Folded):
        return building.slice_(as_tensor(x), [b[0] for b in bounds], [b[2] for b in bounds], sizes)
    bounds, sizes = [(0, 1, 1), *bounds], [1, *sizes]
    return each(x, lambda value: building.slice_(value, [b[0] for b in bounds], [b[2] for b in bounds], sizes))


def split(x: Any, axis: int, sizes: Sequence[int]) -> list[Result]:
    """Consecutive slices along an axis. A part of size 0 is an empty constant, which a concat drops."""
    dims = dims_of(x)
    if min(sizes, default=-1) < 0 or sum(sizes) != dims[axis]:
        raise Unsupported(f"its parts of {list(sizes)} do not fit axis {axis} of {dims}")
    empty = literal(np.zeros([0 if d == axis % len(dims) else n for d, n in enumerate(dims)], np.float32))
    ends = np.cumsum(sizes).tolist()
    return [
        slice_(x, [axis], [end - size], [end], [1]) if size else empty for end, size in zip(ends, sizes, strict=True)
    ]


def concat(inputs: Sequence[Any], axis: int) -> Result:
    parts = [v for v in inputs if not (isinstance(v, Literal) and v.array.size == 0)] or inputs[:1]
    rank = len(dims_of(parts[0]))
    if not -rank <= axis < rank:
        raise Unsupported(f"its axis {axis} is none of {rank} dimensions")
    if all(isinstance(v, Literal) for v in inputs):
        return literal(np.concatenate([v.array for v in inputs], axis))
    axis %= rank
    if any(isinstance(v, Folded) for v in parts):
        return together(parts, lambda values: building.concat(values, axis + 1))
    if axis == 0:
        return folded(building.concat([lifted(v, rank) for v in parts], 1), "it joins along the batch")
    return building.concat([as_tensor(v) for v in parts], axis)


def gather(x: Any, axis: int, places: Array) -> Result:
    """Entries of one axis in a given order: x[:, [2, 0, 1]]. `places`: 1-D, negative ones count from the end."""
    if isinstance(x, Literal):
        return literal(taken(x.array, axis, places))
    dims = dims_of(x)
    axis %= len(dims)
    x = with_one_image(x, [axis])
    if not places.size or not all(-dims[axis] <= place < dims[axis] for place in places):
        raise Unsupported(f"its indices do not fit {dims[axis]} entries of axis {axis}")
    runs: list[list[int]] = []  # of neighbours, each of which is a slice
    every = [int(each_) % dims[axis] for each_ in places]
    for place_ in every:
        if runs and place_ == runs[-1][-1] + 1:
            runs[-1].append(place_)
        else:
            runs.append([place_])
    if len(runs) > MOST_RUNS:
        at = place(x, axis)
        return each(x, lambda value: building.take(value, at, every))
    return concat([slice_(x, [axis], [run[0]], [run[-1] + 1], [1]) for run in runs], axis)


def taken(values: Array, axis: int, indices: Array) -> Array:
    """NumPy's take of a constant, where the axis and every index are there."""
    if not -values.ndim <= axis < values.ndim or not np.issubdtype(indices.dtype, np.integer):
        raise Unsupported(f"it takes entries of axis {axis} of a constant of the shape {list(values.shape)}")
    size = values.shape[axis]
    if indices.size and not (-size <= indices.min() and indices.max() < size):
        raise Unsupported(f"its indices do not fit {size} entries of axis {axis}")
    return np.take(values, indices, axis)


def take(x: Any, axis: int, indices: Array) -> Result:
    """As NumPy's take: the sizes of `indices` stand in the place of the axis, which vanishes for a single index."""
    if isinstance(x, Literal):
        return literal(taken(x.array, axis, indices))
    dims = dims_of(x)
    axis %= len(dims)
    return reshape(gather(x, axis, indices.reshape(-1)), [*dims[:axis], *indices.shape, *dims[axis + 1 :]])


def embedding(table: Any, ids: ir.Value) -> Result:
    """Rows of a constant table [V, ...], by the integers of an input [1, ...]."""
    if not isinstance(table, Literal):
        raise Unsupported("its table is computed from the input; a constant table would work")
    if not table.array.ndim:
        raise Unsupported("its table is one number; [rows, columns] would work")
    check_finite(table.array, "table")
    rows, *dims = table.array.shape
    if len(dims) == 1:
        return building.embedding(ids, as_tensor(table))
    flat = as_tensor(reshaped(table, [rows, int(np.prod(dims))]))
    return building.reshape(building.embedding(ids, flat), [*shape(ids), *dims])


def is_ids(value: Any) -> bool:
    """Whether a value is an input of integers."""
    return isinstance(value, ir.Value) and is_integer(value)


def pad(x: Any, low: Sequence[int], high: Sequence[int], value: float) -> Result:
    dims = dims_of(x)
    if not isinstance(x, Folded) and (low[0] or high[0]):
        raise Unsupported("it pads the batch")
    if min(lo + n + hi for lo, n, hi in zip(low, dims, high, strict=True)) < 1:
        raise Unsupported(f"nothing of {dims} is left")
    front = [0] if isinstance(x, Folded) else []
    return each(x, lambda tensor: building.pad(tensor, [*front, *low], [*front, *high], value))
