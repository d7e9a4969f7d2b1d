"""What both importers' operators of transformers mean in `qd`: norms, products of two computed tensors, softmax."""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest import choices, families, masks
from dyadic.passes.ingest.folded import (
    axes_of,
    dims_of,
    each,
    expand,
    folded,
    lifted,
    place,
    repeated,
    reshape,
    reshaped,
    together,
    transpose,
    transposed,
)
from dyadic.passes.ingest.translation import Folded, Literal, Result, Unsupported, Valid, as_tensor, literal
from dyadic.passes.unsupported import OR_FIXED


def norm(kind: type[qd.Norm], x: Any, weight: Array | None, bias: Array | None, epsilon: float) -> Result:
    """A normalization over the last dimension; weight and bias have its size."""
    dims = dims_of(x)
    if len(dims) < 2 and not isinstance(x, Folded):
        raise Unsupported("it normalizes over the batch")
    if not (np.isfinite(epsilon) and epsilon >= 0):
        raise Unsupported(f"its epsilon is {epsilon:g}, which may leave a root of a number below 0; 1e-5 would work")
    scale, shift = (_for_each(dims[-1], *given) for given in ((weight, 1, "scale"), (bias, 0, "shift")))
    return each(x, lambda value: building.norm(kind, value, scale, shift, epsilon))


def _for_each(size: int, values: Array | None, default: float, what: str) -> Array:
    """[size] numbers: the given ones, or one for all."""
    given = np.full(size, default, np.float32) if values is None else families.check_finite(values, what)
    if given.size not in (1, size):
        raise Unsupported(f"its {what} has the shape {list(given.shape)}; [{size}] would work")
    return np.broadcast_to(given.reshape(-1), [size])


def layer_norm(
    kind: type[qd.Norm], x: Any, dims: int, weight: Array | None, bias: Array | None, epsilon: float
) -> Result:
    """A normalization over the last `dims` dimensions together, each of whose elements has a weight and bias."""
    before = dims_of(x)
    if not 0 < dims < len(before) + isinstance(x, Folded):
        raise Unsupported(f"it normalizes over {dims} dimensions of {before}, the batch as well")
    if dims == 1:
        return norm(kind, x, weight, bias, epsilon)
    rows = reshape(x, [*before[:-dims], int(np.prod(before[-dims:]))])
    try:
        scale, shift = (
            None if given is None else np.broadcast_to(given, before[-dims:]).reshape(-1) for given in (weight, bias)
        )
    except ValueError:
        raise Unsupported(f"its scale or bias does not fit rows of the shape {list(before[-dims:])}") from None
    return reshape(norm(kind, rows, scale, shift, epsilon), before)


