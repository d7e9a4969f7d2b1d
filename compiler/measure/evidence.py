"""Whether what a search predicted is true: its latency, its ranking of the layers, and its choice against chance.

Everything is measured with compiled artifacts on samples that were not used to predict it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from dyadic.compiler import cost
from dyadic.compiler.built import Built
from dyadic.compiler.calibrated import Calibrated
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.report_schema import Correlation, Latency, LayerTime, PlanPoint, Ranked, Ranking
from dyadic.compiler.select.correlation import rank_correlation
from dyadic.compiler.select.costs import measure_losses
from dyadic.compiler.select.judge import Asked
from dyadic.compiler.select.model import BASE, BOPS, BYTES, bits_of, decisions_of, uniform_among
from dyadic.compiler.select.stage import Searched
from dyadic.compiler.select.task import Task
from dyadic.compiler.select.trials import CompiledTrials, beside_int8
from dyadic.compiler.sensitivity import METHODS
from dyadic.compiler.solvers.random_plan import random_plans
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.widths.scheme import FLOAT

RANKED_LAYERS, RANKING_SECONDS = 24, 90.0
TOGETHER_SECONDS = 1.0


def latency(searched: Searched, built: Built, progress: Progress) -> Latency:
    """Predicted from uniform networks against measured from the artifact, in milliseconds an image.

    A share of int8's time was predicted. It is said in the times that int8 takes while the artifact is measured: since
    then, the machine may have become slower or faster. Both are measured anew: the time in the cache is the one that
    the plan was accepted for.
    """
    task, place = searched.found.task, searched.place
    with progress.stage("measure", cost.ROUNDS) as advance:
        int8, measured = beside_int8(searched.int8, built, place, Cache(None), advance)
    predicted = predicted_layers(task, searched.found.decisions)
    layers = {name: ns * int8.sum / task.costs.base.sum for name, ns in predicted.items()}
    share = sum(layers.values()) / int8.sum
    return Latency(
        predicted_ms=share * int8.whole / 1e6,
        measured_ms=measured.whole / 1e6,
        error=share / measured.share - 1,
        level=place.level,
        threads=place.threads,
        layers=tuple(
            LayerTime(name or "boundary", ns / 1e3, measured.layers[name][0] / 1e3)
            for name, ns in layers.items()
            if name in measured.layers
        ),
    )


def predicted_layers(task: Task, decisions: Decisions) -> dict[str, float]:
    """Nanoseconds of every layer in a time-stamped run, '' for the boundary."""
    points, costs = task.points, task.costs
    with_weights = {layer: point for point in points.weights.values() for layer in point.layers}
    predicted = {"": costs.base.layers[""][0]}
    for layer in costs.base.layers:
        if layer in with_weights:
            point = with_weights[layer]
            scheme, width = decisions.weights[point.name], decisions.activations[point.reads[0]]
            predicted[layer] = costs.latency([layer], scheme, width)
            if scheme == FLOAT and layer in points.additions:  # which has its own step now
                addition = points.additions[layer]
                predicted[addition] = costs.latency([addition], scheme, width)
        elif layer in points.result_of:
            width = decisions.activations[points.result_of[layer]]
            predicted[layer] = costs.latency([layer], BASE[0], width)
    return predicted


def ranking(searched: Searched, calibrated: Calibrated, tools: Tools, *, every: bool) -> Ranking:
    """How well sensitivities rank the layers: each rounded alone in an artifact, its loss against its prediction.

    every: all methods and all layers, however long that takes.
    """
    task = searched.found.task
    schemes = {name: min(choices, key=bits_of) for name, choices in task.candidates.weights.items() if len(choices) > 1}
    layers = list(schemes)
    if not every and len(layers) > RANKED_LAYERS:
        layers = layers[:: -(-len(layers) // RANKED_LAYERS)]
    base = uniform_among(task.points, task.candidates, *BASE)
    plans = [base, *(Decisions({**base.weights, layer: schemes[layer]}, base.activations) for layer in layers)]
    losses = list[float]()
    with tools.progress.stage("rank", len(plans)) as advance:
        seconds = None if every else RANKING_SECONDS
        for tally in tallies(searched.trials, [Asked(plan, refine=False) for plan in plans], advance, seconds):
            losses.append(tally.loss)
    measured = {layer: loss - losses[0] for layer, loss in zip(layers, losses[1:], strict=False)}
    used, correlations = task.sensitivities, dict[str, Correlation]()
    for method in METHODS if every else [used.method]:
        known = used if method == used.method else measure_losses(method, calibrated, task.candidates, tools)
        predicted = {layer: known.weights[layer][schemes[layer]].value for layer in measured}
        seen = rank_correlation(predicted, measured)
        if seen is not None:
            correlations[method] = seen
    points = tuple(Ranked(n, schemes[n], used.weights[n][schemes[n]].value, measured[n]) for n in measured)
    return Ranking(used.method, used.unit, correlations, points)


def tallies(
    trials: CompiledTrials, asked: Sequence[Asked], advance: Callable[[], object], seconds: float | None = None
) -> Iterator[Tally]:
    """Of one plan after the other, as many at a time as are tried together in about a second, so that workers do not
    wait for each other after each; no more are begun after so many seconds."""
    left, started = list(asked), time.monotonic()
    while left and (seconds is None or len(left) == len(asked) or time.monotonic() - started <= seconds):
        rounds = max(1, int(TOGETHER_SECONDS / trials.judge.seconds)) if trials.judge.seconds else 1
        count = len(left) if seconds is None else rounds * trials.abreast(len(left))
        for pieces in trials.judge.ask(left[:count], advance):
            yield trials.evaluator.judged(pieces)
        left = left[count:]


def against_chance(searched: Searched, progress: Progress, count: int) -> tuple[PlanPoint, ...]:
    """Random plans of the chosen one's size, compiled as it was: what choosing was worth is what it is better by."""
    found = searched.found
    plans = list(random_plans(found.problem, found.chosen, BYTES, count))
    points = [PlanPoint(plan.loss, round(plan.costs[BYTES]), round(plan.costs[BOPS])) for plan in plans]
    with progress.stage("random", len(plans)) as advance:
        seen = list(tallies(searched.trials, [Asked(decisions_of(plan)) for plan in plans], advance))
    return tuple(map(judged, points, seen))


def judged(point: PlanPoint, tally: Tally) -> PlanPoint:
    """With what is known of its answers."""
    if tally.measured is not None:
        return replace(point, metric=tally.measured.value)
    accuracy = tally.int8_right / tally.samples if tally.labelled == tally.samples else None
    return replace(point, accuracy=accuracy, agreement=tally.same / max(1, tally.classified))
