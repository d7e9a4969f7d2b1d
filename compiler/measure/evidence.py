"""Whether what a search predicted is true: its latency, its ranking of the layers, and its choice against chance.

Everything is measured with compiled artifacts on samples that were not used to predict it.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dyadic.compiler import cost
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.quality.evaluator import Evaluator
from dyadic.compiler.select.correlation import rank_correlation
from dyadic.compiler.select.search import BASE, BOPS, BYTES, bits_of, decisions_of
from dyadic.compiler.sensitivity import METHODS
from dyadic.compiler.solvers.random_plan import random_plans
from dyadic.compiler.widths.decisions import Decisions

if TYPE_CHECKING:
    from dyadic.compiler.select.compiling import Compiling
    from dyadic.compiler.select.mixed import Mixed

Row = dict[str, Any]
RANKED_LAYERS, RANKING_SECONDS = 24, 90.0


def latency(flow: Compiling, mixed: Mixed, decisions: Decisions) -> Row:
    """Predicted from uniform networks against measured from the artifact, in milliseconds an image.

    A share of int8's time was predicted. It is said in the times that int8 takes while the artifact is measured: since
    then, the machine may have become slower or faster. Both are measured anew: the time in the cache is the one that
    the plan was accepted for.
    """
    with flow.progress.stage("measure", cost.ROUNDS) as advance:
        int8, measured = mixed.trials.beside_int8(flow.artifact.emitted, Cache(None), advance)
    layers = {name: ns * int8.sum / mixed.base.sum for name, ns in mixed.predicted_layers(decisions).items()}
    share = sum(layers.values()) / int8.sum
    return {
        "predicted_ms": share * int8.whole / 1e6,
        "measured_ms": measured.whole / 1e6,
        "error": share / measured.share - 1,
        "level": mixed.level,
        "threads": mixed.threads,
        "layers": [
            {"name": name or "boundary", "predicted_us": ns / 1e3, "measured_us": measured.layers[name][0] / 1e3}
            for name, ns in layers.items()
            if name in measured.layers
        ],
    }


def ranking(flow: Compiling, mixed: Mixed, evaluator: Evaluator) -> Row:
    """How well sensitivities rank the layers: each rounded alone in an artifact, its loss against its prediction."""
    every = flow.options.compare_sensitivities
    schemes = {
        name: min(choices, key=bits_of) for name, choices in mixed.candidates.weights.items() if len(choices) > 1
    }
    layers = list(schemes)
    if not every and len(layers) > RANKED_LAYERS:
        layers = layers[:: -(-len(layers) // RANKED_LAYERS)]
    base, measured, started = mixed.uniform(*BASE), dict[str, float](), time.monotonic()
    with flow.progress.stage("rank", len(layers) + 1) as advance:
        before = loss_of(flow, mixed, base, evaluator)
        advance()
        for layer in layers:
            if not every and time.monotonic() - started > RANKING_SECONDS:
                break
            changed = Decisions({**base.weights, layer: schemes[layer]}, base.activations)
            measured[layer] = loss_of(flow, mixed, changed, evaluator) - before
            advance()
    correlations: Row = {}
    for method in METHODS if every else [mixed.sensitivities.method]:
        known = mixed.sensitivities
        if method != known.method:
            known = mixed.measure_sensitivities(method)
        predicted = {layer: known.weights[layer][schemes[layer]].value for layer in measured}
        seen = rank_correlation(predicted, measured)
        if seen is not None:
            correlations[method] = asdict(seen)
    values = mixed.sensitivities.weights
    points = [
        {"layer": n, "scheme": schemes[n], "predicted": values[n][schemes[n]].value, "measured": measured[n]}
        for n in measured
    ]
    unit = mixed.sensitivities.unit
    return {"used": mixed.sensitivities.method, "unit": unit, "correlations": correlations, "points": points}


def loss_of(flow: Compiling, mixed: Mixed, decisions: Decisions, evaluator: Evaluator) -> float:
    """Cross entropy on the evaluation data: with the labels, or with float's answers where there are none."""
    tried = flow.branch(mixed.points, decisions, (mixed.level,), refine=False).artifact
    with tried.load(mixed.threads, evaluator.batch) as session:
        return evaluator.judge(session).loss


def against_chance(flow: Compiling, mixed: Mixed, evaluator: Evaluator, count: int) -> list[Row]:
    """Random plans of the chosen one's size, compiled as it was: what choosing was worth is what it is better by."""
    rows = []
    with flow.progress.stage("random", count) as advance:
        for plan in random_plans(mixed.problem, mixed.chosen, BYTES, count):
            artifact = flow.branch(mixed.points, decisions_of(plan), (mixed.level,)).artifact
            with artifact.load(mixed.threads, evaluator.batch) as session:
                tally = evaluator.judge(session)
            rows.append(
                {"loss": plan.loss, "bytes": round(plan.costs[BYTES]), "bops": round(plan.costs[BOPS])} | quality(tally)
            )
            advance()
    return rows


def quality(tally: Tally) -> Row:
    """What is known of an artifact's answers."""
    if tally.measured is not None:
        return {"metric": tally.measured.value}
    accuracy = tally.int8_right / tally.samples if tally.labelled == tally.samples else None
    return {"accuracy": accuracy, "agreement": tally.same / max(1, tally.classified)}
