"""Float, uniform int8 and what was chosen, side by side on this machine: what ships must be worth it.

All three take turns (`runtime/timing.py`), and answer the same evaluation samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from dyadic.compiler.built import Built
from dyadic.compiler.machines.agent import Agent
from dyadic.compiler.quality.comparison import paired_interval
from dyadic.compiler.quality.evaluator import Evaluator
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.report_schema import Interval, Variant
from dyadic.compiler.select.trials import CHOSEN
from dyadic.compiler.targets.emitted import Emitted
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import Session
from dyadic.runtime.timing import Times, in_turns

FLOAT = "float"
Quartiles = tuple[float, float, float]


def side_by_side(
    engine: Engine,
    plans: Mapping[str, Built],
    sizes: Mapping[str, int],
    level: str,
    threads: int,
    batch: int,
    evaluator: Evaluator | None,
    agent: Agent | None = None,
) -> list[Variant]:
    """Float first; of `plans` the one called "chosen" ships. `sizes` are bytes of their files.

    agent: of the machine that plans are timed on, which cannot run float; None for this one.
    """
    with ExitStack() as stack:
        most = max(batch, evaluator.batch if evaluator else 1)
        here = level if agent is None else None
        sessions = {name: stack.enter_context(plan.load(threads, most, here)) for name, plan in plans.items()}
        feeds = random_feeds(next(iter(sessions.values())), batch)
        runs: dict[str, Callable[[], object]] = {FLOAT: lambda: engine.run(feeds)}
        runs |= {name: _run(session, feeds) for name, session in sessions.items()}
        if agent is None:
            times = {name: in_milliseconds(one, batch) for name, one in in_turns(runs).items()}
        else:
            times = times_there(agent, {name: plan.emitted for name, plan in plans.items()}, level, threads, batch)
        made = [_float(engine, times.get(FLOAT), evaluator)]
        for name, session in sessions.items():
            made.append(_variant(name, plans[name], sizes[name], session, times[name], evaluator))
    return made


def times_there(
    agent: Agent, plans: Mapping[str, Emitted], level: str, threads: int, batch: int
) -> dict[str, Quartiles]:
    """(median, lower, upper quartile) in milliseconds an image of each, on the agent's machine."""
    return {name: in_milliseconds(one, batch) for name, one in agent.in_turns(plans, level, threads, batch).items()}


def _run(session: Session, feeds: Mapping[str, Any]) -> Callable[[], object]:
    return lambda: session.run(None, feeds)


def in_milliseconds(times: Times, batch: int) -> tuple[float, float, float]:
    """(median, lower, upper quartile) of an image."""
    return tuple(times.quantile(share) / batch for share in (0.5, 0.25, 0.75))  # pyright: ignore[reportReturnType]


def _float(engine: Engine, times: Quartiles | None, evaluator: Evaluator | None) -> Variant:
    accuracy = None if evaluator is None else evaluator.float_accuracy
    metric = None if evaluator is None or evaluator.bootstrap is None else evaluator.bootstrap.value
    return Variant(FLOAT, engine.bytes, None, *(times or ()), accuracy=accuracy, metric=metric)


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
