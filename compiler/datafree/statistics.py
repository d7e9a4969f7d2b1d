"""What batch norms say of ranges and means, and what is put on top where nothing says anything.

Behind a batch norm, a channel of real data has the norm's shift as mean and its scale as deviation. Images that nobody
took reach as far in the first layers and less far in the last, which they do not excite: there the statistics are what
is known. What a tensor reaches further than was seen carries on through additions and pools. Results of the network,
which answer real inputs with more certainty than any made ones, get room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.learned import Learned
from dyadic.compiler.calibrate.means import place
from dyadic.dialects import qd
from dyadic.dialects.reference import Plan
from dyadic.passes.channel_statistics import statistics_of

Reals = npt.NDArray[np.float64]
Range = tuple[float, float]

DEVIATIONS = 5.0  # that a channel reaches from its mean
RESULTS = 2.0  # times what was seen
MOST = 2.0  # times what was seen, of any tensor by its statistics: beyond, steps are lost to what is hardly there


def by_statistics(plan: Plan, learned: Learned) -> Learned:
    """Wider ranges at every width, and the means of channels that statistics are known of."""
    factors = factors_of(plan, learned.ranges)

    def widened(ranges: Mapping[str, Range]) -> dict[str, Range]:
        return {name: (low * factors[name][0], high * factors[name][1]) for name, (low, high) in ranges.items()}

    others = {attribute: widened(ranges) for attribute, ranges in learned.others.items()}
    return replace(learned, ranges=widened(learned.ranges), others=others, means=learned.means | means_of(plan))


def factors_of(plan: Plan, seen: Mapping[str, Range]) -> dict[str, Range]:
    """By tensor, what both ends of its range are to be multiplied with."""
    results = set(plan.results.values())
    by_slot: dict[int, Range] = {}
    factors: dict[str, Range] = dict.fromkeys(seen, (1.0, 1.0))
    for step in plan.steps:
        known = statistics_of(step.op)
        if step.name not in seen:  # a range that follows from another one
            by_slot[step.output] = carried(step.inputs, by_slot)
            continue
        low, high = seen[step.name]
        if known is not None:
            mean, deviation = known
            reach = (mean - DEVIATIONS * deviation).min(), (mean + DEVIATIONS * deviation).max()
            factor = times(low, reach[0]), times(high, reach[1])
        elif isinstance(step.op, qd.ClampOp):
            below, above = carried(step.inputs, by_slot)
            factor = below, min(above, max(1.0, step.op.high.value / high)) if high > 0 else 1.0
        elif step.output in results:
            factor = RESULTS, RESULTS
        else:
            factor = carried(step.inputs, by_slot) if not isinstance(step.op, qd.Layer) else (1.0, 1.0)
        by_slot[step.output] = factors[step.name] = factor
    return factors


def carried(slots: tuple[int, ...], by_slot: Mapping[int, Range]) -> Range:
    """The larger factors of what an op reads."""
    known = [by_slot[slot] for slot in slots if slot in by_slot]
    return (max(one[0] for one in known), max(one[1] for one in known)) if known else (1.0, 1.0)


def times(seen: float, reach: float) -> float:
    """How many times further than was seen, at least once."""
    return float(np.clip(reach / seen, 1.0, MOST)) if seen else 1.0


def means_of(plan: Plan) -> dict[str, list[float]]:
    """Of what batch norms make, and of what clamps make of it, as `InputMeans` keys them."""
    means: dict[str, list[float]] = {}
    known: dict[int, tuple[Reals, Reals, int]] = {}
    for step in plan.steps:
        statistics = statistics_of(step.op)
        if statistics is not None:
            axis = channel_axis(step.op)
            known[step.output] = (*statistics, axis)
            means[place(step.name, axis)] = statistics[0].tolist()
        elif isinstance(step.op, qd.ClampOp) and step.inputs[0] in known:
            mean, deviation, axis = known[step.inputs[0]]
            clipped = clipped_mean(mean, deviation, step.op.low.value, step.op.high.value)
            means[place(step.name, axis)] = clipped.tolist()
    return means


def channel_axis(op: Any) -> int:
    return op.channel_axis if isinstance(op, qd.Layer) else op.axis.value


def clipped_mean(mean: Reals, deviation: Reals, low: float, high: float) -> Reals:
    """The mean of a normal distribution whose tails are clipped.

    >>> clipped_mean(np.zeros(1), np.ones(1), 0.0, np.inf).round(4)
    array([0.3989])
    """
    from scipy.special import ndtr

    spread = np.maximum(deviation, 1e-12)
    a, b = (low - mean) / spread, (high - mean) / spread
    density_a, density_b = (np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) for x in (a, b))
    tails = np.where(np.isfinite(a), low, 0.0) * ndtr(a) + np.where(np.isfinite(b), high, 0.0) * ndtr(-b)
    return mean * (ndtr(b) - ndtr(a)) + spread * (density_a - density_b) + tails
