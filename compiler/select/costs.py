"""What is asked before anything is solved: what every candidate costs here, and what it loses."""

from __future__ import annotations

from dyadic.compiler import cost
from dyadic.compiler.built import Build, Built
from dyadic.compiler.calibrated import Calibrated
from dyadic.compiler.select.model import BASE, Costs, uniform_among, variants_of
from dyadic.compiler.select.trials import Place
from dyadic.compiler.sensitivity import Candidates, Sensitivities, best_device, measure
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.simulate import Simulation


def measure_costs(
    points: Points, candidates: Candidates, build: Build, place: Place, tools: Tools
) -> tuple[Costs, Built]:
    """Compile and time every uniform network that a candidate comes from; also gives that of int8."""
    streams = {name for name, point in points.activations.items() if point.usual > 8}
    variants = variants_of(candidates, streams)
    built: dict[tuple[str, int], Built] = {}
    with tools.progress.stage("cost", len(variants) + cost.ROUNDS) as advance:
        for scheme, width in variants:
            decisions = uniform_among(points, candidates, scheme, width)
            built[scheme, width] = build(decisions, (place.level,), refine=False)
            advance()
        emitted = {f"{scheme}a{width}": built[scheme, width].emitted for scheme, width in variants}
        times = cost.measure(emitted, place.level, place.threads, place.batch, tools.cache, advance, place.agent)
    costs = Costs(
        {variant: times[f"{variant[0]}a{variant[1]}"] for variant in variants},
        {s: dict(built[s, width].emitted.layer_bytes) for s, width in variants if width == BASE[1]},
    )
    return costs, built[BASE]


def measure_losses(method: str, calibrated: Calibrated, candidates: Candidates, tools: Tools) -> Sensitivities:
    """What every candidate loses in accuracy, on the calibration data.

    In the network as it is rounded: channels of norms and attention have been balanced, as where widths are narrow.
    """
    narrowest = Decisions(
        {name: schemes[-1] for name, schemes in candidates.weights.items()},
        {name: widths[0] for name, widths in candidates.activations.items()},
    )
    return measure(
        method,
        Simulation(calibrated.balanced(narrowest), best_device()),
        calibrated.data.labelled_calibration(),
        candidates=candidates,
        progress=tools.progress,
        cache=tools.cache,
        deadline=tools.deadline,
        workers=tools.workers,
    )
