"""ONNX's ArgMax, ArgMin, TopK and Hardmax."""

import math

from dyadic.passes.ingest import folded, rankings
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.onnx_node import attribute, onnx, opset, yes
from dyadic.passes.ingest.translation import Node, Result, Unsupported

HARDMAX_OF_ONE_AXIS = 13  # before, everything from the axis on is one row


@onnx("ArgMax", "ArgMin")
def arg_max(node: Node) -> Result:
    keep, last = yes(node, "keepdims", True), yes(node, "select_last_index")
    smallest = node.operator == "ArgMin"
    return rankings.arg_max(node.argument(0), attribute(node, "axis", 0), keep, smallest=smallest, last=last)


@onnx("TopK")
def top_k(node: Node) -> Result:
    """How many is an attribute up to opset 9 and an input, here a constant, from 10 on."""
    count = attribute(node, "k") if node.argument(1) is None else int(node.number(1, "k"))
    if count is None:
        raise Unsupported("it does not say how many entries it takes")
    axis, smallest = attribute(node, "axis", -1), not attribute(node, "largest", 1)
    return rankings.top_k(node.argument(0), axis, int(count), smallest=smallest)


@onnx("Hardmax")
def hardmax(node: Node) -> Result:
    x, old = node.argument(0), opset(node) < HARDMAX_OF_ONE_AXIS
    dims = dims_of(x)
    axis = attribute(node, "axis", 1 if old else -1) % len(dims)
    if not old or math.prod(dims[axis:]) == dims[axis]:
        return rankings.hardmax(x, axis)
    rows = folded.reshape(x, [*dims[:axis], math.prod(dims[axis:])])
    return folded.reshape(rankings.hardmax(rows, axis), dims)
