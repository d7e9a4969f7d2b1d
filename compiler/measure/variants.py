"""Float, uniform int8 and what was chosen, side by side on this machine: what ships must be worth it.

All three run in alternation, and answer the same evaluation samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from dyadic.compiler.built import Built
from dyadic.compiler.quality.comparison import paired_interval
from dyadic.compiler.quality.evaluator import Evaluator
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.report_schema import Interval, Variant
from dyadic.compiler.select.trials import CHOSEN
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import Session

SECONDS, LEAST_ROUNDS, MOST_ROUNDS = 2.0, 15, 200
FLOAT = "float"


def side_by_side(
    engine: Engine,
    plans: Mapping[str, Built],
    sizes: Mapping[str, int],
    level: str,
    threads: int,
    batch: int,
    evaluator: Evaluator | None,
) -> list[Variant]:
    """Float first; of `plans` the one called "chosen" ships. `sizes` are bytes of their files."""
    with ExitStack() as stack:
        most = max(batch, evaluator.batch if evaluator else 1)
        sessions = {name: stack.enter_context(plan.load(threads, most, level)) for name, plan in plans.items()}
        feeds = random_feeds(next(iter(sessions.values())), batch)
        runs: dict[str, Callable[[], object]] = {FLOAT: lambda: engine.run(feeds)}
        runs |= {name: _run(session, feeds) for name, session in sessions.items()}
        times = alternate(runs, batch)
        made = [_float(engine, times[FLOAT], evaluator)]
        for name, session in sessions.items():
            made.append(_variant(name, plans[name], sizes[name], session, times[name], evaluator))
    return made


def _run(session: Session, feeds: Mapping[str, Any]) -> Callable[[], object]:
    return lambda: session.run(None, feeds)


def alternate(runs: Mapping[str, Callable[[], object]], batch: int) -> dict[str, tuple[float, float, float]]:
    """(median, lower, upper quartile) in milliseconds an image of each, run in an order that changes."""
    random, names = np.random.default_rng(0), list(runs)
    seen: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        runs[name]()
    end = time.perf_counter() + SECONDS * len(names)
    while (rounds := len(seen[names[0]])) < LEAST_ROUNDS or (time.perf_counter() < end and rounds < MOST_ROUNDS):
        for i in random.permutation(len(names)):
            start = time.perf_counter()
            runs[names[i]]()
            seen[names[i]].append(1e3 * (time.perf_counter() - start) / batch)
    quartiles = {name: np.percentile(values, (50, 25, 75)) for name, values in seen.items()}
    return {name: (float(q[0]), float(q[1]), float(q[2])) for name, q in quartiles.items()}


def _float(engine: Engine, times: tuple[float, float, float], evaluator: Evaluator | None) -> Variant:
    accuracy = None if evaluator is None else evaluator.float_accuracy
    metric = None if evaluator is None or evaluator.bootstrap is None else evaluator.bootstrap.value
    return Variant(FLOAT, engine.bytes, None, *times, accuracy=accuracy, metric=metric)


def _variant(
    name: str,
    plan: Built,
    size: int,
    session: Session,
    times: tuple[float, float, float],
    evaluator: Evaluator | None,
) -> Variant:
    made = Variant(name, size, plan.emitted.weight_bytes, *times, shipped=name == CHOSEN)
    if evaluator is None:
        return made
    tally = evaluator.judge(session)
    made = replace(made, sqnr_db=round(tally.sqnr_db, 2))
    if tally.measured is not None:
        return replace(made, metric=tally.measured.value, difference=Interval(*tally.measured.difference))
    if tally.classified:
        made = replace(made, agreement=tally.same / tally.classified)
    if tally.labelled == tally.samples:
        difference = Interval(*paired_interval(tally.gained, tally.lost, tally.samples))
        made = replace(made, accuracy=tally.int8_right / tally.samples, difference=difference)
    return made
