"""Pooling over one, two or three dimensions, and largest and mean entries of parts of any size.

Rows [N,C,L] are images of one row. Volumes [N,C,D,H,W] are pooled over H and W, then over D: the largest of the largest
is exact, a mean of means is rounded twice.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest import families, resizing
from dyadic.passes.ingest.folded import axes_of, dims_of, each, place, reshape, with_one_image
from dyadic.passes.ingest.translation import Folded, Result, Unsupported, as_tensor


def pool(
    x: Any,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool,
    counted: bool | None,
) -> Result:
    """The largest entry of each window, or the mean where `counted` says whether padding counts.

    padding: before each dimension, then behind.
    """
    dims, rank = dims_of(x), len(kernel)
    if len(dims) != rank + 2 or rank not in (1, 2, 3):
        raise Unsupported(f"its window {list(kernel)} does not fit {dims}; [1, channels, ...] would work")
    low, high = list(padding[:rank]), list(padding[rank:])
    if rank == 1:
        image = reshape(x, [*dims[:2], 1, dims[2]])
        made = pool(
            image, [1, *kernel], [1, *strides], [0, *low, 0, *high], [1, *dilation], ceil, counted
        )  # fmt: skip
        return reshape(made, [*dims_of(made)[:2], dims_of(made)[3]])
    if rank == 2:
        return _image(as_tensor(x), kernel, strides, padding, dilation, ceil, counted)
    if counted is False and (any(padding) or ceil):
        raise Unsupported("its windows have different numbers of cells; count_include_pad=1 would work")
    flat = reshape(x, [dims[0], dims[1] * dims[2], *dims[3:]])
    flat = pool(flat, kernel[1:], strides[1:], [*low[1:], *high[1:]], dilation[1:], ceil, counted)
    *_, rows, columns = dims_of(flat)
    deep = reshape(flat, [dims[0], dims[1], dims[2], rows * columns])
    deep = pool(deep, [kernel[0], 1], [strides[0], 1], [low[0], 0, high[0], 0], [dilation[0], 1], ceil, counted)
    return reshape(deep, [dims[0], dims[1], dims_of(deep)[2], rows, columns])


def _image(
    x: Any,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool,
    counted: bool | None,
) -> Result:
    if counted is not None and list(dilation) != [1, 1]:
        raise Unsupported("average pooling with dilation is not supported")
    size = families.pool_size(x, kernel, strides, padding, dilation, ceil)
    inside = families.covering(x, kernel, padding, dilation)
    if counted is None:
        return building.max_pool(x, inside, strides, padding, dilation, size)
    return building.avg_pool(x, inside, strides, padding, counted, size)


def largest(x: Any, axes: Sequence[int], keep: bool) -> Result:
    """The largest entry along some axes, all where none are given."""
    dims = dims_of(x)
    axes = axes_of(x, axes)
    x = with_one_image(x, axes)
    places = sorted({place(x, axis) for axis in axes})
    if all(dims[axis] == 1 for axis in axes):
        return x if keep else reshape(x, [n for d, n in enumerate(dims) if d not in {a % len(dims) for a in axes}])
    return each(x, lambda value: building.reduction(qd.ReduceMaxOp, value, places, keep))


def smallest(x: Any, axes: Sequence[int], keep: bool) -> Result:
    """`-max(-x)`, which has the same steps."""
    minus = resizing.literal(np.asarray(-1.0))
    return families.mul(largest(families.mul(x, minus), axes, keep), minus)


def adaptive(x: Any, wanted: Sequence[int | None], *, largest_of: bool) -> Result:
    """As many parts along the last dimensions as are wanted: equal ones are windows, means of others a matrix."""
    dims = dims_of(x)
    rank = len(wanted)
    size = dims[-rank:]
    out = [n if o is None else o for n, o in zip(size, wanted, strict=True)]
    if out == [1] * rank and not largest_of:
        return families.mean(x, list(range(len(dims) - rank, len(dims))), True)
    if all(n % o == 0 for n, o in zip(size, out, strict=True)):
        kernel = [n // o for n, o in zip(size, out, strict=True)]
        ones = [1] * rank
        return pool(x, kernel, kernel, [0] * 2 * rank, ones, False, None if largest_of else False)
    if largest_of or isinstance(x, Folded):
        raise Unsupported(f"{size} does not divide evenly into {out}")
    axes = range(len(dims) - rank, len(dims))
    return resizing.weighted(
        x, {d: _parts(n, o) for d, n, o in zip(axes, size, out, strict=True) if n != o}
    )  # fmt: skip


def _parts(size: int, count: int) -> resizing.Reals:
    """[count, size]: the mean of entries `i * size / count` rounded down to `(i + 1) * size / count` rounded up."""
    matrix = np.zeros((count, size))
    for i in range(count):
        start, end = i * size // count, -(-(i + 1) * size // count)
        matrix[i, start:end] = 1 / (end - start)
    return matrix


def local_response(x: Any, size: int, alpha: float, beta: float, bias: float) -> tuple[Any, Any]:
    """(bias + alpha / size * sum of squares of `size` neighbouring channels, -beta): what x is multiplied by the power
    of. The sum is a convolution of one pixel whose weights are all equal."""
    image = as_tensor(x)
    if len(shape(image)) != 4:
        raise Unsupported(f"it reads {shape(image)}; an image would work")
    channels = shape(image)[1]
    numbers = np.arange(channels)
    before, behind = (size - 1) // 2, size - 1 - (size - 1) // 2
    distance = numbers[None, :] - numbers[:, None]
    near = (distance >= -before) & (distance <= behind)
    weight = (near * (alpha / size)).astype(np.float32)[:, :, None, None]
    squares = building.elementwise(qd.MulOp, image, image)
    constants = (building.constant(weight), building.constant(np.full(channels, bias, np.float32)))
    return building.conv2d(squares, *constants, [1, 1], [0] * 4, [1, 1], 1), -beta
