"""ONNX's comparisons, logic, casts, choices, and arithmetic of several inputs."""

from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.passes.ingest import choices, families, folded
from dyadic.passes.ingest.onnx_node import attribute, onnx
from dyadic.passes.ingest.translation import Literal, Node, Result, as_numbers, literal
from dyadic.passes.ingest.types import element_of


@onnx("Greater")
def greater(node: Node) -> Result:
    return choices.compare("greater", *node.arguments)


@onnx("GreaterOrEqual")
def greater_or_equal(node: Node) -> Result:
    return choices.compare("greater_equal", *node.arguments)


@onnx("Less")
def less(node: Node) -> Result:
    return choices.compare("less", *node.arguments)


@onnx("LessOrEqual")
def less_or_equal(node: Node) -> Result:
    return choices.compare("less_equal", *node.arguments)


@onnx("Equal")
def equal(node: Node) -> Result:
    return choices.compare("equal", *node.arguments)


@onnx("And")
def logical_and(node: Node) -> Result:
    return choices.both(*node.arguments)


@onnx("Or")
def logical_or(node: Node) -> Result:
    return choices.either(*node.arguments)


@onnx("Xor")
def logical_xor(node: Node) -> Result:
    return choices.one_of(*node.arguments)


@onnx("Not")
def logical_not(node: Node) -> Result:
    return choices.negation(node.argument(0))


@onnx("Cast", "CastLike")
def cast(node: Node) -> Result:
    return choices.cast(as_numbers(node.argument(0)), element_of(node.op.operands[0].type), element_of(node.types[0]))


@onnx("OneHot")
def one_hot(node: Node) -> Result:
    """Rows of a table, by an input of whole numbers: `on` in the column of each, `off` elsewhere."""
    ids, depth, axis = node.argument(0), int(node.number(1, "depth")), attribute(node, "axis", -1)
    off, on = node.array(2, "values").astype(np.float32).reshape(-1)
    if families.is_ids(ids):
        rows = families.embedding(literal(np.where(np.eye(depth, dtype=bool), on, off)), ids)
    else:
        rows = choices.hot(folded.reshape(ids, [*folded.dims_of(ids), 1]), depth, float(off), float(on))
    rank = len(folded.dims_of(rows))
    if axis % rank == rank - 1:
        return rows
    order = list(range(rank - 1))
    order.insert(axis % rank, rank - 1)
    return folded.transpose(rows, order)


@onnx("Max")
def maximum(node: Node) -> Result:
    return _of_all(qd.MaxOp, node.arguments)


@onnx("Min")
def minimum(node: Node) -> Result:
    return _of_all(qd.MinOp, node.arguments)


def _of_all(kind: type[qd.MaxOp] | type[qd.MinOp], values: Any) -> Result:
    first, *rest = values
    for value in rest:
        first = choices.extreme(kind, first, value)
    return first


@onnx("Mean")
def mean(node: Node) -> Result:
    total, *rest = node.arguments
    for value in rest:
        total = families.add(total, value)
    return families.mul(total, literal(np.asarray(1 / len(node.arguments), np.float64)))


@onnx("Clip")
def clip(node: Node) -> Result:
    """The bounds are attributes up to opset 6 and inputs from 11 on."""
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        given = attribute(node, name) if node.argument(index) is None else node.argument(index)
        bounds.append(literal(np.asarray(given)) if isinstance(given, int | float) else given)
    low, high = bounds
    if all(bound is None or (isinstance(bound, Literal) and bound.array.size == 1) for bound in bounds):
        lowest, highest = (default if b is None else b.array.item() for b, default in ((low, -np.inf), (high, np.inf)))
        return families.clamp(node.argument(0), lowest, highest)
    return choices.bounded(node.argument(0), low, high)
