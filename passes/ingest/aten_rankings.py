"""PyTorch's argmax, argmin and topk, and the places that max and min give beside the numbers."""

from dyadic.passes.ingest import rankings
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.translation import Node, Result


@aten("argmax", "argmin")
def arg_max(node: Node) -> Result:
    keep = bool(node.argument(2))
    return rankings.arg_max(node.argument(0), node.argument(1), keep, smallest=node.operator == "argmin")


@aten("topk")
def top_k(node: Node) -> Result:
    axis = -1 if node.argument(2) is None else node.argument(2)
    return rankings.top_k(node.argument(0), axis, node.argument(1), smallest=node.argument(3) is False)
