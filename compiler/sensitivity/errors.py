"""The squared rounding error of each candidate: |Q(W) - W|^2, and E |Q(a) - a|^2 of one sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.estimates import Estimate
from dyadic.compiler.sensitivity.perturb import run
from dyadic.compiler.sensitivity.spots import Spot, at_spots, change
from dyadic.compiler.sensitivity.work import Chunk, Estimates, Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch

SAMPLES = 32  # errors of tensors vary little from sample to sample
ERROR = "error"


def measure_errors(work: Work) -> None:
    """Leave the activations' errors in the moments; those of weights need no samples."""
    chunks = work.chunks(1, SAMPLES)
    for chunk in chunks[: max(1, SAMPLES // len(next(iter(chunks[0].feeds.values()))))]:
        asked = [key for key in work.keys() if key[1].startswith("a")]
        work.unit([ERROR, chunk.index, asked], lambda chunk=chunk: squares(work, chunk), cost=0)


def squares(work: Work, chunk: Chunk) -> dict[Key, torch.Tensor]:
    import torch

    draws: dict[Key, torch.Tensor] = {}

    def see(spot: Spot, step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
        for choice in spot.choices if spot.kind == "a" else ():
            error = change(work, spot, choice, step, values, result).flatten(1).square().sum(1)
            key = (spot.point, ERROR, choice)
            draws[key] = draws[key] + error if key in draws else error
        return result

    with torch.no_grad():
        run(work.simulation, work.simulation.start(chunk.feeds, {}, {}), at_spots(work, see))
    return draws


def scaled(work: Work, curvatures: dict[Key, Estimate]) -> Estimates:
    """1/2 curvature * squared error. curvatures: by (point, "w" or "a")."""
    found: Estimates = {}
    for point, choice in work.keys():
        curvature, error = curvatures.get((point, choice[0])), work.moments.get((point, ERROR, choice))
        if curvature is None or (choice[0] == "a" and error is None):
            continue
        square = error.mean if error else float(work.roundings.change(point, choice).double().square().sum())
        found[point, choice] = curvature.times(square / 2)
    return found
