"""Methods that look at one point at a time: only the part of the network is run that a point changes.

The float network goes through once, step by step; before the first step that a point changes it waits, and the point's
candidates go on from there. So no prefix is computed twice, and what is held is the live tensors at one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.perturb import run
from dyadic.compiler.sensitivity.work import Chunk, Key, Work
from dyadic.compiler.widths.simulate import Values

if TYPE_CHECKING:
    import torch


class Cut:
    """The network from a point on: `steps` are left to run. `exact` is what the float network answers."""

    def __init__(
        self, work: Work, chunk: Chunk, point: str, kind: str, values: Values, first: int, exact: torch.Tensor
    ) -> None:
        self.work, self.chunk, self.point, self.kind, self.exact = work, chunk, point, kind, exact
        self._values = values
        self.steps = work.simulation.plan.steps[first:]

    @property
    def target(self) -> torch.Tensor:
        """What answers are compared with."""
        return self.work.target(self.chunk, self.exact)

    @property
    def choices(self) -> tuple[str, ...]:
        candidates = self.work.candidates
        if self.kind == "w":
            return tuple(candidates.weights.get(self.point, ()))
        return tuple(f"a{bits}" for bits in candidates.activations.get(self.point, ()))

    @property
    def values(self) -> Values:
        """A copy, to run `steps` on."""
        return dict(self._values)

    def rounded(self, choice: str) -> torch.Tensor:
        """Answers with the point rounded."""
        simulation, values = self.work.simulation, self.values
        widths = {} if self.kind == "w" else {self.point: int(choice[1:])}
        if self.kind == "w":
            values[simulation.points.weights[self.point].slot] = self.work.roundings.weight(self.point, choice)
        for slot in simulation.plan.arguments.values():
            if slot in values:
                values[slot] = simulation.rounded(slot, values[slot], widths)
        simulation.steps(values, widths, self.steps)
        outputs = {n: values[slot] for n, slot in simulation.plan.results.items()}
        return self.work.objective.answers(outputs, self.chunk.feeds)


Draw = Callable[[Cut], Mapping["Key", "torch.Tensor"]]


def cuts(work: Work, chunk: Chunk) -> Iterator[Cut]:
    """Every point that has candidates, in the order of the network. A cut is valid until the next one is asked for."""
    import torch

    places, steps = work.places, work.simulation.plan.steps
    waiting: dict[int, list[tuple[str, str]]] = {}
    for point in work.candidates.weights:
        waiting.setdefault(places.first_weights[point], []).append((point, "w"))
    for point in work.candidates.activations:
        waiting.setdefault(places.first_activations[point], []).append((point, "a"))
    with torch.no_grad():
        values = work.simulation.start(chunk.feeds, {}, {})
        exact = work.objective.answers(run(work.simulation, dict(values), {}), chunk.feeds)
    for i, step in enumerate(steps):
        for point, kind in waiting.get(i, ()):
            yield Cut(work, chunk, point, kind, values, i, exact)
        with torch.no_grad():
            values[step.output] = work.simulation.step(step, values, {})
        for slot in step.dead:
            values.pop(slot, None)


def visit(work: Work, chunks: list[Chunk], draw: Draw) -> None:
    """`draw` at every cut of every chunk; each is a unit."""
    order = points_of(work)
    work.start(len(chunks) * sum(cost for *_, cost in order))
    for chunk in chunks:
        rows = len(next(iter(chunk.feeds.values())))
        units = [([chunk.index, rows, point, kind, choices], cost) for point, kind, choices, cost in order]
        if work.skips(units):
            continue
        for (name, cost), cut in zip(units, cuts(work, chunk), strict=True):
            work.unit(name, lambda cut=cut: draw(cut), cost=cost)


def points_of(work: Work) -> list[tuple[str, str, tuple[str, ...], int]]:
    """Every point that has candidates, in the order of `cuts`: its name, its kind, its choices, and how many steps it
    changes."""
    places, steps = work.places, len(work.simulation.plan.steps)
    found = [(places.first_weights[p], p, "w", tuple(choices)) for p, choices in work.candidates.weights.items()]
    for point, widths in work.candidates.activations.items():
        found.append((places.first_activations[point], point, "a", tuple(f"a{bits}" for bits in widths)))
    return [
        (point, kind, choices, steps - first) for first, point, kind, choices in sorted(found, key=lambda one: one[0])
    ]
