"""What takes, repeats and puts entries of tensors at places that are known now.

Any such operator is a function of places: NumPy does it to the numbers of the places, and what it gives says where each
element of the result comes from.

    function(x)    -->  reshape(take(reshape(x, [1, n]), function(places of x)))
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dyadic.passes.building import Array
from dyadic.passes.ingest import families, folded
from dyadic.passes.ingest.choices import real
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.relative_places import relative
from dyadic.passes.ingest.translation import Folded, Literal, Result, Unsupported, literal


def rearranged(x: Any, function: Callable[[Array], Array]) -> Result:
    """`function` of a tensor, given as what it does to any array; it may take entries in any order, and repeat them."""
    if isinstance(x, Literal):
        return literal(function(x.array))
    dims = dims_of(x)
    places = function(np.arange(int(np.prod(dims))).reshape(dims))
    if not places.size:
        return literal(np.zeros(places.shape, np.float32))
    flat = folded.reshape(x, [1, int(np.prod(dims))])
    return folded.reshape(families.gather(flat, 1, places.reshape(-1)), list(places.shape))


def put(x: Any, updates: Any, function: Callable[[Array, Array], Array]) -> Result:
    """`function` of two tensors that takes entries of either, as a scatter does."""
    x, updates = real(x), real(updates)
    if isinstance(x, Literal) and isinstance(updates, Literal):
        return literal(function(x.array.copy(), updates.array))
    dims, others = dims_of(x), dims_of(updates)
    count, more = int(np.prod(dims)), int(np.prod(others))
    if not more:
        return x
    places = function(np.arange(count).reshape(dims), (count + np.arange(more)).reshape(others))
    both = families.concat([folded.reshape(x, [1, count]), folded.reshape(updates, [1, more])], 1)
    return folded.reshape(families.gather(both, 1, places.reshape(-1)), list(places.shape))


def tile(x: Any, times: Sequence[int]) -> Result:
    """As many copies as asked for along each dimension, one after the other."""
    if isinstance(x, Literal):
        return literal(np.tile(x.array, times))
    dims = [1] * (len(times) - len(dims_of(x))) + dims_of(x)
    times = [1] * (len(dims) - len(times)) + list(times)
    if 0 in times:
        return literal(np.zeros([n * t for n, t in zip(dims, times, strict=True)], np.float32))
    apart = [size for n, t in zip(dims, times, strict=True) for size in ((1, n) if t != 1 else (n,))]
    wanted = [size for n, t in zip(dims, times, strict=True) for size in ((t, n) if t != 1 else (n,))]
    copies = folded.expand(folded.reshape(x, apart), wanted)
    return folded.reshape(copies, [n * t for n, t in zip(dims, times, strict=True)])


def gather_elements(x: Any, axis: int, indices: Array) -> Result:
    """As NumPy's take_along_axis, of as many rows as there are indices."""
    dims = dims_of(x)
    axis = _axis(indices, axis, len(dims))
    _check(indices, dims[axis], axis)
    if axis == len(dims) - 1 and indices.size and (found := relative(x, indices % dims[axis])) is not None:
        return found
    rest = tuple(slice(None) if d == axis else slice(n) for d, n in enumerate(indices.shape))
    return rearranged(x, lambda array: np.take_along_axis(array[rest], indices % dims[axis], axis))


def gather_nd(x: Any, indices: Array, batch_dims: int) -> Result:
    """Each row of `indices` names an entry, or a slice where it is shorter than x."""
    if batch_dims:
        raise Unsupported(f"its batch_dims are {batch_dims}; 0 would work")
    _check_rows(indices, dims_of(x))
    return rearranged(x, lambda array: array[tuple(np.moveaxis(indices, -1, 0))])


def scatter_elements(x: Any, axis: int, indices: Array, updates: Any) -> Result:
    """x with `updates` at `indices` along one axis."""
    dims = dims_of(x)
    axis = _axis(indices, axis, len(dims))
    _check(indices, dims[axis], axis)

    def function(array: Any, others: Array) -> Array:
        every: list[Any] = list(np.indices(indices.shape))
        every[axis] = indices % dims[axis]
        array[tuple(every)] = others
        return array

    return put(x, updates, function)


def scatter_nd(x: Any, indices: Array, updates: Any) -> Result:
    """x with `updates` where the rows of `indices` say."""
    _check_rows(indices, dims_of(x))

    def function(array: Any, others: Array) -> Array:
        array[tuple(np.moveaxis(indices, -1, 0))] = others
        return array

    return put(x, updates, function)


def _axis(indices: Array, axis: int, rank: int) -> int:
    """The axis along which indices, one for each entry, lead."""
    if indices.ndim != rank or not -rank <= axis < rank:
        raise Unsupported(f"its indices {list(indices.shape)} along the axis {axis} do not fit {rank} dimensions")
    return axis % rank


def _check_rows(indices: Array, dims: Sequence[int]) -> None:
    """Each row of the indices is the beginning of a place."""
    if not indices.ndim or indices.shape[-1] > len(dims):
        raise Unsupported(f"its indices {list(indices.shape)} name no places of {list(dims)}")
    for d in range(indices.shape[-1]):
        _check(indices[..., d], dims[d], d)


def _check(indices: Array, size: int, axis: int) -> None:
    if not np.issubdtype(indices.dtype, np.integer) or (indices >= size).any() or (indices < -size).any():
        raise Unsupported(f"its indices do not fit {size} entries of axis {axis}")


def running_sum(x: Any, axis: int, *, exclusive: bool = False, reverse: bool = False) -> Result:
    """The sum of all entries up to each along an axis: a product with a triangle of ones."""
    if isinstance(x, Literal):
        raise Unsupported("it sums a constant, which has not been computed")
    dims = dims_of(x)
    axis %= len(dims)
    if axis == 0 and not isinstance(x, Folded):
        raise Unsupported("it sums over the batch")
    triangle = np.tril(np.ones([dims[axis], dims[axis]], np.float32), -1 if exclusive else 0)
    weight = literal(np.ascontiguousarray(triangle.T if reverse else triangle))
    order = [*(d for d in range(len(dims)) if d != axis), axis]
    rows = x if axis == len(dims) - 1 else folded.transpose(x, order)
    sums = families.linear(rows, weight, None)
    return sums if axis == len(dims) - 1 else folded.transpose(sums, [order.index(d) for d in range(len(dims))])


def triangle(x: Any, diagonal: int, *, upper: bool) -> Result:
    """The matrix above or below a diagonal, 0 elsewhere."""
    keep = (np.triu if upper else np.tril)(np.ones(dims_of(x)[-2:], np.float32), diagonal)
    if isinstance(x, Literal):
        return literal(x.array * keep.astype(x.array.dtype))
    if len(dims_of(x)) < 3 and not isinstance(x, Folded):
        raise Unsupported("its rows are images; a batch in front of its matrix would work")
    return families.mul(x, literal(keep))
