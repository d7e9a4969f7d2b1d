"""The operators of `torch.aten`, their arguments in the order of their schemas."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest import aten_spatial, einsums, families, folded, resizing, transformers
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.translation import (
    Literal,
    Node,
    Result,
    Unsupported,
    literal,
)


def pair(values: Sequence[int] | None, default: Sequence[int]) -> list[int]:
    """[height, width] of an argument that may be one number, two, or left out."""
    values = list(values or default)
    return values * 2 if len(values) == 1 else values


def four(padding: Sequence[int]) -> list[int]:
    """[top, left, bottom, right] of torch's symmetric padding."""
    return [*pair(padding, [0, 0]), *pair(padding, [0, 0])]


@aten("conv2d")
def conv2d(node: Node) -> Result:
    x, weight, bias, strides, padding, dilation, groups = node.arguments
    return families.conv2d(x, weight, bias, pair(strides, [1]), four(padding), pair(dilation, [1]), groups)


@aten("conv2d.padding")
def conv2d_padding(node: Node) -> Result:
    """Padding given as a word: "same" puts the odd cell at the end."""
    x, weight, bias, strides, word, dilation, groups = node.arguments
    if not isinstance(weight, Literal):
        raise Unsupported("its weight is computed from the input; a constant weight would work")
    dilation = pair(dilation, [1])
    total = [dilation[d] * (weight.array.shape[2 + d] - 1) if word == "same" else 0 for d in range(2)]
    padding = [total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2]
    return families.conv2d(x, weight, bias, pair(strides, [1]), padding, dilation, groups)


@aten("convolution")
def convolution(node: Node) -> Result:
    x, weight, bias, strides, padding, dilation, transposed, extra, groups = node.arguments
    if transposed:
        return aten_spatial.transposed(x, weight, bias, strides, padding, dilation, groups, extra)
    return families.conv2d(x, weight, bias, pair(strides, [1]), four(padding), pair(dilation, [1]), groups)


@aten("linear")
def linear(node: Node) -> Result:
    return families.linear(node.argument(0), node.argument(1), node.argument(2))


@aten("addmm")
def addmm(node: Node) -> Result:
    """`beta * bias + alpha * x @ weight`."""
    weight = node.array(2, "second factor").T * np.float64(node.argument(4))
    bias = node.array(0, "addend") * np.float64(node.argument(3))
    outputs = weight.shape[0]
    if bias.size not in (1, outputs):
        raise Unsupported(f"its addend has the shape {list(bias.shape)}; [{outputs}] would work")
    bias = np.broadcast_to(bias.reshape(-1), [outputs])
    return families.linear(node.argument(1), literal(weight), literal(bias))


@aten("matmul", "mm", "bmm")
def matmul(node: Node) -> Result:
    return transformers.matmul(node.argument(0), node.argument(1))


@aten("_native_batch_norm_legit_no_training", "batch_norm")
def batch_norm(node: Node) -> Result:
    """`batch_norm` in evaluation mode, and what functionalization makes of it (a triple, of which the first counts)."""
    x, gamma, beta, mean, variance, *rest = node.arguments
    if mean is None or variance is None or (len(rest) == 4 and rest[0]):
        raise Unsupported("it has no running statistics; only batch norms that track them are supported")
    channels = dims_of(x)[1]
    scale = np.ones(channels) if gamma is None else node.array(1, "weight")
    shift = np.zeros(channels) if beta is None else node.array(2, "bias")
    epsilon = rest[2] if len(rest) == 4 else rest[1]
    mean, variance = node.array(3, "mean"), node.array(4, "variance")
    return families.batch_norm(x, scale, shift, mean, variance, epsilon)


@aten("mean.dim")
def mean_dim(node: Node) -> Result:
    return families.mean(node.argument(0), node.argument(1), bool(node.argument(2)))


def number(value: Any) -> Any:
    """A Python number as a literal, so that arithmetic sees tensors and constants only."""
    return literal(np.asarray(value, np.float64)) if isinstance(value, int | float) else value


