"""Whether to equalize neighbouring layers: tried on a twin of the network, kept where that is nearer to float.

Equalization (DFQ, Nagel et al. 2019, arXiv:1906.04721) is exact in float. In integers it trades the steps of one layer
for those of its neighbour; with a scale for every output channel that may as well lose. So both networks, with the
widths that were chosen, nearest steps and their own ranges, answer some calibration samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch_mlir import ir

from dyadic.compiler.calibrate import calibrate
from dyadic.compiler.calibrate.data import Feeds, Samples, first_batches
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.sensitivity.candidates import Roundings
from dyadic.compiler.widths.decisions import Decisions, decide, write
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import parse
from dyadic.compiler.widths.simulate import Simulation
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.dialects.reference import function_bodies
from dyadic.passes.prepare.equalize_layers import equalize_layers, neighbours

LEAST_GAIN_DB = 0.1
SAMPLES = 16


@dataclass(frozen=True)
class Equalized:
    """Signal to noise of the network's outputs with and without, and whether it stayed; `pairs` of neighbours."""

    pairs: int
    before_db: float
    after_db: float
    kept: bool


class Equalizer:
    """The equalized twin of a calibrated network: made and calibrated when it is first asked for."""

    def __init__(self, calibrated: ir.Operation, samples: Samples, observer: str, cache: Cache) -> None:
        self.calibrated, self.samples, self.observer, self.cache = calibrated, samples, observer, cache
        self._twin: ir.Operation | None = None

    @property
    def pairs(self) -> int:
        return sum(len(neighbours(block)) for block in function_bodies(self.calibrated))

    @property
    def twin(self) -> ir.Operation:
        """Calibrated anew: other weights make other values between the two layers."""
        if self._twin is None:
            self._twin = self.calibrated.clone()
            equalize_layers.run(self._twin)
            calibrate(self._twin, self.samples, self.observer, Progress(), self.cache)
        return self._twin

    def attempt(
        self, schemes: Mapping[str, str], why: Mapping[str, str]
    ) -> tuple[ir.Operation | None, Equalized | None]:
        """(the twin with these widths where it is better, what was seen); (None, None) where there is nothing to try.

        schemes: by layer, as "w4a8". Calibration data that cannot be read twice allows no second calibration.
        """
        pairs = self.pairs
        if self.samples.total is None or not pairs:
            return None, None
        twin = self.twin  # first: it reads all samples again
        batches = list(first_batches(self.samples.first, SAMPLES, SAMPLES))
        before, after = (quality_db(module, schemes, batches) for module in (self.calibrated, twin))
        seen = Equalized(pairs, round(before, 2), round(after, 2), after > before + LEAST_GAIN_DB)
        if not seen.kept:
            return None, seen
        module = twin.clone()
        points = Points(module)
        decisions = decided(points, schemes)
        if decisions.by_layer(points) != schemes:  # with its ranges, other tensors must share a type
            return None, replace(seen, kept=False)
        write(module, points, decisions, why)
        take_ranges_of_widths(module)
        return module, seen


def decided(points: Points, schemes: Mapping[str, str]) -> Decisions:
    return decide(points, {layer: parse(schemes[layer]) for layer in points.result_of})


def quality_db(module: ir.Operation, schemes: Mapping[str, str], batches: Sequence[Feeds]) -> float:
    """Signal to noise of the outputs where tensors have these widths and weights their nearest steps."""
    import torch

    simulation = Simulation(module)
    widths, roundings = decided(simulation.points, schemes), Roundings(simulation)
    weights = {point: roundings.weight(point, scheme) for point, scheme in widths.weights.items()}
    tally = Tally()
    with torch.no_grad():
        for batch in batches:
            feeds = {name: torch.from_numpy(value) for name, value in batch.items()}
            wanted = [value.numpy() for value in simulation(feeds).values()]
            seen = [value.numpy() for value in simulation(feeds, widths.activations, weights).values()]
            tally.add(wanted, seen, None)
    return tally.sqnr_db
