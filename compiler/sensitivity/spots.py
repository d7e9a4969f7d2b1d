"""Where the points of a network are, in one run: what looks at all of them, or changes all, goes through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.perturb import Inject
from dyadic.compiler.sensitivity.work import Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Spot:
    """A layer of a weight point (`kind` "w"), or a tensor in which an activation point is rounded first ("a")."""

    point: str
    kind: str
    slot: int
    choices: tuple[str, ...]

    @property
    def keys(self) -> list[Key]:
        return [(self.point, choice) for choice in self.choices]


# (the spot, its step or None for an argument, the values before it, its result): what to use instead of the result.
See = Callable[[Spot, "Step | None", Values, "torch.Tensor"], "torch.Tensor"]


def at_spots(work: Work, see: See) -> dict[int, Inject]:
    """For `run`: `see` at every spot that has candidates; where a layer's result is a spot, too, it comes second."""
    spots: dict[int, list[Spot]] = {}
    for point, schemes in work.candidates.weights.items():
        for step in work.places.layers[point]:
            spots.setdefault(step.output, []).append(Spot(point, "w", step.output, tuple(schemes)))
    for point, widths in work.candidates.activations.items():
        for slot in work.places.sources[point]:
            spots.setdefault(slot, []).append(Spot(point, "a", slot, tuple(f"a{bits}" for bits in widths)))

    def of(here: list[Spot]) -> Inject:
        def inject(step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
            for spot in here:
                result = see(spot, step, values, result)
            return result

        return inject

    return {slot: of(here) for slot, here in spots.items()}


def change(
    work: Work, spot: Spot, choice: str, step: Step | None, values: Values, result: torch.Tensor
) -> torch.Tensor:
    """What rounding adds to a result: of weights linear in the layer's input, of a tensor the error as it is."""
    if spot.kind == "w":
        assert step is not None
        return work.places.layer(step, values, work.roundings.change(spot.point, choice))
    return work.places.error(spot.slot, result.detach(), spot.point, int(choice[1:]))
