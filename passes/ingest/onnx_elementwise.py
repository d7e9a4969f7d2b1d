"""ONNX's arithmetic and activations."""

import math

import numpy as np

from dyadic.passes.ingest import families
from dyadic.passes.ingest.onnx_node import attribute, onnx
from dyadic.passes.ingest.translation import (
    Literal,
    Node,
    Result,
    Unsupported,
    is_float_tensor,
    literal,
)


@onnx("Add")
def add(node: Node) -> Result:
    return families.add(*node.arguments)


@onnx("Sub")
def sub(node: Node) -> Result:
    return families.sub(*node.arguments)


@onnx("Mul")
def mul(node: Node) -> Result:
    return families.mul(*node.arguments)


@onnx("Div")
def div(node: Node) -> Result:
    return families.div(*node.arguments)


@onnx("Neg")
def neg(node: Node) -> Result:
    return families.mul(node.argument(0), literal(np.asarray(-1, np.float32)))


@onnx("Sum")
def sum_(node: Node) -> Result:
    total, *rest = node.arguments
    for value in rest:
        total = families.add(total, value)
    return total


@onnx("Relu")
def relu(node: Node) -> Result:
    return families.clamp(node.argument(0), 0, math.inf)


@onnx("Clip")
def clip(node: Node) -> Result:
    """The bounds are attributes up to opset 6 and inputs from 11 on."""
    bounds = []
    for index, name, default in ((1, "min", -math.inf), (2, "max", math.inf)):
        given = node.argument(index)
        bounds.append(attribute(node, name, default) if given is None else node.number(index, name))
    return families.clamp(node.argument(0), *bounds)


@onnx("Max")
def maximum(node: Node) -> Result:
    x, bound = _with_bound(node)
    return families.clamp(x, bound, math.inf)


@onnx("Min")
def minimum(node: Node) -> Result:
    x, bound = _with_bound(node)
    return families.clamp(x, -math.inf, bound)


def _with_bound(node: Node) -> tuple[Result, float]:
    """(tensor, number) of a Max or Min that is half a clip."""
    arguments = sorted(node.arguments, key=lambda a: isinstance(a, Literal))
    if len(arguments) != 2 or not isinstance(arguments[1], Literal) or arguments[1].array.size != 1:
        raise Unsupported("only the larger or smaller of a tensor and one number is supported")
    return arguments[0], arguments[1].array.item()


@onnx("Identity")
def identity(node: Node) -> Result:
    return node.argument(0)


@onnx("Dropout")
def dropout(node: Node) -> Result:
    """Nothing at inference; from opset 12 on a third input may switch training on."""
    if node.argument(2) is not None and node.array(2, "training_mode").any():
        raise Unsupported("it is in training mode; export the model in evaluation mode")
    return node.argument(0)


@onnx("Cast", "CastLike")
def cast(node: Node) -> Result:
    """Between floating types: `qd` computes in float32."""
    x = node.argument(0)
    if not is_float_tensor(node.types[0]) or (isinstance(x, Literal) and not np.issubdtype(x.array.dtype, np.floating)):
        raise Unsupported("only casts between floating types are supported")
    return x
