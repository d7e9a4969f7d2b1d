"""Whether to equalize neighbouring layers: tried on a twin of the network, kept where that is nearer to float.

Equalization (DFQ, Nagel et al. 2019, arXiv:1906.04721) is exact in float. In integers it trades the steps of one layer
for those of its neighbour; with a scale for every output channel that may as well lose. So both networks, with the
widths that were chosen, nearest steps and their own ranges, answer some calibration samples.

Below 8 bits it is always worth the trial. At 8 bits and above only channels of very different size are: those share the
steps of one tensor. The weights tell where there are any, and what stays has to be clearly better, so that a network
that needs none of this keeps its bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch_mlir import ir

from dyadic.compiler.calibrate import calibrate
from dyadic.compiler.calibrate.data import Feeds, Samples, first_batches
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.report_schema import Equalizing
from dyadic.compiler.sensitivity.candidates import Roundings
from dyadic.compiler.widths.decisions import Decisions, decide, write
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import parse
from dyadic.compiler.widths.simulate import Simulation
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.dialects.reference import function_bodies
from dyadic.passes.prepare.equalize_channels import equalize_channels, unevenness
from dyadic.passes.prepare.equalize_layers import equalize_layers, neighbours

LEAST_GAIN_DB = 0.1  # where a layer has fewer than 8 bits
CLEAR_GAIN_DB = 1.0  # where none has
UNEVEN = 4.0  # scales of channels that differ by less are not worth the trial at 8 bits
SAMPLES = 16


WAYS = {one.name: one for one in (equalize_layers, equalize_channels)}


class Equalizer:
    """The equalized twins of a calibrated network: made and calibrated when they are first asked for."""

    def __init__(self, calibrated: ir.Operation, samples: Samples, observer: str, cache: Cache) -> None:
        self.calibrated, self.samples, self.observer, self.cache = calibrated, samples, observer, cache
        self._twins: dict[str, ir.Operation] = {}
        self._unevenness: float | None = None

    def twin(self, way: str) -> ir.Operation:
        """Calibrated anew: other weights make other values between the layers."""
        if way not in self._twins:
            twin = self.calibrated.clone()
            WAYS[way].run(twin)
            calibrate(twin, self.samples, self.observer, Progress(), self.cache)
            self._twins[way] = twin
        return self._twins[way]

    def take(self, twins: Mapping[str, ir.Operation]) -> None:
        """Twins that were made elsewhere, by way."""
        self._twins |= twins

    @property
    def unevenness(self) -> float:
        """Of the worst tensor."""
        if self._unevenness is None:
            self._unevenness = max(unevenness(block) for block in function_bodies(self.calibrated))
        return self._unevenness

    def ways(self, few: bool) -> list[str]:
        """What is worth a trial; few: whether a layer has fewer than 8 bits."""
        ways = []
        if few and any(neighbours(block) for block in function_bodies(self.calibrated)):
            ways.append(equalize_layers.name)
        if self.unevenness >= UNEVEN:
            ways.append(equalize_channels.name)
        return ways

    def attempt(
        self, schemes: Mapping[str, str], why: Mapping[str, str]
    ) -> tuple[ir.Operation | None, Equalizing | None]:
        """(the best twin with these widths where it is better, what was seen); (None, None) where there is nothing to
        try.

        schemes: by layer, as "w4a8". Calibration data that cannot be read twice allows no second calibration.
        """
        few = any(parse(scheme).fewer_than_8 for scheme in schemes.values())
        ways = [] if self.samples.total is None else self.ways(few)
        if not ways:
            return None, None
        for way in ways:
            self.twin(way)  # first: it reads all samples again
        batches = list(first_batches(self.samples.first, SAMPLES, SAMPLES))
        before = quality_db(self.calibrated, schemes, batches)
        after, way = max((quality_db(self.twin(way), schemes, batches), way) for way in ways)
        least = LEAST_GAIN_DB if few else CLEAR_GAIN_DB
        seen = Equalizing(way, round(before, 2), round(after, 2), after > before + least)
        if not seen.kept:
            return None, seen
        module = self.twin(way).clone()
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
            both = simulation(feeds), simulation(feeds, widths.activations, weights)
            slots = simulation.plan.results
            wanted, seen = (
                [simulation.without_padding(slots[name], value, feeds).numpy() for name, value in outputs.items()]
                for outputs in both
            )
            tally.add(wanted, seen, None)
    return tally.sqnr_db
