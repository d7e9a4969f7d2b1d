"""ONNX's normalizations over dimensions, softmax, and parts of what exporters spell out."""

import math

import numpy as np

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest import families, folded, masks, transformers
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.imported_types import tensor_dims
from dyadic.passes.ingest.onnx_node import PREFIX, attribute, onnx, opset, yes
from dyadic.passes.ingest.translation import Node, Result, Unsupported, literal

OF_ATTENTION = set("is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision".split())
SOFTMAX_OF_ONE_AXIS = 13  # before, it is one over everything from the axis on


@onnx("LayerNormalization")
def layer_normalization(node: Node) -> Result:
    return _normalization(node, qd.LayerNormOp)


@onnx("RMSNormalization", "SimplifiedLayerNormalization")
def rms_normalization(node: Node) -> Result:
    return _normalization(node, qd.RmsNormOp)


def _normalization(node: Node, kind: type[qd.Norm]) -> Result:
    x, axis = node.argument(0), attribute(node, "axis", -1)
    rank = len(dims_of(x))
    bias = None if node.argument(2) is None else node.array(2, "shift")
    weight, epsilon = node.array(1, "scale"), attribute(node, "epsilon", 1e-5)
    made = transformers.layer_norm(kind, x, rank - axis % rank, weight, bias, epsilon)
    if not any(list(result.uses) for result in list(node.op.results)[1:]):
        return made
    axes = list(range(axis % rank, rank))  # the mean and one over the spread of each row, which training reads
    mean = families.mean(x, axes, True)
    spread = families.add(transformers.variance(x, axes, 0.0, True), literal(np.asarray(epsilon)))
    root = each(spread, lambda value: building.unary(qd.SqrtOp, value))
    return [made, mean, each(root, lambda value: building.unary(qd.ReciprocalOp, value))]


@onnx("GroupNormalization")
def group_normalization(node: Node) -> Result:
    """Up to opset 20 one weight a group, from 21 on one a channel."""
    x, groups = node.argument(0), attribute(node, "num_groups")
    weight, bias = node.array(1, "scale"), node.array(2, "shift")
    if weight.size == groups:
        weight, bias = (np.repeat(each_, dims_of(x)[1] // groups) for each_ in (weight, bias))
    return transformers.group_norm(x, groups, weight, bias, attribute(node, "epsilon", 1e-5))


@onnx("InstanceNormalization")
def instance_normalization(node: Node) -> Result:
    x = node.argument(0)
    weight, bias = node.array(1, "scale"), node.array(2, "shift")
    return transformers.group_norm(x, dims_of(x)[1], weight, bias, attribute(node, "epsilon", 1e-5))


@onnx("Softmax", "LogSoftmax")
def softmax(node: Node) -> Result:
    x = node.argument(0)
    dims, old = dims_of(x), opset(node) < SOFTMAX_OF_ONE_AXIS
    axis = attribute(node, "axis", 1 if old else -1) % len(dims)
    if old and math.prod(dims[axis:]) != dims[axis]:
        if axis != len(dims) - 1:
            raise Unsupported(f"it is a softmax over {dims[axis:]} together; one over the last dimension would work")
    made = transformers.log_softmax if node.operator == "LogSoftmax" else transformers.softmax
    return made(x, axis)


@onnx("DyadicValid")
def valid(node: Node) -> Result:
    """What the importer found a mask of valid tokens to be."""
    others = attribute(node, "others")
    tokens = attribute(node, "tokens", 0)
    return masks.valid_of(node.argument(0), attribute(node, "kind"), tensor_dims(node.types[0]), tokens, others)


@onnx("Gelu")
def gelu(node: Node) -> Result:
    kind = qd.GeluTanhOp if attribute(node, "approximate", "none") == "tanh" else qd.GeluOp
    return each(node.argument(0), lambda x: building.unary(kind, x))


@onnx("Pow")
def power(node: Node) -> Result:
    return transformers.power(node.argument(0), node.argument(1))


@onnx("Where")
def where(node: Node) -> Result:
    return transformers.where(node.argument(0), node.argument(1), node.argument(2))


@onnx("IsNaN")
def is_nan(node: Node) -> Result:
    return transformers.never(node.argument(0))


@onnx("Attention")
def attention(node: Node) -> Result:
    """q, k, v of [N, heads, L, D], or of [N, L, heads * D] with the numbers of heads beside it."""
    q, k, v, mask = (node.argument(i) for i in range(4))
    if any(node.argument(i) is not None for i in range(4, len(node.arguments))):
        raise Unsupported("it has past keys and values, or lengths of them; an encoder has none")
    if attribute(node, "softcap", 0.0) or (attribute(node, "qk_matmul_output_mode", 0) and len(node.types) > 3):
        raise Unsupported("only plain attention is supported, without softcap and without its scores as a result")
    given = {name.removeprefix(PREFIX) for name in node.op.attributes if name.startswith(PREFIX)}
    if given - OF_ATTENTION:
        raise Unsupported(f"its attribute {min(given - OF_ATTENTION)} is not supported")
    flat = len(dims_of(q)) == 3
    if flat:
        heads, key_heads = attribute(node, "q_num_heads"), attribute(node, "kv_num_heads")
        q, k, v = (_heads(x, n) for x, n in ((q, heads), (k, key_heads), (v, key_heads)))
    heads, key_heads = dims_of(q)[1], dims_of(k)[1]
    if heads != key_heads:
        k, v = (_shared_heads(x, heads // key_heads) for x in (k, v))
    out = transformers.attention(q, k, v, mask, attribute(node, "scale"), yes(node, "is_causal"))
    if not flat:
        return out
    n, _, length, size = dims_of(out)
    return folded.reshape(folded.transpose(out, [0, 2, 1, 3]), [n, length, heads * size])


def _heads(x: Result, heads: int) -> Result:
    n, length, size = dims_of(x)
    return folded.transpose(folded.reshape(x, [n, length, heads, size // heads]), [0, 2, 1, 3])


def _shared_heads(x: Result, times: int) -> Result:
    """Each head of keys or values for as many heads of queries."""
    n, heads, length, size = dims_of(x)
    copies = folded.expand(folded.reshape(x, [n, heads, 1, length, size]), [n, heads, times, length, size])
    return folded.reshape(copies, [n, heads * times, length, size])
