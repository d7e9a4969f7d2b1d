"""The same network for fewer tokens: a copy in which every dimension that counts tokens is shorter.

What was learned and decided is the same, so that the integers are, too: a sentence of 20 tokens has the same bits from
a network for 32 as from one for 128. Constants with something for each token (positions, biases between positions) keep
their beginnings. That this is what the model itself does with fewer tokens is shown by importing it for so many, and
asking both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.calibrate.data import Feeds
from dyadic.compiler.float_network import float_network
from dyadic.compiler.job import Job
from dyadic.compiler.tools import Tools
from dyadic.dialects import qd
from dyadic.dialects.reference import FloatReference, Step, main_function, make_plan
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.tokens import Tokens, tokens_of
from dyadic.passes.integerize.quantization import set_value_range, value_range
from dyadic.runtime.errors import ModelError

ASKED = 4  # samples that both are asked for
CLOSE = 1e-3  # of the largest number of an answer
ADVICE = "compile one artifact for each length"


def shortened(network: ir.Operation, length: int) -> ir.Operation:
    """A copy of a `qd` module for so many tokens.

    Raises:
        ModelError: tokens that are not valid could reach a result, or nothing says which are.
    """
    copy = network.clone()
    plan = make_plan(copy)
    tokens = checked(tokens_of(copy, plan), plan.results)
    function = main_function(copy)
    body = function.operation.regions[0].blocks[0]
    arguments = list(body.arguments)
    with copy.context, ir.Location.unknown():
        for slot in plan.arguments.values():
            if (axis := tokens.axes[slot]) is not None:
                resize(arguments[slot], axis, length)
        for step in plan.steps:
            for place, slot in enumerate(step.inputs):
                if slot in plan.constants and (dims := constant_axes(step, place, tokens)):
                    shorten_constant(step.op, place, dims, length)
            if (axis := tokens.axes[step.output]) is not None:
                resize(step.op.out, axis, length)
        results = [value.type for value in body.operations[len(body.operations) - 1].operands]
        kind = ir.FunctionType.get([value.type for value in arguments], results)
        function.operation.attributes["function_type"] = ir.TypeAttr.get(kind)
    return copy


def checked(tokens: Tokens | None, results: Mapping[str, int]) -> Tokens:
    """Tokens that do not meet on the way to any result."""
    if tokens is None:
        raise ModelError(
            "several lengths need one input that says which tokens are valid, of the shape [1, tokens], as an "
            f"attention_mask does; {ADVICE}"
        )
    for slot in results.values():
        if slot in tokens.meeting:
            raise ModelError(
                f'"{tokens.meeting[slot]}": its result depends on padded tokens, so that answers would depend on the '
                f"length; {ADVICE}"
            )
    return tokens


def resize(value: ir.Value, axis: int, length: int) -> None:
    """Another size along one axis."""
    element = ir.RankedTensorType(value.type).element_type
    value.set_type(ir.RankedTensorType.get([*shape(value)[:axis], length, *shape(value)[axis + 1 :]], element))


def shorten_constant(op: Any, place: int, axes: Sequence[int], length: int) -> None:
    """The beginning of a constant operand along these axes, in the steps of the whole."""
    old = op.operation.operands[place].owner
    data = np.array(old.opview.value)
    data = data[tuple(slice(length) if d in axes else slice(None) for d in range(data.ndim))]
    with ir.InsertionPoint(op), old.location:
        value = ir.DenseElementsAttr.get(np.ascontiguousarray(data))
        new = qd.ConstantOp(value=value, out=value.type)
    for name in old.attributes:
        if name != "value":
            new.operation.attributes[name] = old.attributes[name]
    if qd.RANGE not in old.attributes:
        set_value_range(new.out, *value_range(old.results[0]))
    op.operation.operands[place] = new.out


def constant_axes(step: Step, place: int, tokens: Tokens) -> list[int]:
    """Dimensions of operand `place`, a constant, that count tokens: beside those of the result, and of keys."""
    op, axis = step.op, tokens.axes[step.output]
    dims = shape(op.operation.operands[place])
    rank = len(shape(op.out))
    if isinstance(op, qd.AttentionOp):  # keys and values; scores of queries and keys
        rows, masked = rank - 2, tokens.axes[step.inputs[4]] is not None
        wanted = {1: [rows], 2: [rows], 3: [rank - 1], 4: [rank - 1]}.get(place, []) if masked else []
        wanted += [rows] if place in (0, 3, 4) and axis == rows else []
    elif isinstance(op, qd.ScaleShiftOp):
        return [0] if op.axis.value == axis else []
    else:
        wanted = [axis] if isinstance(op, qd.Binary) and axis is not None else []
    aligned = [d - rank + len(dims) for d in wanted]
    return [d for d in aligned if d >= 0 and dims[d] == tokens.length]


def check_lengths(job: Job, tools: Tools, network: ir.Operation, samples: Sequence[Feeds]) -> None:
    """The model itself, imported for each of the shorter lengths, answers what the shortened network does.

    Raises:
        ModelError: it does not.
    """
    import torch

    plan = make_plan(network)
    tokens = checked(tokens_of(network, plan), plan.results)
    feeds = {name: np.concatenate([each[name] for each in samples])[:ASKED] for name in plan.arguments}
    for shapes, length in zip(job.shapes[1:], job.lengths[1:], strict=True):
        short = FloatReference(shortened(network, length))
        its = FloatReference(float_network(replace(job, shape=shapes), tools.quiet()))
        cut = {n: value[:, :length] if tokens.axes[plan.arguments[n]] == 1 else value for n, value in feeds.items()}
        cut[tokens.mask] = np.maximum(cut[tokens.mask], np.arange(length) == 0)  # one token at least
        with torch.inference_mode():
            given = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in cut.items()}
            pairs = zip(short(given).values(), its(given).values(), strict=True)
            if not all(torch.allclose(a, b, rtol=0, atol=CLOSE * float(b.abs().max())) for a, b in pairs):
                raise ModelError(
                    f"the model answers {length} tokens in another way than the first {length} of {job.lengths[0]}; "
                    f"{ADVICE}"
                )