def scaled(value: Any, alpha: Any) -> Any:
    """`alpha * value`, the second operand of add and sub."""
    return value if alpha in (None, 1) else families.mul(number(value), literal(np.asarray(alpha, np.float64)))


@aten("add")
def add(node: Node) -> Result:
    return families.add(node.argument(0), number(scaled(node.argument(1), node.argument(2))))


@aten("sub")
def sub(node: Node) -> Result:
    return families.sub(node.argument(0), number(scaled(node.argument(1), node.argument(2))))


@aten("rsub")
def rsub(node: Node) -> Result:
    return families.sub(number(node.argument(1)), scaled(node.argument(0), node.argument(2)))


@aten("mul", "multiply")
def mul(node: Node) -> Result:
    return families.mul(node.argument(0), number(node.argument(1)))


@aten("addcmul")
def addcmul(node: Node) -> Result:
    """`added + value * a * b`."""
    added, a, b, value = (node.argument(i) for i in range(4))
    return families.add(added, scaled(families.mul(a, b), value))


@aten("div")
def div(node: Node) -> Result:
    if node.argument(2) is not None:
        raise Unsupported(f"division rounded by {node.argument(2)} is not supported")
    return families.div(node.argument(0), number(node.argument(1)))


@aten("neg")
def neg(node: Node) -> Result:
    return families.mul(node.argument(0), number(-1))


@aten("relu")
def relu(node: Node) -> Result:
    return families.clamp(node.argument(0), 0, math.inf)


@aten("relu6")
def relu6(node: Node) -> Result:
    return families.clamp(node.argument(0), 0, 6)


@aten("silu")
def silu(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.SiluOp, x))


@aten("hardsigmoid")
def hardsigmoid(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.hard_sigmoid(x, 1 / 6, 0.5))


@aten("leaky_relu")
def leaky_relu(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.leaky_relu(x, node.argument(1)))


@aten("alias", "clone", "contiguous", "detach", "lift_fresh_copy")
def identity(node: Node) -> Result:
    return node.argument(0)


@aten("dropout")
def dropout(node: Node) -> Result:
    if node.argument(2):
        raise Unsupported("it is in training mode")
    return node.argument(0)


@aten("expand", "expand_as")
def expand(node: Node) -> Result:
    x, target = node.argument(0), node.argument(1)
    target = target if isinstance(target, list) else dims_of(target)
    own = [1] * (len(target) - len(dims_of(x))) + dims_of(x)
    return folded.expand(x, [n if d == -1 else d for n, d in zip(own, target, strict=True)])


@aten("cat")
def cat(node: Node) -> Result:
    return families.concat(node.argument(0), node.argument(1))


