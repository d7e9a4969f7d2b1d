"""What each width costs: bytes and operations by counting, time measured in place on this machine.

The network is compiled once for every uniform width that is a candidate; all of them run in alternation with a time
stamp after every step, so that the machine's moods fall on all alike. A layer's cost in a mixed network is then what
it cost among neighbours, with the caches as they are, not what it costs alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.machines.agent import Agent, written
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.registry import target_of
from dyadic.runtime import in_place
from dyadic.runtime.in_place import Rounds, Times

__all__ = ["MOST_ROUNDS", "ROUNDS", "SECONDS", "Times", "measure", "question"]

ROUNDS, SECONDS, MOST_ROUNDS = 30, 2.0, 300


def measure(
    variants: Mapping[str, Emitted],
    level: str,
    threads: int,
    batch: int,
    cache: Cache,
    done: Callable[[], object],
    agent: Agent | None = None,
) -> dict[str, Times]:
    """Time artifacts of the same network against each other; known from the cache where nothing has changed.

    agent: of the machine to do so on; None for this one.
    """
    key = key_of(question(variants, level, threads, batch, agent))
    known = cache.read("timing", [key])
    if key in known:
        return {name: Times(**times) for name, times in json.loads(known[key]).items()}
    rounds = Rounds(ROUNDS, SECONDS, MOST_ROUNDS)
    if agent is not None:
        measured = agent.times(variants, level, threads, batch, rounds, done)
    else:
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            paths = dict(zip(variants, written(variants.values(), Path(folder)), strict=True))
            measured = in_place.measure(paths, level, threads, batch, rounds, done)
    cache.write("timing", {key: json.dumps({name: asdict(times) for name, times in measured.items()}).encode()})
    return measured


def question(
    variants: Mapping[str, Emitted], level: str, threads: int, batch: int, agent: Agent | None = None
) -> dict[str, object]:
    """All that the answer depends on."""

    (target,) = {emitted.target for emitted in variants.values()}
    return {
        "what": "layers in place, shares of the first",
        "processor": target_of(target).identity(level) if agent is None else agent.identity(level),
        "level": level,
        "threads": threads,
        "batch": batch,
        "variants": {name: emitted.digest(level) for name, emitted in variants.items()},
    }
