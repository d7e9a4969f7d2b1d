"""ONNX's operators that move numbers without changing them."""

from collections.abc import Sequence

import numpy as np

from dyadic.passes.ingest import families, folded, resizing
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.onnx_node import attribute, integers, onnx
from dyadic.passes.ingest.translation import Literal, Node, Result, Unsupported


@onnx("Concat")
def concat(node: Node) -> Result:
    return families.concat(node.arguments, attribute(node, "axis", 1))


@onnx("Slice")
def slice_(node: Node) -> Result:
    """Attributes up to opset 9, inputs from 10 on."""
    starts, ends = integers(node, "starts", 1), integers(node, "ends", 2)
    if starts is None or ends is None:
        raise Unsupported("it has no starts and ends")
    axes = integers(node, "axes", 3, range(len(starts)))
    steps = integers(node, "steps", 4, [1] * len(starts))
    return families.slice_(node.argument(0), axes or [], starts, ends, steps or [])


@onnx("Split")
def split(node: Node) -> Result:
    """Sizes are an attribute up to opset 12 and an input from 13 on; without them the parts are equal."""
    x, axis = node.argument(0), attribute(node, "axis", 0)
    sizes = integers(node, "split", 1)
    if sizes is None:
        total, parts = dims_of(x)[axis], len(node.types)
        size = -(-total // parts)
        sizes = [max(0, min(size, total - i * size)) for i in range(parts)]
    parts = families.split(x, axis, sizes)
    return parts if len(parts) > 1 else parts[0]


@onnx("Gather")
def gather(node: Node) -> Result:
    """Entries of an axis by constant indices, or one of them, whose axis vanishes; rows of a table by an input."""
    of_table = isinstance(node.argument(0), Literal)
    if families.is_ids(node.argument(1)):
        if of_table and attribute(node, "axis", 0) % node.argument(0).array.ndim:
            raise Unsupported("it looks up columns by an input; rows, axis 0, would work")
        return families.embedding(node.argument(0), node.argument(1))
    if of_table and not isinstance(node.argument(1), Literal | int):
        raise Unsupported("it looks rows up by computed numbers; constants would work, or an input of whole numbers")
    return families.take(node.argument(0), attribute(node, "axis", 0), node.array(1, "indices"))


@onnx("Pad")
def pad(node: Node) -> Result:
    x, amounts = node.argument(0), integers(node, "pads", 1)
    value = attribute(node, "value", 0.0) if node.argument(2) is None else node.number(2, "value")
    rank = len(dims_of(x))
    axes = node.integers(3, "axes") or list(range(rank))
    if amounts is None or len(amounts) != 2 * len(axes):
        raise Unsupported(f"its pads {amounts} do not fit {dims_of(x)}")
    low, high = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        low[axis % rank], high[axis % rank] = amounts[i], amounts[i + len(axes)]
    mode = attribute(node, "mode", "constant")
    return families.pad(x, low, high, value) if mode == "constant" else resizing.mirrored(x, low, high, mode)


@onnx("Flatten")
def flatten(node: Node) -> Result:
    x = node.argument(0)
    dims = dims_of(x)
    axis = attribute(node, "axis", 1)
    axis = axis + len(dims) if axis < 0 else axis
    return families.reshape(x, [int(np.prod(dims[:axis])), int(np.prod(dims[axis:]))])


@onnx("Reshape")
def reshape(node: Node) -> Result:
    x, target = node.argument(0), integers(node, "shape", 1)
    if target is None:
        raise Unsupported("it has no shape")
    dims = dims_of(x)
    copies = not attribute(node, "allowzero", 0)
    return families.reshape(x, [dims[i] if d == 0 and copies else d for i, d in enumerate(target)])


@onnx("Transpose")
def transpose(node: Node) -> Result:
    x = node.argument(0)
    return folded.transpose(x, attribute(node, "perm", list(reversed(range(len(dims_of(x)))))))


@onnx("Squeeze")
def squeeze(node: Node) -> Result:
    x, axes = node.argument(0), integers(node, "axes", 1)
    dims = dims_of(x)
    gone = _places(range(len(dims)) if axes is None else axes, len(dims))
    if axes is not None and any(dims[axis] != 1 for axis in gone):
        raise Unsupported(f"it squeezes axes {axes} of {dims}, which are not all 1")
    return families.reshape(x, [n for d, n in enumerate(dims) if d not in gone or n != 1])


@onnx("Unsqueeze")
def unsqueeze(node: Node) -> Result:
    x, axes = node.argument(0), integers(node, "axes", 1)
    rest = iter(dims_of(x))
    rank = len(dims_of(x)) + len(axes or [])
    new = _places(axes or [], rank)
    return families.reshape(x, [1 if d in new else next(rest) for d in range(rank)])


def _places(axes: Sequence[int], rank: int) -> set[int]:
    return {axis % rank for axis in axes}


@onnx("Expand")
def expand(node: Node) -> Result:
    x, target = node.argument(0), node.integers(1, "shape") or []
    return folded.expand(x, np.broadcast_shapes(dims_of(x), target))