@aten("chunk")
def chunk(node: Node) -> Result:
    """As many equal parts as asked for, the last one may be smaller."""
    x, count, axis = node.arguments
    return parts(x, -(-dims_of(x)[axis] // count), axis)


@aten("split", "split_with_sizes")
def split(node: Node) -> Result:
    x, size, axis = node.arguments
    return families.split(x, axis, size) if isinstance(size, list) else parts(x, size, axis)


def parts(x: Any, size: int, axis: int) -> list[Result]:
    total = dims_of(x)[axis]
    return families.split(x, axis, [min(size, total - start) for start in range(0, total, size)])


@aten("slice")
def slice_(node: Node) -> Result:
    x, axis, start, end, step = node.arguments
    last = dims_of(x)[axis]
    return families.slice_(x, [axis], [start or 0], [last if end is None else end], [step])


@aten("narrow")
def narrow(node: Node) -> Result:
    x, axis, start, length = node.arguments
    return families.slice_(x, [axis], [start], [start + length], [1])


@aten("select")
def select(node: Node) -> Result:
    """One entry of an axis, which vanishes."""
    x, axis, index = node.arguments
    dims = dims_of(x)
    axis, index = axis % len(dims), index % dims[axis]
    part = families.slice_(x, [axis], [index], [index + 1], [1])
    return families.reshape(part, dims[:axis] + dims[axis + 1 :])


@aten("index")
def index(node: Node) -> Result:
    """x[:, [2, 0, 1]]: one axis by a constant list; all others whole."""
    x, given = node.arguments
    axes = [axis for axis, each in enumerate(given) if each is not None]
    if len(axes) != 1 or not isinstance(given[axes[0]], Literal):
        raise Unsupported("only one axis by a constant list of indices is supported, as in x[:, [2, 0, 1]]")
    places = given[axes[0]].array
    if places.dtype == np.bool_:
        places = np.flatnonzero(places)
    if not np.issubdtype(places.dtype, np.integer):
        raise Unsupported(f"its indices are {places.dtype}; whole numbers would work")
    return families.take(x, axes[0], places)


@aten("index_select")
def index_select(node: Node) -> Result:
    return families.take(node.argument(0), node.argument(1), node.array(2, "index").reshape(-1))


@aten("embedding")
def embedding(node: Node) -> Result:
    table, ids = node.argument(0), node.argument(1)
    return families.embedding(table, ids) if families.is_ids(ids) else families.take(table, 0, node.array(1, "ids"))


@aten("einsum")
def einsum(node: Node) -> Result:
    return einsums.einsum(node.argument(0), node.argument(1))


@aten("constant_pad_nd")
def constant_pad_nd(node: Node) -> Result:
    return _pad(node.argument(0), node.argument(1), node.argument(2))


@aten("pad")
def pad(node: Node) -> Result:
    x, amounts, mode, value = node.arguments
    return _pad(x, amounts, value, mode)


@aten("reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d")
def border(node: Node) -> Result:
    mode = "reflect" if node.operator.startswith("reflection") else "edge"
    return _pad(node.argument(0), node.argument(1), None, mode)


def _pad(x: Any, amounts: Sequence[int], value: float | None, mode: str = "constant") -> Result:
    """torch lists (before, after) from the last dimension backwards."""
    low, high = [0] * len(dims_of(x)), [0] * len(dims_of(x))
    for i in range(len(amounts) // 2):
        low[-1 - i], high[-1 - i] = amounts[2 * i], amounts[2 * i + 1]
    return families.pad(x, low, high, value or 0.0) if mode == "constant" else resizing.mirrored(x, low, high, mode)


@aten("_unsafe_view", "reshape", "view")
def view(node: Node) -> Result:
    return families.reshape(node.argument(0), node.argument(1))


@aten("flatten")
def flatten(node: Node) -> Result:
    x, first, last = node.arguments
    dims = dims_of(x)
    first, last = first % len(dims), last % len(dims)
    return families.reshape(x, [*dims[:first], math.prod(dims[first : last + 1]), *dims[last + 1 :]])


@aten("unflatten")
def unflatten(node: Node) -> Result:
    x, axis, sizes = node.arguments
    dims = dims_of(x)
    axis %= len(dims)
    return families.reshape(x, [*dims[:axis], *sizes, *dims[axis + 1 :]])


@aten("permute")
def permute(node: Node) -> Result:
    return folded.transpose(node.argument(0), node.argument(1))


@aten("transpose")
def transpose(node: Node) -> Result:
    x, first, second = node.arguments
    order = list(range(len(dims_of(x))))
    order[first], order[second] = order[second], order[first]
    return folded.transpose(x, order)


@aten("t")
def t(node: Node) -> Result:
    return folded.transpose(node.argument(0), [1, 0])


@aten("squeeze")
def squeeze(node: Node) -> Result:
    x, axes = node.argument(0), node.argument(1)
    dims = dims_of(x)
    if axes is None:
        raise Unsupported("it squeezes every dimension of size 1, the batch as well; give it dimensions")
    gone = {axis % len(dims) for axis in (axes if isinstance(axes, list) else [axes])}
    return families.reshape(x, [n for d, n in enumerate(dims) if d not in gone or n != 1])


@aten("unsqueeze")
def unsqueeze(node: Node) -> Result:
    x, axis = node.arguments
    dims = dims_of(x)
    dims.insert(axis % (len(dims) + 1), 1)
    return families.reshape(x, dims)
