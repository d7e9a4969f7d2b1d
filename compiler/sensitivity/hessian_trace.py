"""The mean eigenvalue of each block of the Hessian, by Hutchinson's estimator, times the squared rounding error.

Zhen Dong, Zhewei Yao, Yaohui Cai, Daiyaan Arfeen, Amir Gholami, Michael W. Mahoney, Kurt Keutzer, "HAWQ-V2: Hessian
Aware trace-Weighted Quantization of Neural Networks", 2020, arXiv:1911.03852:

    1/2 tr(H_WW) / n * |Q(W) - W|^2        1/2 E tr(H_aa) / n * E |Q(a) - a|^2

n the number of weights, or of elements of one sample's tensor (the paper leaves the 1/2 out, which orders alike).
E v^T H v = tr(H) for v of random signs. One pass gives a draw for every point:

* In general, v goes through all points at once: v_i^T (H v)_i is unbiased for tr(H_ii), since the signs of other
  points cancel on average; more variance a pass than block by block, but as many traces as there are points. Weights
  and activations take a pass each, since the latter have far more elements.
* Without labels H = J^T A J (`objective.py`), and so is each block with labels where the network is piecewise linear.
  Then tr(J_i^T A J_i) = E |J_i^T R s|^2 with R R^T = A and s random signs of the answers: the same estimator from the
  smaller side, by one gradient and without what other points add. Samples have signs of their own, so the gradient of
  their sum will do.

A draw is one pass over some samples. It stops where every trace that matters (a thousandth of the largest) is known to
10 %, or after four times through the samples.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.errors import measure_errors, scaled
from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.perturb import run
from dyadic.compiler.sensitivity.spots import Spot, at_spots
from dyadic.compiler.sensitivity.work import Chunk, Estimates, Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step
from dyadic.dialects.tensor_types import shape

if TYPE_CHECKING:
    import torch

WANTED, MATTERS = 0.1, 1e-3  # relative half width of the interval; share of the largest trace
CYCLES, LEAST_DRAWS = 4, 8
SEEDS = 1_000_003
Signs = Callable[["torch.Tensor"], "torch.Tensor"]
TRACE = "trace"


def measure(work: Work) -> None:
    copies = 4 if curved(work) else 2
    chunks = work.chunks(copies, max(1, work.data.count // LEAST_DRAWS))
    passes = max(LEAST_DRAWS, CYCLES * len(chunks))
    work.start(passes)
    measure_errors(work)
    for i in range(passes):
        chunk = chunks[i % len(chunks)]
        work.unit([TRACE, i, len(chunks), asked(work)], lambda i=i, chunk=chunk: draw(work, chunk, i))
        if i + 1 >= LEAST_DRAWS and enough(work):
            work.advance(passes - i - 1)
            return


def curved(work: Work) -> bool:
    """Whether the Hessian needs second derivatives of the network."""
    return work.objective.labelled and not work.places.straight


def asked(work: Work) -> list[list[str]]:
    return [list(work.candidates.weights), list(work.candidates.activations)]


def enough(work: Work) -> bool:
    """Whether every trace that matters is known well enough; weights and activations are not of one scale."""
    for kind in "wa":
        every = [moments for key, moments in work.moments.items() if key[1:] == (TRACE, kind)]
        least = MATTERS * max((moments.mean for moments in every), default=0.0)
        if any(m.half_width() > WANTED * m.mean for m in every if m.mean > least):
            return False
    return True


def draw(work: Work, chunk: Chunk, index: int) -> dict[Key, torch.Tensor]:
    """One draw of the trace of every block of the mean loss's Hessian."""
    import torch

    generator = torch.Generator().manual_seed(work.seed * SEEDS + index)

    def signs(like: torch.Tensor) -> torch.Tensor:
        return (torch.randint(0, 2, like.shape, generator=generator) * 2 - 1).to(like.device, like.dtype)

    if not curved(work):
        return from_answers(work, chunk, signs)
    return through_points(work, chunk, signs, "w") | through_points(work, chunk, signs, "a")


def from_answers(work: Work, chunk: Chunk, signs: Signs) -> dict[Key, torch.Tensor]:
    import torch

    simulation, points = work.simulation, work.simulation.points
    weights = {p: simulation.weight(points.weights[p]).clone().requires_grad_() for p in work.candidates.weights}
    tensors: dict[int, torch.Tensor] = {}

    def keep(spot: Spot, _step: Step | None, _values: Values, result: torch.Tensor) -> torch.Tensor:
        if spot.kind == "w":
            return result
        tensors[spot.slot] = result if result.requires_grad else result.detach().requires_grad_()
        return tensors[spot.slot]

    start = simulation.start(chunk.feeds, {}, weights)
    answers = work.objective.answers(run(simulation, start, at_spots(work, keep)), chunk.feeds)
    toward = work.objective.root(answers.detach(), signs(answers))
    leaves = [*weights.values(), *tensors.values()]
    gradients = torch.autograd.grad(answers, leaves, toward, allow_unused=True)
    square = [0.0 if g is None else g.double().square().sum() / len(answers) for g in gradients]
    draws = {(p, TRACE, "w"): value for p, value in zip(weights, square, strict=False)}
    of_tensors = dict(zip(tensors, square[len(weights) :], strict=True))
    for p in work.candidates.activations:
        draws[p, TRACE, "a"] = sum(of_tensors[slot] for slot in work.places.sources[p])
    return {key: torch.as_tensor(value) for key, value in draws.items()}


def through_points(work: Work, chunk: Chunk, signs: Signs, kind: str) -> dict[Key, torch.Tensor]:
    """v^T H v, for v of random signs on all the weights ("w") or on all tensors ("a")."""
    import torch

    simulation, places = work.simulation, work.places
    names = list(work.candidates.weights if kind == "w" else work.candidates.activations)
    if not names:
        return {}
    t = torch.zeros(len(names), device=simulation.device, requires_grad=True)
    weights = {p: signs(simulation.weight(simulation.points.weights[p])) for p in (names if kind == "w" else ())}

    def move(spot: Spot, step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
        if spot.kind != kind:
            return result
        moved = places.layer(step, values, weights[spot.point]) if step and kind == "w" else signs(result)
        return result + t[names.index(spot.point)] * moved

    outputs = run(simulation, simulation.start(chunk.feeds, {}, {}), at_spots(work, move))
    answers = work.objective.answers(outputs, chunk.feeds)
    loss = work.objective.losses(answers, work.target(chunk, answers)).mean()
    (first,) = torch.autograd.grad(loss, t, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), t)
    return {(name, TRACE, kind): value for name, value in zip(names, second, strict=True)}


def elements(work: Work, point: str, kind: str) -> int:
    """How many numbers the trace is over."""
    points = work.simulation.points
    if kind == "w":
        return prod(points.weights[point].shape)
    sizes = {step.output: prod(shape(step.op.out)[1:]) for step in work.simulation.plan.steps}
    sizes |= {slot: prod(work.data.feeds[name].shape[1:]) for name, slot in work.simulation.plan.arguments.items()}
    return sum(sizes[slot] for slot in work.places.sources[point])


def estimates(work: Work) -> Estimates:
    traces = {(p, kind): m for (p, *_, kind), m in work.moments.items() if (p, TRACE, kind) in work.moments}
    enough_draws = {key: m for key, m in traces.items() if m.count > 1}
    return scaled(work, {(p, k): m.estimate().times(1 / elements(work, p, k)) for (p, k), m in enough_draws.items()})


METHOD = Method("hessian-trace", measure, estimates, cost=lambda candidates: 3.0 * CYCLES)
