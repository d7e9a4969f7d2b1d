"""Which widths are tried at which point, and what rounding to them does to the weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import FLOAT
from dyadic.compiler.widths.simulate import Simulation, real_weights
from dyadic.passes.refine.weight_grid import Grid, weight_grid

if TYPE_CHECKING:
    import torch

SCHEMES = ("w8", "w4", "w4g64", "w4g32", "w2")
WIDTHS = (16, 8, 4)
SCHEME = re.compile(r"w(\d+)(?:g(\d+))?")


@dataclass(frozen=True)
class Candidates:
    """Schemes by weight point, bits by activation point."""

    weights: Mapping[str, tuple[str, ...]]
    activations: Mapping[str, tuple[int, ...]]

    @staticmethod
    def every(points: Points) -> Candidates:
        """All that there is a name for; widths that a reader of the tensor does not have are left out."""
        widths = {
            p.name: (p.given,) if p.given else tuple(bits for bits in WIDTHS if bits <= p.most)
            for p in points.activations.values()
        }
        schemes = {p.name: tuple(dict.fromkeys(map(p.with_kernel, SCHEMES))) for p in points.weights.values()}
        return Candidates(schemes, widths)

    def rounded(self) -> Candidates:
        """Without float, which rounds no weights."""
        left = {name: tuple(s for s in schemes if s != FLOAT) for name, schemes in self.weights.items()}
        return Candidates({name: schemes for name, schemes in left.items() if schemes}, self.activations)

    @property
    def count(self) -> int:
        return sum(map(len, self.weights.values())) + sum(map(len, self.activations.values()))


def parts(scheme: str) -> tuple[int, int]:
    """(bits, group) of a scheme; 0 is no groups.

    >>> parts("w8"), parts("w4g32")
    ((8, 0), (4, 32))
    """
    found = SCHEME.fullmatch(scheme)
    if found is None:
        raise ValueError(f"{scheme!r} is no weight scheme")
    return int(found[1]), int(found[2] or 0)


class Roundings:
    """Weights as a scheme rounds them, kept as integers: they are looked for once and are asked for often."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._grids: dict[tuple[str, str], Grid] = {}

    def weight(self, point: str, scheme: str) -> torch.Tensor:
        """The rounded weights; float is exact."""
        import torch

        exact = self.simulation.weight(self.simulation.points.weights[point])
        if scheme == FLOAT:
            return exact
        bits, group = parts(scheme)
        grid = self._grids.get((point, scheme))
        if grid is None:
            grid = self._grids[point, scheme] = weight_grid(exact.cpu().numpy(), bits, group)
        return torch.from_numpy(real_weights(grid.steps, grid.scale, grid.group_scales, group)).to(exact.device)

    def change(self, point: str, scheme: str) -> torch.Tensor:
        """Rounded minus exact."""
        return self.weight(point, scheme) - self.simulation.weight(self.simulation.points.weights[point])
