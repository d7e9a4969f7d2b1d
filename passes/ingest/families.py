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
from dyadic.passes.ingest import lengths, masks
from dyadic.passes.ingest.translation import Literal, Result, Unsupported, as_tensor, literal

MOST_RUNS = 64  # of neighbours that a selection of entries may consist of


def check_finite(values: Array, what: str) -> Array:
    """`values`, unless some are NaN or infinite: no range would cover them."""
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


def affine(x: ir.Value, scale: Any, shift: Any) -> ir.Value | None:
    """`x * scale + shift` as one `qd.scale_shift`, or None where a constant varies along more than one axis."""
    scale, shift = np.broadcast_arrays(np.asarray(scale, np.float64), np.asarray(shift, np.float64))
    scales, shifts = per_channel(x, scale), per_channel(x, shift)
    if scales is None or shifts is None:
        return None
    return building.scale_shift(x, scales[0], shifts[0], scales[1])


def elementwise(kind: type[Any], a: Any, b: Any) -> ir.Value:
    """Two tensors with broadcasting, which must leave the batch alone."""
    left, right = as_tensor(a), as_tensor(b)
    try:
        dims = np.broadcast_shapes(shape(left), shape(right))
    except ValueError:
        raise Unsupported(f"the shapes {shape(left)} and {shape(right)} do not fit together") from None
    if dims[:1] != (1,) or any(len(shape(v)) < len(dims) for v in (a, b) if isinstance(v, ir.Value)):
        raise Unsupported(f"broadcasting {shape(left)} with {shape(right)} would mix the batch into other dimensions")
    return building.elementwise(kind, left, right)


def add(a: Any, b: Any) -> Result:
    if isinstance(a, masks.LATER) or isinstance(b, masks.LATER):
        return masks.add(a, b)
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(a.array + b.array)
    if isinstance(a, Literal):
        return add(b, a)
    if isinstance(b, Literal):
        return affine(a, 1, check_finite(b.array, "constant")) or elementwise(qd.AddOp, a, b)
    return elementwise(qd.AddOp, a, b)


def sub(a: Any, b: Any) -> Result:
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(a.array - b.array)
    if isinstance(b, Literal):
        return affine(as_tensor(a), 1, -check_finite(b.array, "constant").astype(np.float64)) or elementwise(
            qd.SubOp, a, b
        )
    if isinstance(a, Literal):
        return affine(b, -1, check_finite(a.array, "constant")) or elementwise(qd.SubOp, a, b)
    return elementwise(qd.SubOp, a, b)


def mul(a: Any, b: Any) -> Result:
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
    if isinstance(a, masks.LATER) or isinstance(b, masks.LATER):
        return masks.div(a, b)
    if isinstance(b, lengths.Length):
        return lengths.over_length(a, b)
    if not isinstance(b, Literal):
        raise Unsupported("a division by something computed has no integer form; multiply instead")
    divisor = check_finite(b.array, "constant").astype(np.float64)
    if not divisor.all():
        raise Unsupported("it divides by zero")
    return (
        literal((a.array / divisor).astype(a.array.dtype)) if isinstance(a, Literal) else mul(a, literal(1 / divisor))
    )


