"""PyTorch's comparisons, logic, casts, choices and bounds."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.passes.ingest import choices, families
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.translation import Literal, Node, Result, Unsupported, literal
from dyadic.passes.ingest.types import element_of


def number(value: Any) -> Any:
    """A Python number as a literal."""
    return literal(np.asarray(value, np.float64)) if isinstance(value, int | float) else value


def compares(name: str, kind: str) -> None:
    @aten(name)
    def one(node: Node) -> Result:
        return choices.compare(kind, *map(number, node.arguments))


compares("gt", "greater")
compares("ge", "greater_equal")
compares("lt", "less")
compares("le", "less_equal")
compares("eq", "equal")
compares("ne", "not_equal")


def joins(names: tuple[str, ...], join: Callable[..., Result]) -> None:
    """Of bools, where bit by bit is the same."""

    @aten(*names)
    def one(node: Node) -> Result:
        if not all(element_of(operand.type) == "bool" for operand in node.op.operands):
            raise Unsupported("it works on the bits of whole numbers; on bools it would work")
        return join(*node.arguments)


joins(("logical_and", "bitwise_and", "__and__"), choices.both)
joins(("logical_or", "bitwise_or", "__or__"), choices.either)
joins(("logical_xor", "bitwise_xor", "__xor__"), choices.one_of)
joins(("logical_not", "bitwise_not"), choices.negation)


@aten("maximum", "max.other")
def maximum(node: Node) -> Result:
    return choices.extreme(qd.MaxOp, *node.arguments)


@aten("minimum", "min.other")
def minimum(node: Node) -> Result:
    return choices.extreme(qd.MinOp, *node.arguments)


@aten("clamp", "clamp_min", "hardtanh")
def clamp(node: Node) -> Result:
    return bounded(node, node.argument(1), node.argument(2))


@aten("clamp_max")
def clamp_max(node: Node) -> Result:
    return bounded(node, None, node.argument(1))


def bounded(node: Node, low: Any, high: Any) -> Result:
    """Bounds may be left out, numbers or tensors."""
    low, high = number(low), number(high)
    if all(bound is None or (isinstance(bound, Literal) and bound.array.size == 1) for bound in (low, high)):
        lowest, highest = (default if b is None else b.array.item() for b, default in ((low, -np.inf), (high, np.inf)))
        return families.clamp(node.argument(0), lowest, highest)
    return choices.bounded(node.argument(0), low, high)


@aten("trunc")
def trunc(node: Node) -> Result:
    return choices.truncated(node.argument(0))


@aten("_to_copy", "to", "type_as")
def cast(node: Node) -> Result:
    return choices.cast(node.argument(0), element_of(node.op.operands[0].type), element_of(node.types[0]))
