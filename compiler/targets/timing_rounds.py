"""Candidates have their turns in rounds, so that whatever disturbs one disturbs all: in the process that times them."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

FINALISTS = 4  # the static choice among them
ROUNDS_SECONDS = 2.0  # enough of either kind, once the least are done
QUARTILES_TO_SIGMA = 1.349  # of a normal distribution
Run = Callable[[], float]  # one turn: nanoseconds


@dataclass(frozen=True)
class Rounds:
    """How many there are of all candidates, then of the best ones, and at least."""

    screening: int
    final: int
    least: int


def measure(
    runs: Sequence[Run], rounds: Rounds, get_ready: Callable[[int], object] = lambda _: None
) -> list[tuple[float, float, int]]:
    """(median, spread, count) of each; all are screened, then the best few are measured anew with the first one.
    get_ready: of a candidate, before rounds that it is in."""
    screened = turns(runs, range(len(runs)), rounds.screening, rounds.least, get_ready)
    others = sorted(range(1, len(runs)), key=lambda i: statistics.median(screened[i]))
    final = turns(runs, [0, *others[: FINALISTS - 1]], rounds.final, rounds.least, get_ready)
    return [summary((screened | final)[i]) for i in range(len(runs))]


def turns(
    runs: Sequence[Run], which: Sequence[int], count: int, least: int, get_ready: Callable[[int], object]
) -> dict[int, list[float]]:
    """Nanoseconds of every run; the order within a round changes."""
    order, shuffled = list(which), random.Random(0)
    times: dict[int, list[float]] = {i: [] for i in order}
    for i in order:
        get_ready(i)
    begin = time.perf_counter()
    for done in range(count):
        if done >= least and time.perf_counter() - begin > ROUNDS_SECONDS:
            break
        shuffled.shuffle(order)
        for i in order:
            times[i].append(runs[i]())
    return times


def summary(times: Sequence[float]) -> tuple[float, float, int]:
    low, median, high = np.percentile(times, (25, 50, 75))
    return float(median), float(high - low) / QUARTILES_TO_SIGMA, len(times)
