"""How long a run takes: the one way that it is measured, for `dyadic bench`, the table of a compile and the report.

Runs follow each other without a pause, as they do where a network is used; what goes before them is not counted.
Several networks take turns of a few runs each, so that the machine's moods fall on all alike, and each turn begins with
runs that bring its own code and weights back into the caches.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Run = Callable[[], object]
TURN, BEFORE = 10, 3  # timed runs of a turn, and those that go before them
SECONDS, MOST = 1.5, 100  # of each network, whichever is reached first; a turn is finished
LEAST_TURNS = 2
LONG = 100.0  # milliseconds of a run, of which a turn has fewer


@dataclass(frozen=True)
class Times:
    """Milliseconds of every timed run."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        return self.quantile(0.5)

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.runs, share))


def timed(run: Run, iterations: int, before: int) -> list[float]:
    """Milliseconds of `iterations` runs, one behind the other, after `before` others."""
    for _ in range(before):
        run()
    seen = []
    for _ in range(iterations):
        start = time.perf_counter()
        run()
        seen.append(1e3 * (time.perf_counter() - start))
    return seen


def in_turns(runs: Mapping[str, Run]) -> dict[str, Times]:
    """The times of several, which take turns in an order that changes."""
    names, seen = list(runs), {name: list[float]() for name in runs}
    order, turns = np.random.default_rng(0), 0
    end = time.perf_counter() + SECONDS * len(names)
    while turns < LEAST_TURNS or (time.perf_counter() < end and len(seen[names[0]]) < MOST):
        for i in order.permutation(len(names)):
            long = bool(seen[names[i]]) and seen[names[i]][-1] > LONG
            seen[names[i]] += timed(runs[names[i]], *((2, 1) if long else (TURN, BEFORE)))
        turns += 1
    return {name: Times(tuple(each)) for name, each in seen.items()}
