"""Reading an ONNX node: `torch.operator "onnx.Conv"` with attributes `torch.onnx.*`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.passes.ingest.translation import NOT_A_LEAF, Literal, Node, Operators, Unsupported

PREFIX = "torch.onnx."
NEWEST = 1 << 30
onnx = Operators()  # `@onnx("Conv")` marks the function of an operator


def attribute(node: Node, name: str, default: Any = None) -> Any:
    """An attribute of the node as a Python value, or `default`."""
    attributes = node.op.attributes
    if PREFIX + name not in attributes:
        return default
    return _plain(attributes[PREFIX + name], name)


def _plain(value: ir.Attribute, name: str) -> Any:
    if isinstance(value, ir.ArrayAttr):
        return [_plain(v, name) for v in value]
    if isinstance(value, ir.DenseElementsAttr):
        return np.array(value, copy=False)
    if isinstance(value, ir.IntegerAttr | ir.FloatAttr):
        return value.value
    if isinstance(value, ir.StringAttr):
        try:
            return value.value_bytes.decode()
        except UnicodeDecodeError:
            raise Unsupported(f'its attribute "{name}" is no text: {value.value_bytes[:40]!r}') from None
    raise Unsupported(f'its attribute "{name}" is no number, text or tensor, nor a list of these')


def yes(node: Node, name: str, default: bool = False) -> bool:
    """An attribute that is 1 or 0. Of others engines think differently: for some only 1 is yes."""
    value = attribute(node, name, int(default))
    if value not in (0, 1):
        raise Unsupported(f'its attribute "{name}" is {value}; it is 0 or 1')
    return value == 1


def opset(node: Node) -> int:
    """The version of ONNX's operators that the node's model is written in; the newest where it does not say."""
    parent = node.op.parent
    version = "torch.onnx_meta.opset_version"
    return parent.attributes[version].value if parent is not None and version in parent.attributes else NEWEST


def integers(node: Node, name: str, index: int, default: Sequence[int] | None = None) -> list[int] | None:
    """What old opsets give as attribute `name` and newer ones as input `index`."""
    given = node.integers(index, name)
    if given is None:
        given = attribute(node, name, default)
    return None if given is None else list(given)


def operator_name(op: ir.Operation) -> str | None:
    """`Conv` of `torch.operator "onnx.Conv"`."""
    if op.name != "torch.operator":
        return None
    name = op.attributes["name"].value
    return name.removeprefix("onnx.") if name.startswith("onnx.") else None


def leaf(op: ir.Operation, arguments: Sequence[Any]) -> Any:
    """Constants and omitted inputs."""
    if op.name == "torch.constant.none":
        return None
    if operator_name(op) == "Constant" and PREFIX + "value" in op.attributes:
        value = op.attributes[PREFIX + "value"]
        if isinstance(value, ir.DenseElementsAttr):
            return Literal(value, op.location)
    return NOT_A_LEAF
