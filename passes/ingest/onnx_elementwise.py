"""ONNX's arithmetic and activations."""

import math

import numpy as np

from dyadic.passes.ingest import families
from dyadic.passes.ingest.onnx_node import onnx
from dyadic.passes.ingest.translation import (
    Node,
    Result,
    Unsupported,
    literal,
)
from dyadic.passes.ingest.types import WHOLE, element_of


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
    if element_of(node.types[0]) == WHOLE:
        raise Unsupported("it divides whole numbers; float ones would work")
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


@onnx("Identity")
def identity(node: Node) -> Result:
    return node.argument(0)


@onnx("Dropout")
def dropout(node: Node) -> Result:
    """Nothing at inference; from opset 12 on a third input may switch training on."""
    if node.argument(2) is not None and node.array(2, "training_mode").any():
        raise Unsupported("it is in training mode; export the model in evaluation mode")
    return node.argument(0)
