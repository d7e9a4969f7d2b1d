"""Which float tensor an integer tensor stands for: the same user's node, found again in the prepared float graph.

A `qi` op's location holds the names of all nodes that it computes; the last one made the value (conv, add, relu: the
relu). One node may have become several ops on either side: those of one name are paired in order, kind by kind. What
integerize put between them (reshapes, transposes, copies, a `requant` in front of a concat) has no node of its own: its
float tensor follows from those that it reads (`passed_on`).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.reference import Plan
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.integerize import fused_clamp

Array = npt.NDArray[Any]
EVERYWHERE = (-math.inf, math.inf)


@dataclass(frozen=True)
class Counterpart:
    """A float tensor, by its slot in the float plan, and how to arrange it as the integer tensor is.

    Beyond `useful` it does not matter: its one reader is flat there, and integerize spends no steps on it.
    """

    slot: int
    arrange: Callable[[Array], Array]
    useful: tuple[float, float] = EVERYWHERE


def node_names(op: Any) -> tuple[str, ...]:
    """The user's nodes that `op` computes, in order; the last one made the value. Empty where there is no name."""

    def names(location: ir.Location) -> list[str]:
        if isinstance(location, ir.FusedLoc):
            return [name for one in location.locations for name in names(one)]
        return [location.name_str] if isinstance(location, ir.NameLoc) else []

    return tuple(names(op.location))


def match(floating: Plan, integer: Plan) -> dict[int, Counterpart]:
    """For slots of the `qi` plan: the float tensors that they stand for. What has no node of its own is left out."""
    found: dict[int, Counterpart] = {}
    waiting = values_by_name(floating)
    for step in integer.steps:
        op, names = step.op, node_names(step.op)
        if isinstance(op, qi.IdsOp):
            continue  # they stand for nothing but themselves
        if isinstance(op, qi.InputOp):
            name = next(name for name, slot in integer.arguments.items() if slot == step.inputs[0])
            found[step.output] = Counterpart(floating.arguments[name], lambda value: value)
            continue
        values = waiting[names[-1]] if names else []
        for place, (made, value, slot) in enumerate(values):
            if op.found_by_name and isinstance(made, op.made_from) and (arrange := arrangement(made, op)) is not None:
                found[step.output] = Counterpart(slot, arrange, useful_range(value))
                del values[: place + 1]
                break
    return found


def passed_on(op: Any, inputs: list[Array | None], known: Collection[str]) -> Array | None:
    """The float tensor of an op without a node of its own, from those of its inputs; None where that cannot be said.

    `known` are the names in the float graph: a `requant` that has the name of an op of another kind is a rescaling that
    integerize put in front of it, one of an unknown name is a layer that is missing there.
    """
    given = [one for one in inputs if one is not None]
    if len(given) < len(inputs):
        return None
    if isinstance(op, qi.Rearrangement):  # its `evaluate` moves floats as it moves integers
        return op.evaluate(*given)
    return given[0] if isinstance(op, qi.RequantOp) and set(node_names(op)) <= set(known) else None


def values_by_name(floating: Plan) -> dict[str, list[tuple[Any, ir.Value, int]]]:
    """Every float value that an integer one may stand for, in order: (the op that makes it, itself, its slot).

    A clamp that integerize fuses into its producer gives the value its name.
    """
    slots = {step.op.operation: step.output for step in floating.steps}
    values: dict[str, list[tuple[Any, ir.Value, int]]] = defaultdict(list)
    fused: set[ir.Operation] = set()
    for step in floating.steps:
        if step.op.operation in fused:
            continue
        tail = fused_clamp(step.op)
        last = step.op if tail is None else tail
        fused.add(last.operation)
        if names := node_names(last):
            values[names[-1]].append((step.op, last.out, slots[last.operation]))
    return values


def useful_range(value: ir.Value) -> tuple[float, float]:
    """Where the one reader of a float value tells numbers apart; everywhere if that is no table."""
    uses = list(value.uses)
    reader = uses[0].owner.opview if len(uses) == 1 else None
    return reader.useful_inputs if isinstance(reader, qd.Function) else EVERYWHERE


def arrangement(made: Any, op: Any) -> Callable[[Array], Array] | None:
    """From the shape of the float value that `made` makes to that of `op`'s result; None where they do not fit."""
    wanted = shape(op.out)[1:]

    def arrange(value: Array) -> Array:
        if isinstance(made, qd.Reduction):  # what is kept, in the model's order, as channels
            return value.reshape(len(value), *wanted)
        if isinstance(made, qd.ScaleShiftOp):  # an image whose channels are the scaled dimension
            return np.moveaxis(value, made.axis.value, 1).reshape(len(value), *wanted)
        return value

    if np.prod(shape(made.out)) != np.prod(shape(op.out)):
        return None
    arranged = arrange(np.broadcast_to(np.float32(0), shape(made.out)))
    return arrange if list(arranged.shape[1:]) == wanted else None
