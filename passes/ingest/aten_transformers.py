"""The operators of `torch.aten` that transformers add: norms, attention, softmax, and parts of what is spelled out."""

from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest import families, folded, transformers
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.translation import Node, Result, Unsupported, literal


def given(node: Node, index: int, what: str) -> Array | None:
    """The constant of an argument that may be left out."""
    return None if node.argument(index) is None else node.array(index, what)


@aten("layer_norm")
def layer_norm(node: Node) -> Result:
    x, dims = node.argument(0), len(node.argument(1))
    return transformers.layer_norm(
        qd.LayerNormOp, x, dims, given(node, 2, "scale"), given(node, 3, "shift"), node.argument(4)
    )


@aten("rms_norm")
def rms_norm(node: Node) -> Result:
    x, dims = node.argument(0), len(node.argument(1))
    epsilon = float(np.finfo(np.float32).eps) if node.argument(3) is None else node.argument(3)
    return transformers.layer_norm(qd.RmsNormOp, x, dims, given(node, 2, "scale"), None, epsilon)


@aten("group_norm")
def group_norm(node: Node) -> Result:
    x, groups = node.argument(0), node.argument(1)
    return transformers.group_norm(x, groups, given(node, 2, "scale"), given(node, 3, "shift"), node.argument(4))


@aten("instance_norm")
def instance_norm(node: Node) -> Result:
    x = node.argument(0)
    if not node.argument(5):
        raise Unsupported("it uses running statistics; a batch norm would work")
    weight, bias = given(node, 1, "scale"), given(node, 2, "shift")
    return transformers.group_norm(x, dims_of(x)[1], weight, bias, node.argument(7))


@aten("scaled_dot_product_attention")
def attention(node: Node) -> Result:
    q, k, v, mask, dropout, causal, scale, *_ = [*node.arguments, None, None]
    if dropout:
        raise Unsupported("it is in training mode: its dropout is not 0")
    return transformers.attention(q, k, v, mask, scale, bool(causal))


@aten("log_softmax")
def log_softmax(node: Node) -> Result:
    return transformers.log_softmax(node.argument(0), node.argument(1))


@aten("softmax")
def softmax(node: Node) -> Result:
    return transformers.softmax(node.argument(0), node.argument(1))


@aten("gelu")
def gelu(node: Node) -> Result:
    kind = qd.GeluTanhOp if node.argument(1) == "tanh" else qd.GeluOp
    return each(node.argument(0), lambda x: building.unary(kind, x))


@aten("pow")
def power(node: Node) -> Result:
    base, exponent = (
        v if not isinstance(v, int | float) else literal(np.asarray(float(v))) for v in node.arguments[:2]
    )
    return transformers.power(base, exponent)


@aten("square")
def square(node: Node) -> Result:
    return transformers.power(node.argument(0), literal(np.asarray(2.0)))


@aten("rsqrt")
def rsqrt(node: Node) -> Result:
    return transformers.power(node.argument(0), literal(np.asarray(-0.5)))


@aten("var.correction")
def variance(node: Node) -> Result:
    x, axes, correction, keep = node.arguments
    correction = 1 if correction is None else float(correction)
    return transformers.variance(x, axes, correction, bool(keep))


@aten("var_mean.correction")
def var_mean(node: Node) -> list[Result]:
    x, axes, correction, keep = node.arguments
    correction = 1 if correction is None else float(correction)
    return [transformers.variance(x, axes, correction, bool(keep)), families.mean(x, axes, bool(keep))]


@aten("unbind")
def unbind(node: Node) -> list[Result]:
    """Every entry of an axis, which vanishes."""
    x, axis = node.argument(0), node.argument(1) or 0
    dims = dims_of(x)
    axis %= len(dims)
    rest = dims[:axis] + dims[axis + 1 :]
    return [folded.reshape(part, rest) for part in families.split(x, axis, [1] * dims[axis])]


@aten("stack")
def stack(node: Node) -> Result:
    values, axis = node.argument(0), node.argument(1) or 0
    dims = dims_of(values[0])
    axis %= len(dims) + 1
    return families.concat([folded.reshape(v, [*dims[:axis], 1, *dims[axis:]]) for v in values], axis)


@aten("roll")
def roll(node: Node) -> Result:
    """What leaves an axis at its end comes in at its start."""
    x, shifts, axes = node.argument(0), node.argument(1), node.argument(2)
    if not axes:
        raise Unsupported("it rolls through all dimensions together; give it dimensions")
    for shift, axis in zip(shifts, axes, strict=True):
        size = dims_of(x)[axis]
        border = -shift % size
        if border:
            behind, front = families.split(x, axis, [border, size - border])
            x = families.concat([front, behind], axis)
    return x


@aten("conv1d")
def conv1d(node: Node) -> Result:
    x, weight, bias, strides, padding, dilation, groups = node.arguments
    stride, pad, step = _one(strides, 1), _one(padding, 0), _one(dilation, 1)
    return transformers.conv1d(x, weight, bias, stride, pad, step, groups)


@aten("conv1d.padding")
def conv1d_padding(node: Node) -> Result:
    """Padding given as a word: "same" puts the odd cell at the end."""
    x, weight, bias, strides, word, dilation, groups = node.arguments
    dilation, kernel = _one(dilation, 1), dims_of(weight)[-1]
    total = dilation * (kernel - 1) if word == "same" else 0
    return transformers.conv1d(x, weight, bias, _one(strides, 1), total // 2, dilation, groups, total - total // 2)


def _one(values: Any, default: int) -> int:
    return values[0] if values else default


@aten("isnan")
def isnan(node: Node) -> Result:
    return transformers.never(node.argument(0))


@aten("baddbmm")
def baddbmm(node: Node) -> Result:
    """`beta * addend + alpha * a @ b`."""
    addend, a, b, beta, alpha = [*node.arguments, None, None][:5]
    product = families.mul(transformers.matmul(a, b), literal(np.asarray(1 if alpha is None else alpha, np.float64)))
    if beta == 0:
        return product
    return families.add(product, families.mul(addend, literal(np.asarray(1 if beta is None else beta, np.float64))))


@aten("glu")
def glu(node: Node) -> Result:
    """The first half of an axis times the sigmoid of the second."""
    x, axis = node.argument(0), -1 if node.argument(1) is None else node.argument(1)
    size = dims_of(x)[axis]
    if size % 2:
        raise Unsupported(f"its {size} entries of axis {axis} have no two halves")
    half, gate = families.split(x, axis, [size // 2, size // 2])
    return families.elementwise(qd.MulOp, half, each(gate, lambda value: building.unary(qd.SigmoidOp, value)))
