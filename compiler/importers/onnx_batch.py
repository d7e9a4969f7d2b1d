"""The batch is dimension 0 of everything that depends on the input, or the model is refused by the name of a node.

A compiled network answers each image by itself. A file with an open or a larger batch may mix images: by Flatten from
axis 0, by x[0:1], by x * Shape(x)[0], by a mean over axis 0. Whether it does is seen by looking at it twice: all shapes
and constants for a batch of 1 and for another one. What depends on the input must have the same shape but for
dimension 0, which is the batch; what does not must be the same.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper

from dyadic.compiler.importers.onnx_folding import Constants, Types, static_shape
from dyadic.runtime.errors import ModelError

# Inputs that are a shape: where the result's is right they are, too.
SHAPES = {("Reshape", 1), ("Expand", 1), ("Resize", 3), ("Slice", 2)}
# One image after the other, each with its own part of every input of the same rank.
BROADCASTS = {"Add", "Sub", "Mul", "Div", "Concat", "Max", "Min", "Sum", "Mean", "Where", "Pow", "PRelu"}


def depends_on_input(graph: onnx.GraphProto) -> set[str]:
    """The names of all values that are computed from an input."""
    names = {value.name for value in graph.input}
    for node in graph.node:
        inner = {name for a in node.attribute for each in a.g.node for name in each.input}
        if names.intersection(node.input) or names & inner:
            names.update(name for name in node.output if name)
    return names


def for_one_image(graph: onnx.GraphProto, constants: Constants, baked: int, types: Types) -> None:
    """Where the exporter wrote its batch into a shape or repeated a constant for it, put 1 and one of them.

    `types`: of every value with the batch that the file was exported with.
    """
    if baked <= 1:
        return
    live = depends_on_input(graph)
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name not in constants:
                continue
            if (node.op_type, i) in SHAPES and node.op_type != "Slice":
                if node.input[0] in live and _leads(types, node.input[0], baked):
                    node.input[i] = _with_batch_of_one(constants, name, baked)
            elif node.op_type in BROADCASTS:
                node.input[i] = _one_of_equal(node, constants, name, baked, live, types)


def _leads(types: Types, name: str, size: int) -> bool:
    shape = static_shape(types.get(name))
    return bool(shape) and shape[0] == size


def _with_batch_of_one(constants: Constants, name: str, baked: int) -> str:
    target = numpy_helper.to_array(constants[name])
    if target.ndim != 1 or not target.size or target[0] != baked:
        return name
    new = f"{name} for one image"
    constants[new] = numpy_helper.from_array(np.array([1, *target[1:]], target.dtype), new)
    return new


def _one_of_equal(node: NodeProto, constants: Constants, name: str, baked: int, live: set[str], types: Types) -> str:
    """A constant that is the same for every image of the exporter's batch, for one; its own name otherwise."""
    dims = constants[name].dims
    ranks = {
        len(shape)
        for each in node.input
        if each in live and (shape := static_shape(types.get(each))) and shape[0] == baked
    }
    if not dims or dims[0] != baked or ranks != {len(dims)}:
        return name
    values = numpy_helper.to_array(constants[name])
    if not (values == values[:1]).all():
        return name
    new = f"{name} for one image"
    constants[new] = numpy_helper.from_array(np.ascontiguousarray(values[:1]), new)
    return new


def check_batch(
    one: onnx.GraphProto,
    constants_one: Constants,
    types_one: Types,
    other: onnx.GraphProto,
    constants_other: Constants,
    types_other: Types,
    batch: int,
) -> None:
    """Raise ModelError, naming the first nodes that mix images, where the two looks at the model do not agree."""
    for a, b in zip(one.node, other.node, strict=False):
        if (a.op_type, list(a.output)) != (b.op_type, list(b.output)):
            raise ModelError(f'"{a.name}" ({a.op_type}) is there or not by the size of the batch; {ADVICE}')
    if len(one.node) != len(other.node):
        node = max(one.node, other.node, key=len)[min(len(one.node), len(other.node))]
        raise ModelError(f'"{node.name}" ({node.op_type}) is there or not by the size of the batch; {ADVICE}')
    mixed: set[str] = set()
    live, complaints = depends_on_input(one), []
    for a, b in zip(one.node, other.node, strict=True):
        reason = None
        if not mixed.intersection(a.input):
            reason = _changed_constant(a, b, constants_one, constants_other, types_one, batch)
            reason = reason or _changed_shape(a, types_one, types_other, batch, not live.isdisjoint(a.output))
        if reason:
            complaints.append(f'"{a.name}" ({a.op_type}) mixes the batch into its result: {reason}')
        if reason or mixed.intersection(a.input):
            mixed.update(a.output)
    if complaints:
        raise ModelError("; ".join(complaints) + f"; {ADVICE}")


ADVICE = (
    "images are computed one by one: keep the batch as dimension 0 (as Flatten from axis 1 or a Reshape to [0, -1] "
    "do), or export the model with a fixed batch of 1"
)


def _changed_shape(node: NodeProto, one: Types, other: Types, batch: int, depends: bool) -> str | None:
    """depends: whether its results are computed from an input; else they are the same for any batch."""
    for name in node.output:
        a, b = static_shape(one.get(name)), static_shape(other.get(name))
        if a is None or (b is None and not _all_known(node, other)):
            continue
        if b is None:
            return f"it makes {a} of one image and does not fit {batch}"
        if not depends and a == b:
            continue
        if not a or a[0] != 1 or b != [batch, *a[1:]]:
            return f"it makes {a} of one image and {b} of {batch}"
    return None


def _all_known(node: NodeProto, types: Types) -> bool:
    return all(static_shape(types.get(name)) is not None for name in node.input if name)


def _changed_constant(
    a: NodeProto, b: NodeProto, one: Constants, other: Constants, types: Mapping[str, onnx.ValueInfoProto], batch: int
) -> str | None:
    """A number that the node reads and that is another one for another batch: x * Shape(x)[0]."""
    rank = len(static_shape(types.get(a.output[0])) or [])
    for i, (first, second) in enumerate(zip(a.input, b.input, strict=False)):
        if first not in one or second not in other or (a.op_type, i) in SHAPES:
            continue
        if one[first] is other[second] or one[first].raw_data == other[second].raw_data != b"":
            continue
        x, y = numpy_helper.to_array(one[first]), numpy_helper.to_array(other[second])
        if x.shape == y.shape and np.array_equal(x, y):
            continue
        if x.ndim == rank and x.shape[:1] == (1,) and y.shape == (batch, *x.shape[1:]) and (y == x).all():
            continue  # the same for every image
        return "its constants depend on the number of images"
    return None
