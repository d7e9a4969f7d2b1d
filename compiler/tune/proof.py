"""Whether the network as a whole is faster with what was chosen for its layers one by one.

A layer alone does not meet its neighbours' caches and prefetches. Both artifacts run in alternation, each loaded first
and last, since where memory happens to lie is worth some per cent, too.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.tuned import Proof
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import Session, load

LEAST_ROUNDS, LEAST_SECONDS = 30, 1.0


def prove(static: Emitted, tuned: Emitted, level: str, threads: int, batch: int) -> Proof:
    """Measure both at one level, on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, emitted in (("static", static), ("tuned", tuned)):
            paths.append(Path(folder) / f"{name}.dyq")
            emitted.write(paths[-1], {})
        sessions = [load(paths[i], threads=threads, max_batch=batch, isa=level) for i in (0, 1, 1, 0)]
        try:
            return judged(rounds(sessions, batch))
        finally:
            for session in sessions:
                session.close()


def rounds(sessions: list[Session], batch: int) -> list[list[float]]:
    """Seconds of one run of each session, in an order that changes, each after one that is not timed."""
    random, feeds = np.random.default_rng(0), random_feeds(sessions[0], batch)
    every: list[list[float]] = []
    end = time.perf_counter() + LEAST_SECONDS
    while len(every) < LEAST_ROUNDS or time.perf_counter() < end:
        seconds = [0.0] * len(sessions)
        for i in random.permutation(len(sessions)):
            sessions[i].run(None, feeds)
            start = time.perf_counter()
            sessions[i].run(None, feeds)
            seconds[i] = time.perf_counter() - start
        every.append(seconds)
    return every


def judged(every: list[list[float]]) -> Proof:
    """From rounds of (static, tuned, tuned, static): the ratios' median and the order statistics around it.

    >>> judged([[1.1, 1.0, 1.0, 1.1]] * 30).pays, judged([[1.0, 1.0, 1.0, 1.0]] * 30).pays
    (True, False)
    """
    ratios = sorted((first + last) / (second + third) for first, second, third, last in every)
    count = len(ratios)
    away = 0.98 * count**0.5
    low, high = max(0, int(count / 2 - away)), min(count - 1, int(count / 2 + away))
    return Proof(float(np.median(ratios)), ratios[low], ratios[high], count)
