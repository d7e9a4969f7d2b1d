"""How long artifacts of one network take on the machine that this runs on, against each other.

Rounds of one stamped and one plain run of each, in an order that changes, so that the machine's moods fall on all
alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import Session, load


@dataclass(frozen=True)
class Rounds:
    """At least `least` rounds, then more until `seconds` for each network are over, but no more than `most`."""

    least: int
    seconds: float
    most: int


@dataclass(frozen=True)
class Times:
    """Nanoseconds of one network: `layers` by name, medians of time-stamped runs, with the quartiles of each; `whole`
    is the median of runs without stamps, `share` that of what each takes of the first network's run beside it."""

    layers: dict[str, tuple[float, float, float]]
    whole: float
    low: float
    high: float
    share: float = 1.0

    @property
    def sum(self) -> float:
        return sum(median for median, _, _ in self.layers.values())

    def predicted(self, layers: float) -> float:
        """A whole network's time from the sum of its layers': stamps and their barriers cost something too."""
        return layers * self.whole / self.sum


def measure(
    paths: Mapping[str, Path], level: str, threads: int, batch: int, rounds: Rounds, done: Callable[[], object]
) -> dict[str, Times]:
    """Of artifacts, by name, run at a level; `done` is called after each round."""
    with ExitStack() as stack:
        sessions = {
            name: stack.enter_context(load(path, threads=threads, max_batch=batch, isa=level))
            for name, path in paths.items()
        }
        return alternate(sessions, batch, rounds, done)


def alternate(
    sessions: Mapping[str, Session], batch: int, rounds: Rounds, done: Callable[[], object]
) -> dict[str, Times]:
    """Rounds of one stamped and one plain run of every session, in an order that changes."""
    random, names = np.random.default_rng(0), list(sessions)
    feeds = {name: random_feeds(session, batch) for name, session in sessions.items()}
    stamped: dict[str, list[list[float]]] = {name: [] for name in names}
    plain: dict[str, list[float]] = {name: [] for name in names}
    end, count = time.perf_counter() + rounds.seconds * len(names), 0
    while count < rounds.least or (time.perf_counter() < end and count < rounds.most):
        for i in random.permutation(len(names)):
            session, given = sessions[names[i]], feeds[names[i]]
            session.run(None, given)
            start = time.perf_counter_ns()
            session.run(None, given)
            plain[names[i]].append((time.perf_counter_ns() - start) / batch)
            steps = session.profile(given, iterations=1, warmup=0)
            stamped[names[i]].append([step.median_ns / batch for step in steps])
        count += 1
        done()
    return {name: _times(sessions[name], stamped[name], plain[name], plain[names[0]]) for name in names}


def _times(session: Session, stamped: list[list[float]], plain: list[float], first: list[float]) -> Times:
    """Several steps of one layer count together; the boundary is the layer ''."""
    columns: dict[str, list[int]] = {"": [0, len(session.program.timed_steps) + 1]}
    for number, step in enumerate(session.program.timed_steps):
        columns.setdefault(step.layer, []).append(number + 1)
    runs = np.array(stamped)
    sums = {layer: np.percentile(runs[:, its].sum(1), (50, 25, 75)) for layer, its in columns.items()}
    low, whole, high = np.percentile(plain, (25, 50, 75))
    share = float(np.median(np.divide(plain, first)))
    layers = {layer: (float(m), float(q1), float(q3)) for layer, (m, q1, q3) in sums.items()}
    return Times(layers, float(whole), float(low), float(high), share)
