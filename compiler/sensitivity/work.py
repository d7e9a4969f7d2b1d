"""What every method is given: samples in pieces that fit into memory, and a store that an interruption leaves whole.

A method is a sequence of units of work, always in the same order. Each unit gives draws by key; what they sum up to
(`Moments`) is kept in the cache at once. A run that starts again finds the units that were done and adds the same
numbers in the same order, so that it ends with what an uninterrupted one would have.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.data import LABELS, Feeds
from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.keep.identity import sensitivity_digest
from dyadic.compiler.progress import Advance
from dyadic.compiler.sensitivity.candidates import Candidates, Roundings
from dyadic.compiler.sensitivity.estimates import Estimate, Moments
from dyadic.compiler.sensitivity.objective import Objective
from dyadic.compiler.sensitivity.perturb import Places
from dyadic.compiler.widths.simulate import Simulation
from dyadic.dialects.bytecode import bytecode
from dyadic.dialects.tensor_types import shape

if TYPE_CHECKING:
    import torch

MOST_ROWS = 64
Key = tuple[str, ...]  # usually (point, choice)
Estimates = dict[Key, Estimate]
Labels = Sequence[int] | npt.NDArray[np.integer]


class OutOfTime(Exception):
    """The deadline passed before a unit began."""


@dataclass(frozen=True)
class Data:
    """The samples that are used, all of them: `count` is never more than the budget."""

    feeds: dict[str, torch.Tensor]
    labels: torch.Tensor | None
    count: int
    sha256: str

    def first(self, count: int) -> Data:
        feeds = {name: value[:count] for name, value in self.feeds.items()}
        labels = None if self.labels is None else self.labels[:count]
        return Data(feeds, labels, min(count, self.count), f"{self.sha256} {count}")


@dataclass(frozen=True)
class Chunk:
    """Samples that go through the network together."""

    index: int
    feeds: dict[str, torch.Tensor]
    labels: torch.Tensor | None


@dataclass
class Work:
    """One run of one method. `memory` is a ceiling in bytes for what the network's own tensors take."""

    simulation: Simulation
    objective: Objective
    candidates: Candidates
    roundings: Roundings
    data: Data
    seed: int
    memory: int
    question: dict[str, str]
    cache: Cache | None = None
    deadline: float | None = None
    begin: Callable[[int], Advance] = lambda total: lambda count=1: None
    moments: dict[Key, Moments] = field(default_factory=dict)
    known: dict[str, bytes] = field(default_factory=dict)  # what units gave elsewhere

    def __post_init__(self) -> None:
        self.places = Places(self.simulation)
        self.advance: Advance = lambda count=1: None

    def chunks(self, copies: float, most: int = MOST_ROWS) -> list[Chunk]:
        """The samples, so many at a time that `copies` times all of the network's tensors fit into memory."""
        steps = self.simulation.plan.steps
        image = 4 * sum(prod(shape(step.op.out)[1:]) for step in steps)
        rows = max(1, min(most, int(self.memory / (copies * image))))
        made, labels = [], self.data.labels
        for i, start in enumerate(range(0, self.data.count, rows)):
            feeds = {name: value[start : start + rows] for name, value in self.data.feeds.items()}
            made.append(Chunk(i, feeds, None if labels is None else labels[start : start + rows]))
        return made

    def target(self, chunk: Chunk, answers: torch.Tensor) -> torch.Tensor:
        """What answers are compared with: labels, or float's own answers."""
        if self.objective.labelled:
            assert chunk.labels is not None
            return chunk.labels.to(answers.device)
        return answers.detach()

    def start(self, total: int) -> None:
        """Say how much there is to do, in the sum of the units' costs."""
        self.advance = self.begin(total)

    def unit(self, name: Sequence[Any], compute: Callable[[], Mapping[Key, torch.Tensor]], cost: int = 1) -> None:
        """Add a unit's draws, from the store if they are there. `name` says all that they depend on but the question.

        Raises:
            OutOfTime: they are not there, and the deadline has passed.
        """
        key = self.key(name)
        known = {key: self.known[key]} if key in self.known else {}
        if not known and self.cache:
            known = self.cache.read("sensitivity", [key])
        if key not in known:
            if self.deadline is not None and time.monotonic() > self.deadline:
                raise OutOfTime
            known = {key: rows_of(compute())}
            if self.cache:
                self.cache.write("sensitivity", known)
        for where, count, mean, squares in json.loads(known[key]):
            more, before = Moments(count, mean, squares), self.moments.get(tuple(where))
            self.moments[tuple(where)] = more if before is None else before.merged(more)
        self.advance(cost)

    def key(self, name: Sequence[Any]) -> str:
        """All that a unit's draws depend on."""
        return key_of(self.question | {"unit": list(name)})

    def skips(self, units: Sequence[tuple[Sequence[Any], int]]) -> bool:
        """Whether none of these units, with what each costs, is to be computed here, so that what leads to them need
        not be, either."""
        del units
        return False

    def estimates(self) -> Estimates:
        """What was drawn for each candidate, as it is."""
        found = {key: self.moments.get(key) for key in self.keys()}
        return {key: moments.estimate() for key, moments in found.items() if moments is not None}

    def keys(self) -> list[Key]:
        """Every (point, choice) that is asked for."""
        weights = [(point, scheme) for point, schemes in self.candidates.weights.items() for scheme in schemes]
        return weights + [(p, f"a{bits}") for p, widths in self.candidates.activations.items() for bits in widths]


def rows_of(draws: Mapping[Key, torch.Tensor]) -> bytes:
    """What is kept of a unit: counts, means and squares by key."""
    found = {where: Moments.of(values) for where, values in draws.items()}
    return json.dumps([[list(where), m.count, m.mean, m.squares] for where, m in found.items()]).encode()


def choose(samples: Iterable[Feeds], labels: Labels | None, budget: int, inputs: Iterable[str]) -> Data:
    """At most `budget` samples, evenly spread where their number is known (files are often sorted), else the first.

    Labels are `labels`, or what the feeds hold under "labels".
    """
    import torch

    total = getattr(samples, "total", None)
    wanted = range(budget) if total is None or total <= budget else np.arange(budget) * total // budget
    names, taken, seen = [*inputs], [], 0
    for feeds in samples:
        count = len(feeds[names[0]])
        inside = [int(i) - seen for i in wanted if seen <= i < seen + count]
        own = feeds.get(LABELS) if labels is None else np.asarray(labels[seen : seen + count])
        taken.append({n: np.asarray(feeds[n])[inside] for n in names} | ({} if own is None else {LABELS: own[inside]}))
        seen += count
        if seen > wanted[-1]:
            break
    joined = {name: np.concatenate([each[name] for each in taken]) for name in taken[0]}
    digest = hashlib.sha256()
    for name, value in sorted(joined.items()):
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(np.ascontiguousarray(value).data)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in joined.items()}
    known = tensors.pop(LABELS, None)
    return Data(tensors, None if known is None else known.long(), len(joined[names[0]]), digest.hexdigest())


def question(simulation: Simulation, data: Data, method: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """All that a unit's draws depend on, besides its name."""
    model = hashlib.sha256(bytecode(simulation.points.module)).hexdigest()
    return {
        "compiler": sensitivity_digest(),
        "model": model,
        "samples": data.sha256,
        "method": method,
        "settings": key_of(settings),
    }
