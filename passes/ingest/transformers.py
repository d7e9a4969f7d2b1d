"""What both importers' operators of transformers mean in `qd`: norms, products of two computed tensors, softmax."""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest import families
from dyadic.passes.ingest.translation import Literal, Result, Unsupported, as_tensor, literal


def norm(kind: type[qd.Norm], x: ir.Value, weight: Array | None, bias: Array | None, epsilon: float) -> ir.Value:
    """A normalization over the last dimension; weight and bias have its size."""
    size = shape(x)[-1]
    if len(shape(x)) < 2:
        raise Unsupported("it normalizes over the batch")
    scale, shift = (_for_each(size, *each) for each in ((weight, 1, "scale"), (bias, 0, "shift")))
    return building.norm(kind, x, scale, shift, epsilon)


def _for_each(size: int, values: Array | None, default: float, what: str) -> Array:
    """[size] numbers: the given ones, or one for all."""
    given = np.full(size, default, np.float32) if values is None else families.check_finite(values, what)
    if given.size not in (1, size):
        raise Unsupported(f"its {what} has the shape {list(given.shape)}; [{size}] would work")
    return np.broadcast_to(given.reshape(-1), [size])


def layer_norm(
    kind: type[qd.Norm], x: ir.Value, dims: int, weight: Array | None, bias: Array | None, epsilon: float
) -> ir.Value:
    """A normalization over the last `dims` dimensions together, each of whose elements has a weight and bias."""
    before = shape(x)
    if not 0 < dims < len(before):
        raise Unsupported(f"it normalizes over {dims} dimensions of {before}, the batch as well")
    if dims == 1:
        return norm(kind, x, weight, bias, epsilon)
    rows = building.reshape(x, [*before[:-dims], int(np.prod(before[-dims:]))])
    scale, shift = (
        None if each is None else np.broadcast_to(each, before[-dims:]).reshape(-1) for each in (weight, bias)
    )
    return building.reshape(norm(kind, rows, scale, shift, epsilon), before)


def matmul(a: Any, b: Any) -> Result:
    """`a @ b`: a linear layer where b is a constant matrix, a product of two computed tensors elsewhere."""
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(a.array @ b.array)
    if isinstance(b, Literal) and b.array.ndim >= 2 and b.array.size == np.prod(b.array.shape[-2:]):
        matrix = b.array.reshape(b.array.shape[-2:])
        return families.linear(as_tensor(a), literal(np.ascontiguousarray(matrix.T)), None)
    left, right = as_tensor(a), as_tensor(b)
    if len(shape(left)) < 3 or len(shape(left)) != len(shape(right)) or shape(left)[:-2] != shape(right)[:-2]:
        raise Unsupported(f"the product of {shape(left)} and {shape(right)}, both computed, has no integer form")
    if shape(left)[-1] != shape(right)[-2]:
        raise Unsupported(f"the shapes {shape(left)} and {shape(right)} do not fit together")
    return building.matmul(left, right)


def softmax(x: ir.Value, axis: int) -> ir.Value:
    """Along one axis; it comes last."""
    rank = len(shape(x))
    axis %= rank
    if axis == 0:
        raise Unsupported("it is a softmax over the batch")
    if axis == rank - 1:
        return building.softmax(x, axis)
    order = [*(d for d in range(rank) if d != axis), axis]
    back = [order.index(d) for d in range(rank)]
    return building.transpose(building.softmax(building.transpose(x, order), rank - 1), back)