def batch_norm(x: ir.Value, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float) -> ir.Value:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, in float64, as one scale and shift a channel."""
    for values, what in ((gamma, "scale"), (beta, "shift"), (mean, "mean"), (variance, "variance")):
        check_finite(values, what)
        if len(shape(x)) < 2 or values.shape != (shape(x)[1],):
            raise Unsupported(f"its {what} has the shape {list(values.shape)}, which does not fit {shape(x)}")
    spread = variance.astype(np.float64) + epsilon
    if (spread <= 0).any():
        if (variance < 0).any():
            raise Unsupported("its variance is negative; statistics of a trained network are not")
        raise Unsupported("its variance and its epsilon are 0, which divides by zero; a positive epsilon would work")
    scale = gamma / np.sqrt(spread)
    return building.scale_shift(x, scale, beta - mean * scale, axis=1)


def conv2d(
    x: ir.Value,
    weight: Any,
    bias: Any,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> ir.Value:
    """A convolution with constant weights; `padding` is [top, left, bottom, right]."""
    weights = layer_constant(weight, "weight")
    if len(shape(x)) != 4 or len(shape(weights)) != 4:
        raise Unsupported(f"only 2-D convolutions are supported, this one reads {shape(x)}")
    if min(padding) < 0:
        raise Unsupported(f"its padding {list(padding)} crops")
    outputs, channels = shape(weights)[:2]
    if shape(x)[1] != channels * groups or outputs % groups:
        raise Unsupported(f"its weight {shape(weights)} in {groups} groups does not fit {shape(x)[1]} channels")
    reach = [dilation[d] * (shape(weights)[2 + d] - 1) + 1 for d in range(2)]
    if any(reach[d] > shape(x)[2 + d] + padding[d] + padding[d + 2] for d in range(2)):
        raise Unsupported(f"its window {reach} does not fit into {shape(x)} padded by {list(padding)}")
    biases = bias_of(bias, outputs)
    return building.conv2d(x, weights, biases, strides, padding, dilation, groups)


def linear(x: ir.Value, weight: Any, bias: Any) -> ir.Value:
    """`x @ weight^T + bias` with constants."""
    weights = layer_constant(weight, "weight")
    if len(shape(weights)) != 2 or len(shape(x)) < 2 or shape(x)[-1] != shape(weights)[1]:
        raise Unsupported(f"it multiplies {shape(x)} by {shape(weights)}; a matrix [in, out] would work")
    return building.linear(x, weights, bias_of(bias, shape(weights)[0]))


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


def mean(x: ir.Value, axes: Sequence[int] | None, keep: bool) -> ir.Value:
    """The mean over some axes, none of them the batch."""
    rank = len(shape(x))
    places = sorted({axis % rank for axis in axes}) if axes is not None else []
    if not places or places[0] == 0:
        raise Unsupported("it averages over the batch; give the axes without 0")
    return building.reduce_mean(x, places, keep)


def clamp(x: Any, low: float, high: float) -> Result:
    if math.isnan(low) or math.isnan(high):
        raise Unsupported("a bound is NaN")
    if isinstance(x, lengths.Length) and math.isinf(high):
        return lengths.at_least(x, low)
    return building.clamp(as_tensor(x), min(low, high), high)


def reshape(x: Any, dims: Sequence[int]) -> Result:
    """`dims` may hold one -1. Dimension 0 has to stay the batch."""
    if isinstance(x, Literal):
        return literal(x.array.reshape(dims))
    count, known = math.prod(shape(x)), math.prod(d for d in dims if d != -1)
    if -1 in dims:
        dims = [count // max(known, 1) if d == -1 else d for d in dims]
    if math.prod(dims) != count:
        raise Unsupported(f"{shape(x)} cannot become {list(dims)} for a batch of 1")
    if not dims or dims[0] != 1:
        raise Unsupported(f"{shape(x)} to {list(dims)} mixes the batch into other dimensions")
    return building.reshape(x, dims)


def transpose(x: Any, permutation: Sequence[int]) -> Result:
    if isinstance(x, Literal):
        return literal(np.transpose(x.array, permutation))
    order = [d % len(permutation) for d in permutation]
    if order[0] != 0:
        raise Unsupported(f"the permutation {order} moves the batch; it must stay first")
    return building.transpose(x, order)


def slice_(x: Any, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]) -> Result:
    """Python's slicing along some axes."""
    dims = list(x.array.shape) if isinstance(x, Literal) else shape(x)
    ranges = [slice(None)] * len(dims)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step < 1:
            raise Unsupported(f"its step {step} along axis {axis} runs backwards")
        ranges[axis % len(dims)] = slice(start, end, step)
    if isinstance(x, Literal):
        return literal(x.array[tuple(ranges)])
    bounds = [r.indices(n) for r, n in zip(ranges, dims, strict=True)]
    sizes = [len(range(*b)) for b in bounds]
    if sizes[0] != dims[0]:
        raise Unsupported("it slices the batch")
    if 0 in sizes:
        raise Unsupported(f"nothing of {dims} is left")
    return building.slice_(x, [b[0] for b in bounds], [b[2] for b in bounds], sizes)


def split(x: Any, axis: int, sizes: Sequence[int]) -> list[Result]:
    """Consecutive slices along an axis. A part of size 0 is an empty constant, which a concat drops."""
    dims = list(x.array.shape) if isinstance(x, Literal) else shape(x)
    if min(sizes, default=-1) < 0 or sum(sizes) != dims[axis]:
        raise Unsupported(f"its parts of {list(sizes)} do not fit axis {axis} of {dims}")
    empty = literal(np.zeros([0 if d == axis % len(dims) else n for d, n in enumerate(dims)], np.float32))
    ends = np.cumsum(sizes).tolist()
    return [
        slice_(x, [axis], [end - size], [end], [1]) if size else empty for end, size in zip(ends, sizes, strict=True)
    ]


def concat(inputs: Sequence[Any], axis: int) -> Result:
    if all(isinstance(v, Literal) for v in inputs):
        return literal(np.concatenate([v.array for v in inputs], axis))
    tensors = [as_tensor(v) for v in inputs if not (isinstance(v, Literal) and v.array.size == 0)]
    axis %= len(shape(tensors[0]))
    if axis == 0:
        raise Unsupported("it joins along the batch")
    return building.concat(tensors, axis)


