"""PyTorch's operators of masks: which tokens are valid, and what ends a sentence encoder."""

from typing import Any

import numpy as np

from dyadic.passes.ingest import masks, transformers
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.imported_types import tensor_dims
from dyadic.passes.ingest.translation import Node, Result, Unsupported, literal


@aten("dyadic.valid")
def valid(node: Node) -> Result:
    """What the importer found a mask of valid tokens to be."""
    others = None if node.argument(3) is None else node.array(3, "mask")
    return masks.valid_of(node.argument(0), node.argument(1), tensor_dims(node.types[0]), node.argument(2), others)


@aten("where.self", "where.ScalarOther", "where.ScalarSelf")
def where(node: Node) -> Result:
    return transformers.where(node.argument(0), *map(number, node.arguments[1:]))


@aten("masked_fill")
def masked_fill(node: Node) -> Result:
    x, condition, value = node.arguments
    return transformers.where(condition, number(value), x)


def number(value: Any) -> Any:
    """A Python number as a literal."""
    return literal(np.asarray(value, np.float64)) if isinstance(value, int | float) else value


@aten("sum.dim_IntList")
def sum_(node: Node) -> Result:
    return transformers.total(node.argument(0), node.argument(1), bool(node.argument(2)))


@aten("linalg_vector_norm")
def linalg_vector_norm(node: Node) -> Result:
    """Of rows, which are then divided by it."""
    _, order, axes, keep, _ = node.arguments
    if order != 2:
        raise Unsupported(f"it is a norm of order {order}; one of order 2 would work")
    return transformers.length(node.argument(0), axes or [], bool(keep))
