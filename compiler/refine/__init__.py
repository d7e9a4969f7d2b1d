"""Refine: give layers below 8 bits the weights, scales and biases that cost the network least.

What the passes of `passes/refine/` learn from comes from here: calibration samples go through the network layer by
layer. What was learned once is in the cache.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from torch_mlir import ir

from dyadic.compiler.calibrate import question
from dyadic.compiler.calibrate.data import Samples
from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.keep.identity import refine_digest
from dyadic.compiler.progress import Advance, Progress
from dyadic.compiler.refine.answer import Answer
from dyadic.compiler.refine.walk import Walk
from dyadic.compiler.report_schema import Gain
from dyadic.compiler.trace import Trace, run_passes
from dyadic.compiler.widths.simulate import Simulation
from dyadic.dialects import qd
from dyadic.dialects.reference import Plan, main_function, make_plan
from dyadic.dialects.tensor_types import shape
from dyadic.passes import PIPELINE
from dyadic.passes.refine.weight_layers import weight_layer
from dyadic.passes.rewriting import Pass

if TYPE_CHECKING:
    import torch

TECHNIQUES = tuple(one.name for one in PIPELINE["refine"])
MOST_IMAGES = 1000
VALUES_BYTES = 2 << 30  # of both copies of the values that are alive at once; samples beyond that are not looked at


@dataclass(frozen=True)
class Refined:
    """For the report: what each technique gained, what could not be done, and how many images were looked at."""

    gains: tuple[Gain, ...] = ()
    notes: tuple[str, ...] = ()
    images: int = 0


def refine(
    module: ir.Module,
    samples: Samples,
    progress: Progress,
    techniques: Collection[str] = TECHNIQUES,
    cache: Cache | None = None,
    deadline: float | None = None,
    trace: Trace | None = None,
) -> Refined:
    """Write weights, scales and bias shifts onto the layers of `module` that have `qd.weight_bits` below 8.

    techniques: names of the passes to run, beside those of other packages. deadline: when to stop learning, as
    `time.monotonic` counts; the layers that are left then are rounded without data.
    """
    passes = [one for one in PIPELINE["refine"] if one.name in techniques or one.name not in TECHNIQUES]
    refined = Refined()
    with module.context:
        layers = {step.name: step.op for step in make_plan(module).steps if weight_layer(step.op) is not None}
        if layers and passes:
            with progress.stage("refine", len(layers)) as advance:
                answer = recall(module, samples, passes, cache, deadline, advance)
            answer.apply(layers)
            refined = Refined(answer.gains, answer.notes, answer.images)
        run_passes(module.operation, passes, "refine", trace or Trace())
    return refined


def recall(
    module: ir.Module,
    samples: Samples,
    passes: list[Pass],
    cache: Cache | None,
    deadline: float | None,
    advance: Advance,
) -> Answer:
    """What the cache knows, or else what the samples teach."""
    if cache is None or samples.total is None:
        return learn(module, samples, passes, deadline, advance)
    asked = question(module, samples, ",".join(one.name for one in passes)) | {"compiler": refine_digest()}
    key = key_of(asked)
    known = cache.read("rounding", [key])
    if key in known:
        return Answer.from_bytes(known[key])
    answer = learn(module, samples, passes, deadline, advance)
    if not answer.notes:
        cache.write("rounding", {key: answer.to_bytes()})
    return answer


def learn(module: ir.Module, samples: Samples, passes: list[Pass], deadline: float | None, advance: Advance) -> Answer:
    """Walk through the network once."""
    simulation = Simulation(module)
    most = min(MOST_IMAGES, max(1, VALUES_BYTES // (2 * alive_bytes(simulation.plan))))
    feeds = first_images(samples, most)
    layers, notes = [], []
    total = len({step.output for step in simulation.plan.steps if weight_layer(step.op) is not None})
    for rounded in Walk(simulation, feeds, widths(simulation), passes):
        layers.append(rounded)
        advance()
        if deadline is not None and time.monotonic() > deadline and len(layers) < total:
            notes.append(f"refine ran out of time: {total - len(layers)} of {total} layers are rounded to nearest")
            break
    return Answer(tuple(layers), len(next(iter(feeds.values()))), tuple(notes))


def first_images(samples: Samples, most: int) -> dict[str, torch.Tensor]:
    """Up to `most` samples; those that were kept where data cannot be read twice."""
    import torch

    pieces: dict[str, list[torch.Tensor]] = {i.name: [] for i in samples.inputs}
    count = 0
    for feeds in samples.first if samples.total is None else samples:
        for name, piece in pieces.items():
            piece.append(torch.from_numpy(feeds[name][: most - count].copy()))
        count += len(pieces[samples.inputs[0].name][-1])
        if count >= most:
            break
    return {name: torch.cat(piece) for name, piece in pieces.items()}


def alive_bytes(plan: Plan) -> int:
    """The most bytes of one sample's values that are alive at once, float32."""
    sizes = {step.output: 4 * prod(shape(step.op.out)[1:]) for step in plan.steps}
    for step in plan.steps:
        for slot, value in zip(step.inputs, step.op.operation.operands, strict=True):
            if slot not in plan.constants:
                sizes.setdefault(slot, 4 * prod(shape(value)[1:]))
    alive = most = sum(sizes[slot] for slot in plan.arguments.values() if slot in sizes)
    for step in plan.steps:
        alive += sizes[step.output]
        most = max(most, alive)
        alive -= sum(sizes[slot] for slot in step.dead)
    return most


def widths(simulation: Simulation) -> dict[str, int]:
    """The width of every activation point, as `qd.bits` says; 8 where it does not."""
    points, function = simulation.points, main_function(simulation.points.module)
    written = {step.output: step.op.operation.attributes for step in simulation.plan.steps}
    if "arg_attrs" in function.attributes:
        written |= dict(zip(simulation.plan.arguments.values(), function.attributes["arg_attrs"], strict=True))
    bits = {slot: attributes[qd.BITS].value for slot, attributes in written.items() if qd.BITS in attributes}
    return {
        name: next((bits[slot] for slot in point.slots if slot in bits), 8)
        for name, point in points.activations.items()
    }
