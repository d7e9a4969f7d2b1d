"""What each width costs in accuracy, one file a method behind one interface.

    measure("fisher", Simulation(module), Samples(...)).weights["conv1"]["w4"]  ->  Estimate(value, low, high)

A value says by how much the loss (`objective.py`: of labels where there are any, else of float's own answers) is
expected to grow where this one point is rounded so; values of several points add up, which is what an integer program
needs. `METHODS` names all methods; each file says whose it is and its formula.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from math import prod
from statistics import median

from dyadic.compiler.calibrate.data import Feeds
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Advance, Progress
from dyadic.compiler.sensitivity import (
    augmented,
    fisher,
    hessian_top_eigenvalue,
    hessian_trace,
    kl,
    loss,
    perturbation,
    sqnr,
)
from dyadic.compiler.sensitivity.candidates import Candidates, Roundings
from dyadic.compiler.sensitivity.elsewhere import compute_elsewhere
from dyadic.compiler.sensitivity.estimates import Estimate, Sensitivities
from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.objective import Objective
from dyadic.compiler.sensitivity.work import Estimates, Labels, OutOfTime, Work, choose, question
from dyadic.compiler.widths.scheme import FLOAT
from dyadic.compiler.widths.simulate import Simulation
from dyadic.compiler.workers.one_thread import one_thread
from dyadic.compiler.workers.workers import Workers
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.runtime.errors import UsageError

__all__ = [
    "METHODS",
    "Candidates",
    "Estimate",
    "Roundings",
    "Sensitivities",
    "best_device",
    "default_budget",
    "measure",
]

METHODS: dict[str, Method] = {
    one.METHOD.name: one.METHOD
    for one in (hessian_top_eigenvalue, hessian_trace, perturbation, augmented, fisher, loss, kl, sqnr)
}
WORK = 3e12  # multiply-accumulates that a method's default number of samples may take
MEMORY = 1 << 30
SUBSTITUTE = "sqnr"
SUBSTITUTE_SAMPLES = 8
NOTHING = Estimate(0.0, 0.0, 0.0)  # what weights cost that stay exact


def measure(
    method: str,
    simulation: Simulation,
    samples: Iterable[Feeds],
    labels: Labels | None = None,
    candidates: Candidates | None = None,
    progress: Progress | None = None,
    *,
    roundings: Roundings | None = None,
    cache: Cache | None = None,
    budget: int | None = None,
    deadline: float | None = None,
    memory: int = MEMORY,
    seed: int = 0,
    workers: Workers | None = None,
) -> Sensitivities:
    """The sensitivity of every candidate (all there are by default).

    samples: `Samples`, or batches by input name; labels in their order, or in the batches under "labels". budget: how
    many samples to use (`default_budget` says how many by default). Weights that stay float cost nothing. roundings: of
    this simulation, to look for grids only once for several methods. With a cache an interrupted run goes on where it
    was. deadline: a `time.monotonic()` after which no new work is begun; what is missing then is taken from sqnr,
    scaled to what was measured. memory: a ceiling in bytes for the network's tensors. workers: who computes it, on
    processors, with one thread each.

    Raises:
        UsageError: there is no such method.
    """
    if method not in METHODS:
        raise UsageError(f"'{method}' is no sensitivity method; there are {', '.join(METHODS)}")
    one, started = METHODS[method], time.monotonic()
    asked_for = candidates or Candidates.every(simulation.points)
    candidates = asked_for.rounded()
    data = choose(samples, labels, budget or default_budget(method, simulation, candidates), simulation.plan.arguments)
    objective = Objective(simulation, one.labels and data.labels is not None)
    asked = question(simulation, data, method, {"seed": seed, "labels": objective.labelled, "memory": memory})
    work = Work(
        simulation,
        objective,
        candidates,
        roundings or Roundings(simulation),
        data,
        seed,
        memory,
        asked,
        cache,
        deadline,
    )
    with ExitStack() as stack:
        work.begin = lambda total: stack.enter_context((progress or Progress()).stage(method, total))
        if workers is not None and simulation.device == "cpu":
            stack.enter_context(one_thread())
            if workers.most > 1 and compute_elsewhere(one, work, workers):
                work.begin = ignore  # it was said how far that is
        with suppress(OutOfTime):
            one.measure(work)
    found, unit, notes = one.estimates(work), one.unit(objective), []
    missing = [key for key in work.keys() if key not in found]
    if missing:
        found, unit, why = substituted(work, found, unit)
        notes.append(why)
    if data.labels is not None and one.labels and not objective.labelled:
        notes.append("the labels were not used: the network has no single output of classes")
    return Sensitivities(
        method,
        unit,
        {p: {s: NOTHING if s == FLOAT else found[p, s] for s in schemes} for p, schemes in asked_for.weights.items()},
        {p: {bits: found[p, f"a{bits}"] for bits in widths} for p, widths in candidates.activations.items()},
        one.pairs(work),
        data.count,
        round(time.monotonic() - started, 3),
        tuple(notes),
        tuple((point, choice) for point, choice in missing),
    )


def default_budget(method: str, simulation: Simulation, candidates: Candidates) -> int:
    """As many samples as `WORK` allows, within the method's own bounds; they are held, in `MEMORY` at most."""
    one, macs = METHODS[method], sum(point.macs for point in simulation.points.weights.values())
    arguments = main_function(simulation.points.module).operation.regions[0].blocks[0].arguments
    sample_bytes = 4 * sum(prod(shape(argument)[1:]) for argument in arguments)
    by_work = max(one.least, WORK / (max(1, macs) * one.cost(candidates)))
    return max(1, int(min(one.most, by_work, MEMORY / sample_bytes)))


def substituted(work: Work, found: Estimates, unit: str) -> tuple[Estimates, str, str]:
    """(all estimates, their unit, a sentence): what is missing from sqnr, times the median ratio of what is not."""
    few = replace(work, data=work.data.first(SUBSTITUTE_SAMPLES), deadline=None, cache=None, moments={}, begin=ignore)
    sqnr.measure(few)
    local = sqnr.estimates(few)
    ratios = [found[key].value / local[key].value for key in found if local[key].value > 0 and found[key].value > 0]
    scale = median(ratios) if ratios else 1.0
    missing = len(local.keys() - found.keys())
    why = f"time was up before {missing} of {len(local)} values were measured; {SUBSTITUTE} stands in for them"
    if ratios:
        return {key: e.times(scale) for key, e in local.items()} | found, unit, f"{why}, times {scale:.3g}"
    return local, sqnr.METHOD.unit(work.objective), why


def ignore(_total: int) -> Advance:
    return lambda count=1: None


def best_device() -> str:
    """Where a `Simulation` runs fastest."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
