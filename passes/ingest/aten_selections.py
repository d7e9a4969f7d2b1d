"""PyTorch's operators that take and repeat entries at places which are known now."""

import numpy as np

from dyadic.passes.ingest import choices, families, folded, selections
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.translation import Node, Result, literal


@aten("repeat", "tile")
def repeat(node: Node) -> Result:
    return selections.tile(node.argument(0), node.argument(1))


@aten("repeat_interleave.self_int")
def repeat_interleave(node: Node) -> Result:
    """Each entry so many times in a row."""
    times, axis = node.argument(1), node.argument(2)
    return selections.rearranged(node.argument(0), lambda array: np.repeat(array, times, axis))


@aten("gather")
def gather(node: Node) -> Result:
    return selections.gather_elements(node.argument(0), node.argument(1), node.array(2, "index"))


@aten("flip")
def flip(node: Node) -> Result:
    return selections.rearranged(node.argument(0), lambda array: np.flip(array, node.argument(1)))


@aten("one_hot")
def one_hot(node: Node) -> Result:
    """1 in the column that a whole number names, 0 elsewhere."""
    ids, count = node.argument(0), node.argument(1)
    if not families.is_ids(ids):
        return choices.hot(folded.reshape(ids, [*folded.dims_of(ids), 1]), count, 0.0, 1.0)
    return families.embedding(literal(np.eye(count, dtype=np.float32)), ids)


@aten("cumsum")
def cumsum(node: Node) -> Result:
    return selections.running_sum(node.argument(0), node.argument(1))


@aten("tril")
def tril(node: Node) -> Result:
    return selections.triangle(node.argument(0), node.argument(1), upper=False)


@aten("triu")
def triu(node: Node) -> Result:
    return selections.triangle(node.argument(0), node.argument(1), upper=True)