def group_norm(x: Any, groups: int, weight: Array | None, bias: Array | None, epsilon: float) -> Result:
    """Each group of channels [N, C, ...] over its own size; each channel has a weight and bias.

    The rows of a `qd.layer_norm` are the groups, and a scale and shift of the channels follows.
    """
    dims = dims_of(x)
    if len(dims) < 2 or dims[1] % groups:
        raise Unsupported(f"its {groups} groups do not fit {dims}")
    rows = reshape(x, [dims[0], groups, int(np.prod(dims[1:])) // groups])
    normal = reshape(norm(qd.LayerNormOp, rows, None, None, epsilon), dims)
    if weight is None and bias is None:
        return normal
    scale, shift = (_for_each(dims[1], *given) for given in ((weight, 1, "scale"), (bias, 0, "shift")))
    return each(normal, lambda value: building.scale_shift(value, scale, shift, place(normal, 1)))


def matmul(a: Any, b: Any) -> Result:
    """`a @ b`: a linear layer where b is a constant matrix, a product of two computed tensors elsewhere."""
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(a.array @ b.array)
    left, right = dims_of(a), dims_of(b)
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2]:
        raise Unsupported(f"the product of {left} and {right} has no integer form")
    if isinstance(b, Literal) and b.array.size == np.prod(b.array.shape[-2:]):
        return families.linear(a, transposed(reshaped(b, b.array.shape[-2:]), [1, 0]), None)
    if isinstance(a, Literal) and a.array.size == np.prod(a.array.shape[-2:]):  # (b^T a^T)^T
        swapped = [*range(len(right) - 2), len(right) - 1, len(right) - 2]
        return transpose(families.linear(transpose(b, swapped), reshaped(a, a.array.shape[-2:]), None), swapped)
    rank = max(len(left), len(right))
    try:
        leading = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        raise Unsupported(f"the shapes {left} and {right} do not fit together") from None
    reasons = [v.reason for v in (a, b) if isinstance(v, Folded)]
    reason = reasons[0] if reasons else f"the product of {left} and {right} mixes the batch"
    if rank > 2 and leading[0] == 1 and not reasons:
        values = [as_tensor(reshape(v, [1] * (rank - len(dims_of(v))) + dims_of(v))) for v in (a, b)]
        return building.matmul(*(repeated(v, [*leading, *shape(v)[-2:]]) for v in values))
    values = [lifted(v, rank) for v in (a, b)]
    return folded(building.matmul(*(repeated(v, [1, *leading, *shape(v)[-2:]]) for v in values)), reason)


def log_softmax(x: Any, axis: int) -> Result:
    """Along any axis but the batch."""
    dims = len(dims_of(x))
    if axis % dims == 0 and not isinstance(x, Folded):
        raise Unsupported(f"it is a softmax over the batch; {OR_FIXED}")
    return each(x, lambda value: building.log_softmax(value, len(shape(value)) - dims + axis % dims))


def softmax(x: Any, axis: int) -> Result:
    """Along one axis; it comes last."""
    rank = len(dims_of(x))
    axis %= rank
    if axis == 0 and not isinstance(x, Folded):
        raise Unsupported(f"it is a softmax over the batch; {OR_FIXED}")
    if axis == rank - 1:
        return each(x, lambda value: building.softmax(value, len(shape(value)) - 1))
    order = [*(d for d in range(rank) if d != axis), axis]
    return transpose(softmax(transpose(x, order), rank - 1), [order.index(d) for d in range(rank)])


def attention(q: Any, k: Any, v: Any, mask: Any, scale: float | None, causal: bool = False) -> Result:
    """`softmax(q @ k^T * scale + mask) @ v`: q [..., M, D], k [..., N, D], v [..., N, E].

    `mask` is a constant, of numbers to add or of bools that say what is valid; computed from an input of integers, it
    is what `qd.attention` calls `valid`; computed from the other inputs, numbers to add; None: all.
    """
    scale = float(1 / np.sqrt(dims_of(q)[-1])) if scale is None else float(scale)
    rank = len(dims_of(q))
    if rank < 3 or len(dims_of(k)) != rank or len(dims_of(v)) != rank:
        raise Unsupported(f"attention of {dims_of(q)}, {dims_of(k)} and {dims_of(v)} needs a batch in each")
    if scale <= 0:
        raise Unsupported(f"its scale {scale} is not positive")
    bias = valid = None
    tokens = mask if isinstance(mask, Valid) else None
    if tokens is not None:
        if tokens.kind not in (*masks.ADDED, "boolean"):
            raise Unsupported(
                "its mask is not 0 for valid tokens and very negative for others, nor true for valid ones"
            )
        bias = masks.beside(tokens)
    elif isinstance(mask, Literal):
        if mask.array.dtype == np.bool_:
            valid = mask.array.astype(np.float32)
        else:
            bias = np.where(np.isneginf(mask.array), 0, mask.array)
            bias = None if not bias.any() else families.check_finite(bias, "mask")
            valid = None if not np.isneginf(mask.array).any() else 1 - np.isneginf(mask.array).astype(np.float32)
    elif mask is not None:
        return biased_attention(q, k, v, mask, scale, causal)
    if causal:
        lower = np.tril(np.ones([dims_of(q)[-2], dims_of(k)[-2]], np.float32))
        if tokens is not None:
            bias = np.where(lower != 0, 0.0, masks.LEFT_OUT) + (0 if bias is None else bias)
        else:
            valid = lower if valid is None else valid * lower

    def one(values: list[ir.Value]) -> ir.Value:
        leading = np.broadcast_shapes(*(shape(value)[:-2] for value in values))
        q, k, v = (repeated(value, [*leading, *shape(value)[-2:]]) for value in values)
        allowed = valid if tokens is None else tokens.operand(len(shape(q)))
        return building.attention(q, k, v, scale, bias, allowed)

    return together([q, k, v], one)


def biased_attention(q: Any, k: Any, v: Any, bias: Any, scale: float, causal: bool) -> Result:
    """Attention with numbers that are computed from q, or from anything, added to its scores: two products."""
    rank = len(dims_of(k))
    turned = transpose(k, [*range(rank - 2), rank - 1, rank - 2])
    scores = families.add(families.mul(matmul(q, turned), literal(np.asarray(scale))), bias)
    if causal:
        scores = masks.without(scores, np.tril(np.ones(dims_of(scores)[-2:], np.bool_)))
    return matmul(softmax(scores, rank - 1), v)


def reciprocal(x: Any) -> Result:
    return each(x, lambda value: building.unary(qd.ReciprocalOp, value))


def power(x: Any, exponent: Any) -> Result:
    """`x ** exponent`, one of which is a constant number; as what norms and GELU are made of where it can be."""
    if isinstance(x, Literal) and isinstance(exponent, Literal):
        return literal(x.array**exponent.array)
    if isinstance(x, Literal):  # exp(exponent * log(x))
        base = x.array.astype(np.float64)
        if (base <= 0).any():
            raise Unsupported("it raises a number that is not positive to computed powers")
        scaled = families.mul(exponent, literal(np.log(base)))
        return each(scaled, lambda value: building.unary(qd.ExpOp, value))
    if not isinstance(exponent, Literal) or not exponent.array.size or (exponent.array != exponent.array.flat[0]).any():
        raise Unsupported("its exponents differ from element to element; one number would work")
    n = float(exponent.array.flat[0])
    if n == 0:
        return expand(literal(np.ones([1] * len(dims_of(x)), np.float32)), dims_of(x))
    if n in (1, 2, 3):
        result = x
        for _ in range(int(n) - 1):
            result = families.elementwise(qd.MulOp, result, x)
        return result
    if abs(n) == 0.5:
        root = each(x, lambda value: building.unary(qd.SqrtOp, value))
        return root if n > 0 else reciprocal(root)
    if n == -1:
        return reciprocal(x)
    return each(x, lambda value: qd.PowerOp(x=value, exponent=building.f32(n), out=value.type).result)


def total(x: Any, axes: list[int] | None, keep: bool) -> Result:
    """The sum over some axes: as many times the mean; or over valid tokens, as part of their mean."""
    if isinstance(x, masks.LATER):
        return masks.total(x, axes or [], keep)
    dims = dims_of(x)
    count = int(np.prod([dims[axis] for axis in axes_of(x, axes)]))
    return families.mul(families.mean(x, axes, keep), literal(np.asarray(count, np.float64)))


def length(x: Any, axes: list[int], keep: bool) -> Result:
    """The Euclidean length along some axes: the root of a sum of squares."""
    squares = total(families.elementwise(qd.MulOp, x, x), axes, keep)
    return each(squares, lambda value: building.unary(qd.SqrtOp, value))


def variance(x: Any, axes: list[int] | None, correction: float, keep: bool) -> Result:
    """The mean of squares of what differs from the mean, times n / (n - correction)."""
    dims = dims_of(x)
    count = int(np.prod([dims[axis] for axis in axes_of(x, axes)]))
    distance = families.elementwise(qd.SubOp, x, families.mean(x, axes, True))
    squares = families.elementwise(qd.MulOp, distance, distance)
    return families.mul(
        families.mean(squares, axes, keep), literal(np.asarray(count / (count - correction), np.float64))
    )


def conv1d(
    x: Any, weight: Any, bias: Any, stride: int, low: int, dilation: int, groups: int, high: int | None = None
) -> Result:
    """A convolution along one dimension: [N, C, L] as an image of one row."""
    if not isinstance(weight, Literal):
        raise Unsupported("its weight is computed from the input; a constant weight would work")
    if len(dims_of(x)) != 3 or weight.array.ndim != 3:
        raise Unsupported(f"it reads {dims_of(x)}; [1, channels, length] would work")
    n, channels, length = dims_of(x)
    image = reshape(x, [n, channels, 1, length])
    outputs, inputs, kernel = weight.array.shape
    row = reshaped(weight, [outputs, inputs, 1, kernel])
    padding = [0, low, 0, low if high is None else high]
    result = families.conv2d(image, row, bias, [1, stride], padding, [1, dilation], groups)
    _, made, _, steps = dims_of(result)
    return reshape(result, [n, made, steps])


def where(condition: Any, a: Any, b: Any) -> Result:
    """`a` where the condition holds, else `b`: with minus infinity on one side, a mask of scores; never or always, one
    of them."""
    if isinstance(condition, masks.LATER):
        return masks.where(condition, a, b)
    if not isinstance(condition, Literal):
        return choices.choose(condition, a, b)
    holds = condition.array.astype(bool)
    if not holds.any():
        return folded_like(b, a, holds)
    if holds.all():
        return folded_like(a, b, holds)
    for kept, other, valid in ((a, b, holds), (b, a, ~holds)):
        if isinstance(other, Literal) and other.array.size == 1 and not isinstance(kept, Literal):
            number = other.array.item()
            if number <= masks.VERY_NEGATIVE:
                return masks.without(kept, valid)
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(np.where(holds, a.array, b.array))
    return choices.choose(literal(holds.astype(np.float32)), a, b)


def folded_like(x: Any, other: Any, condition: Array) -> Result:
    """`x` in the shape that all three of a choice make together."""
    return expand(x, np.broadcast_shapes(dims_of(x), dims_of(other), condition.shape))


def never(x: Any) -> Result:
    """What is asked of NaN: no number of a network is one here."""
    return literal(np.broadcast_to(np.zeros([], np.bool_), dims_of(x)))
