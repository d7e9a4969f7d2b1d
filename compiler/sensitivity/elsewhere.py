"""Units of work of a method, computed by workers; what they give is what this process would have computed.

A method is run three times: here, to learn which units there are and which of them nobody knows; by each worker, for
its share of those; and here again, where all of them are known now and are added in their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from torch_mlir import ir

from dyadic.compiler.sensitivity.candidates import Candidates, Roundings
from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.objective import Objective
from dyadic.compiler.sensitivity.work import Data, Key, OutOfTime, Work, rows_of
from dyadic.compiler.widths.simulate import Simulation
from dyadic.compiler.workers.workers import Shared, Workers
from dyadic.dialects import new_context
from dyadic.dialects.bytecode import bytecode

if TYPE_CHECKING:
    import torch

SHARES = 4  # of the work for each worker: none has to wait long for another


@dataclass
class Listing(Work):
    """Computes nothing: `found` are the units there are, with what each costs."""

    found: dict[str, int] = field(default_factory=dict)

    def skips(self, units: Sequence[tuple[Sequence[Any], int]]) -> bool:
        self.found |= {self.key(name): cost for name, cost in units}
        return True

    def unit(self, name: Sequence[Any], compute: Callable[[], Mapping[Key, torch.Tensor]], cost: int = 1) -> None:
        self.found[self.key(name)] = cost


@dataclass
class Share(Work):
    """Computes those of `wanted` alone; `rows` is what each gave."""

    wanted: frozenset[str] = frozenset()
    rows: dict[str, bytes] = field(default_factory=dict)

    def skips(self, units: Sequence[tuple[Sequence[Any], int]]) -> bool:
        return not any(self.key(name) in self.wanted for name, _ in units)

    def unit(self, name: Sequence[Any], compute: Callable[[], Mapping[Key, torch.Tensor]], cost: int = 1) -> None:
        key = self.key(name)
        if key in self.wanted:
            if self.deadline is not None and time.monotonic() > self.deadline:
                raise OutOfTime
            self.rows[key] = rows_of(compute())


@dataclass(frozen=True)
class Asked:
    """The units of a share, and in how many seconds no new one is to be begun."""

    wanted: frozenset[str]
    seconds: float | None


@dataclass(frozen=True)
class SentWork:
    """All that a method reads but the samples."""

    module: bytes
    candidates: Candidates
    labelled: bool
    seed: int
    memory: int
    question: dict[str, str]
    count: int
    sha256: str


def compute_elsewhere(method: Method, work: Work, workers: Workers) -> bool:
    """Let workers compute what is not known yet; `work` knows it then. Whether there was anything to share."""
    listing = as_kind(Listing, work)
    with suppress(OutOfTime):
        method.measure(listing)
    known = work.cache.read("sensitivity", listing.found) if work.cache else {}
    missing = {key: cost for key, cost in listing.found.items() if key not in known}
    if len(missing) < 2:
        return False
    left = None if work.deadline is None else max(0.0, work.deadline - time.monotonic())
    asked = [Asked(frozenset(keys), left) for keys in shares(missing, SHARES * workers.most)]
    shared = (
        Shared(method, lambda: [method.name], named),
        Shared(work, lambda: sent(work), arrived),
    )
    work.start(sum(listing.found.values()))

    def learn(rows: dict[str, bytes]) -> None:
        """At once, so that whoever interrupts loses nothing."""
        work.known |= rows
        if work.cache:
            work.cache.write("sensitivity", rows)
        work.advance(sum(missing[key] for key in rows))

    workers.run(compute, shared, asked, learn)
    return True


def compute(method: Method, work: Work, asked: Asked) -> dict[str, bytes]:
    """The task: what the units of a share give, as far as there is time."""
    share = as_kind(Share, work)
    share.wanted, share.deadline = asked.wanted, None if asked.seconds is None else time.monotonic() + asked.seconds
    with suppress(OutOfTime):
        method.measure(share)
    return share.rows


def shares(costs: Mapping[str, int], count: int) -> list[list[str]]:
    """The units in their order, cut where every share costs about the same.

    >>> shares({"a": 2, "b": 1, "c": 1, "d": 2}, 3)
    [['a'], ['b', 'c'], ['d']]
    """
    total, seen = sum(costs.values()), 0
    found: dict[int, list[str]] = {}
    for key, cost in costs.items():
        found.setdefault(int(count * seen / total), []).append(key)
        seen += cost
    return list(found.values())


def as_kind(kind: type[Any], work: Work) -> Any:
    """The same work to do, of another kind, of which nothing is known yet."""
    same = {one.name: getattr(work, one.name) for one in fields(Work) if one.name not in ("moments", "begin")}
    return kind(**same)


def named(items: list[Any]) -> Method:
    from dyadic.compiler.sensitivity import METHODS

    return METHODS[items[0]]


def sent(work: Work) -> Iterator[object]:
    """What goes to another process."""
    data, module = work.data, work.simulation.module
    feeds = {name: value.cpu().numpy() for name, value in data.feeds.items()}
    labels = None if data.labels is None else data.labels.cpu().numpy()
    yield SentWork(
        bytecode(module),
        work.candidates,
        work.objective.labelled,
        work.seed,
        work.memory,
        work.question,
        data.count,
        data.sha256,
    )
    yield feeds, labels


def arrived(items: list[Any]) -> Work:
    """The work in another process."""
    import torch

    said, (feeds, labels) = items
    context = new_context()
    with context:
        simulation = Simulation(ir.Module.parse(said.module))
    tensors = {name: torch.from_numpy(value) for name, value in feeds.items()}
    data = Data(tensors, None if labels is None else torch.from_numpy(labels), said.count, said.sha256)
    objective, roundings = Objective(simulation, said.labelled), Roundings(simulation)
    return Work(simulation, objective, said.candidates, roundings, data, said.seed, said.memory, said.question)
