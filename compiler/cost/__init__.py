"""What each width costs: bytes and operations by counting, time measured in place on this machine.

The network is compiled once for every uniform width that is a candidate; all of them run in alternation with a time
stamp after every step, so that the machine's moods fall on all alike. A layer's cost in a mixed network is then what
it cost among neighbours, with the caches as they are, not what it costs alone.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.registry import target_of
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import Session, load

ROUNDS, SECONDS, MOST_ROUNDS = 30, 2.0, 300


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
    variants: Mapping[str, Emitted], level: str, threads: int, batch: int, cache: Cache, done: Callable[[], object]
) -> dict[str, Times]:
    """Time artifacts of the same network against each other; known from the cache where nothing has changed."""
    key = key_of(question(variants, level, threads, batch))
    known = cache.read("timing", [key])
    if key in known:
        return {name: Times(**times) for name, times in json.loads(known[key]).items()}
    with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
        sessions: dict[str, Session] = {}
        try:
            for number, (name, emitted) in enumerate(variants.items()):
                path = Path(folder) / f"{number}.dyq"
                emitted.write(path, {})
                sessions[name] = load(path, threads=threads, max_batch=batch, isa=level)
            measured = alternate(sessions, batch, done)
        finally:
            for session in sessions.values():
                session.close()
    cache.write("timing", {key: json.dumps({name: asdict(times) for name, times in measured.items()}).encode()})
    return measured


def alternate(sessions: Mapping[str, Session], batch: int, done: Callable[[], object]) -> dict[str, Times]:
    """Rounds of one stamped and one plain run of every session, in an order that changes."""
    random, names = np.random.default_rng(0), list(sessions)
    feeds = {name: random_feeds(session, batch) for name, session in sessions.items()}
    stamped: dict[str, list[list[float]]] = {name: [] for name in names}
    plain: dict[str, list[float]] = {name: [] for name in names}
    end, rounds = time.perf_counter() + SECONDS * len(names), 0
    while rounds < ROUNDS or (time.perf_counter() < end and rounds < MOST_ROUNDS):
        for i in random.permutation(len(names)):
            session, given = sessions[names[i]], feeds[names[i]]
            session.run(None, given)
            start = time.perf_counter_ns()
            session.run(None, given)
            plain[names[i]].append((time.perf_counter_ns() - start) / batch)
            steps = session.profile(given, iterations=1, warmup=0)
            stamped[names[i]].append([step.median_ns / batch for step in steps])
        rounds += 1
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


def question(variants: Mapping[str, Emitted], level: str, threads: int, batch: int) -> dict[str, object]:
    """All that the answer depends on."""

    (target,) = {emitted.target for emitted in variants.values()}
    return {
        "what": "layers in place, shares of the first",
        "processor": target_of(target).identity(level),
        "level": level,
        "threads": threads,
        "batch": batch,
        "variants": {name: emitted.digest(level) for name, emitted in variants.items()},
    }