def gather(x: Any, axis: int, places: Array) -> Result:
    """Entries of one axis in a given order: x[:, [2, 0, 1]]. `places`: 1-D, negative ones count from the end."""
    if isinstance(x, Literal):
        return literal(np.take(x.array, places, axis))
    dims = shape(x)
    axis %= len(dims)
    if axis == 0:
        raise Unsupported("it takes images out of the batch")
    if not places.size or not all(-dims[axis] <= place < dims[axis] for place in places):
        raise Unsupported(f"its indices do not fit {dims[axis]} entries of axis {axis}")
    runs: list[list[int]] = []  # of neighbours, each of which is a slice
    for place in (int(place) % dims[axis] for place in places):
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    if len(runs) > MOST_RUNS:
        raise Unsupported(f"its indices jump {len(runs)} times; up to {MOST_RUNS} runs of neighbours are supported")
    return building.concat([slice_(x, [axis], [run[0]], [run[-1] + 1], [1]) for run in runs], axis)


def take(x: Any, axis: int, indices: Array) -> Result:
    """As NumPy's take: the sizes of `indices` stand in the place of the axis, which vanishes for a single index."""
    if isinstance(x, Literal):
        return literal(np.take(x.array, indices, axis))
    dims = shape(x)
    axis %= len(dims)
    return reshape(gather(x, axis, indices.reshape(-1)), [*dims[:axis], *indices.shape, *dims[axis + 1 :]])


def embedding(table: Any, ids: ir.Value) -> Result:
    """Rows of a constant table [V, n], by the integers of an input [1, ...]."""
    if not isinstance(table, Literal):
        raise Unsupported("its table is computed from the input; a constant table would work")
    if table.array.ndim != 2:
        raise Unsupported(f"its table has the shape {list(table.array.shape)}; [rows, columns] would work")
    check_finite(table.array, "table")
    return building.embedding(ids, as_tensor(table))


def is_ids(value: Any) -> bool:
    """Whether a value is an input of integers."""
    return isinstance(value, ir.Value) and is_integer(value)


def einsum(equation: str, operands: Sequence[Any]) -> Result:
    """A tensor by a constant: "bchw,oc->bohw". What both have and the result lacks is summed over."""
    terms, arrow, out = equation.replace(" ", "").partition("->")
    labels = terms.split(",")
    if all(isinstance(each, Literal) for each in operands):
        return literal(np.einsum(equation, *(each.array for each in operands)))
    tensors = [i for i, each in enumerate(operands) if isinstance(each, ir.Value)]
    if len(operands) != 2 or len(labels) != 2 or len(tensors) != 1 or not arrow or "." in equation:
        raise Unsupported(f"only a tensor by a constant, as in bci,oi->bco, is supported, not {equation}")
    x, weight = operands[tensors[0]], operands[1 - tensors[0]].array
    mine, its = labels[tensors[0]], labels[1 - tensors[0]]
    if any(len(set(term)) < len(term) for term in (mine, its, out)) or (len(mine), len(its)) != (
        len(shape(x)),
        weight.ndim,
    ):
        raise Unsupported(f"{equation} does not fit {shape(x)} and {list(weight.shape)}")
    summed = [label for label in mine if label in its and label not in out]
    kept, new = [label for label in mine if label in out], [label for label in its if label in out]
    if not summed or set(mine) != {*summed, *kept} or set(kept) & set(new) or set(out) != {*kept, *new}:
        raise Unsupported(f"{equation} is no product with a matrix")
    if mine[0] in summed or out[0] != mine[0]:
        raise Unsupported(f"{equation} moves the batch; it must stay first")
    sizes = dict(zip(mine, shape(x), strict=True)) | dict(zip(its, weight.shape, strict=True))
    depth, outputs = math.prod(sizes[d] for d in summed), math.prod(sizes[d] for d in new)
    matrix = np.einsum(f"{its}->{''.join(new + summed)}", weight).reshape(outputs, depth)
    rows = transpose(x, [mine.index(d) for d in kept + summed])
    rows = reshape(rows, [*(sizes[d] for d in kept), depth])
    product = linear(rows, literal(np.ascontiguousarray(matrix)), None)
    product = reshape(product, [sizes[d] for d in kept + new])
    return transpose(product, [(kept + new).index(d) for d in out])


def pad(x: ir.Value, low: Sequence[int], high: Sequence[int], value: float) -> ir.Value:
    if low[0] or high[0]:
        raise Unsupported("it pads the batch")
    if min(lo + n + hi for lo, n, hi in zip(low, shape(x), high, strict=True)) < 1:
        raise Unsupported(f"nothing of {shape(x)} is left")
    return building.pad(x, low, high, value)
