"""ONNX's normalizations over dimensions, softmax, and parts of what exporters spell out."""

import numpy as np

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest import lengths, masks, transformers
from dyadic.passes.ingest.onnx_node import attribute, integers, onnx, opset
from dyadic.passes.ingest.translation import Node, Result, Unsupported, tensor_dims

SOFTMAX_OF_ONE_AXIS = 13  # before, it is one over everything from the axis on


@onnx("LayerNormalization")
def layer_normalization(node: Node) -> Result:
    x = node.tensor(0)
    axis = attribute(node, "axis", -1)
    bias = None if node.argument(2) is None else node.array(2, "shift")
    dims = len(shape(x)) - axis % len(shape(x))
    weight = node.array(1, "scale")
    return transformers.layer_norm(qd.LayerNormOp, x, dims, weight, bias, attribute(node, "epsilon", 1e-5))


@onnx("Softmax")
def softmax(node: Node) -> Result:
    x = node.tensor(0)
    old = opset(node) < SOFTMAX_OF_ONE_AXIS
    axis = attribute(node, "axis", 1 if old else -1) % len(shape(x))
    if old and axis != len(shape(x)) - 1 and int(np.prod(shape(x)[axis:])) != shape(x)[axis]:
        raise Unsupported(f"it is a softmax over {shape(x)[axis:]} together; one over the last dimension would work")
    return transformers.softmax(x, axis)


@onnx("DyadicValid")
def valid(node: Node) -> Result:
    """What the importer found a mask of valid tokens to be."""
    others = attribute(node, "others")
    tokens = attribute(node, "tokens", 0)
    return masks.valid_of(node.argument(0), attribute(node, "kind"), tensor_dims(node.types[0]), tokens, others)


@onnx("Where")
def where(node: Node) -> Result:
    return masks.where(*node.arguments)


@onnx("ReduceSum")
def reduce_sum(node: Node) -> Result:
    """Of valid tokens."""
    return masks.total(node.argument(0), integers(node, "axes", 1) or [], bool(attribute(node, "keepdims", 1)))


@onnx("ReduceL2")
def reduce_l2(node: Node) -> Result:
    """Of rows, which are then divided by it."""
    return lengths.length(node.tensor(0), integers(node, "axes", 1) or [])


@onnx("Erf")
def erf(node: Node) -> Result:
    return building.unary(qd.ErfOp, node.tensor(0))
