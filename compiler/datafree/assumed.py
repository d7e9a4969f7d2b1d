"""What an input is taken for where there are no samples of it: the mean and the deviation of every channel, the bounds.

Best is what the user says. Else the first batch norm tells: it knows the mean and the deviation of what its layer makes
of real inputs, and the layer is linear, so that the input's own follow. Else inputs are taken for normalized ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import Plan
from dyadic.passes.building import constant_array
from dyadic.passes.channel_statistics import statistics_of
from dyadic.runtime.preprocess import PRESETS, Target, parse

Reals = npt.NDArray[np.float64]

REACH = 3.0  # deviations: images normalized by the mean and deviation of a data set reach 2.1 to 2.8 of them
REACH_KNOWN = 2.5  # where mean and deviation are those of the input itself
PIXEL_MEAN, PIXEL_DEVIATION = 0.45, 0.27  # of photographs, from 0 to 1
AS_WIDE, AS_FAR = 1.35, 0.4  # times the deviation, and deviations from the mean, that still fit
LEAST_SPREAD = 1e-3  # of the largest deviation: channels with less say nothing


class Bounds(NamedTuple):
    """Where an input lies, by channel or once for all, and the option that says so."""

    low: Reals
    high: Reals
    said_by: str


@dataclass(frozen=True)
class Assumed:
    """Of one input, by channel. `bounded`: samples are to fill `low` to `high`, rather than to have the deviation.

    `why` is the end of a sentence: "inputs are assumed ..."
    """

    mean: Reals
    deviation: Reals
    low: Reals
    high: Reals
    bounded: bool
    why: str


def normalized(channels: int) -> Assumed:
    """Mean 0 and deviation 1."""
    one, zero = np.ones(channels), np.zeros(channels)
    why = f"to have mean 0 and deviation 1, clipped to {-REACH:g} and {REACH:g}, as normalized ones have"
    return Assumed(zero, one, -REACH * one, REACH * one, False, why)


def between(said: Bounds) -> Assumed:
    """The user says where an input lies."""
    low, high = said.low, said.high
    why = f"to lie from {told(low)} to {told(high)}, as {said.said_by} says"
    return Assumed((low + high) / 2, (high - low) / 4, low, high, True, why)


def told(numbers: Reals) -> str:
    """One number for all channels, or all of them.

    >>> told(np.array([1.0, 1.0])), told(np.array([0.25, 0.5]))
    ('1', '(0.25, 0.5)')
    """
    if np.ptp(numbers) == 0:
        return f"{numbers[0]:.3g}"
    return f"({', '.join(f'{one:.3g}' for one in numbers)})"


def from_batch_norm(plan: Plan, slot: int, channels: int, standard: npt.NDArray[np.float32]) -> Assumed | None:
    """Of the input at `slot`, by the batch norm behind the first layer that reads it; None where there is none.

    standard: images of mean 0 and deviation 1, whose correlations are taken for the input's own.
    """
    import torch

    moved = {step.output for step in plan.steps if step.inputs[0] == slot and isinstance(step.op, qd.TransposeOp)}
    for step in plan.steps:
        known = statistics_of(step.op)
        if known is None or step.inputs[0] not in {slot, *moved} or not isinstance(step.op, qd.Conv2dOp):
            continue
        weight, bias = constant_array(step.op.weight), constant_array(step.op.bias)
        if weight is None or bias is None or weight.shape[1] != channels:
            continue
        (mean, deviation), says = known, known[1] > LEAST_SPREAD * known[1].max()
        if says.sum() < channels:
            continue
        summed = weight.astype(np.float64).reshape(*weight.shape[:2], -1).sum(2)
        wanted = ((mean - bias) / deviation)[says]
        means = np.linalg.lstsq(summed[says] / deviation[says, None], wanted, rcond=None)[0]
        strides, dilation = tuple(ints(step.op.strides)), tuple(ints(step.op.dilation))
        made = torch.nn.functional.conv2d(
            torch.from_numpy(standard), torch.from_numpy(weight.copy()), None, strides, 0, dilation
        )
        own = made.transpose(0, 1).flatten(1).std(1).double().numpy()
        ratios = (deviation / np.maximum(own, np.finfo(np.float64).tiny))[says & (own > 0)]
        if not len(ratios):
            continue
        spread = np.full(channels, float(np.median(ratios)))
        if not (np.isfinite(means).all() and (np.abs(means) < 10 * spread).all() and spread[0] > 0):
            continue
        why = f"to have mean {told(means)} and deviation {told(spread)}, as the first batch norm says"
        if (pixels := pixels_that_fit(means, spread)) is not None:
            name, low, high = pixels
            why += f", so from {told(low)} to {told(high)}, what --preprocess {name} makes of pixels"
            return Assumed(means, spread, low, high, False, why)
        return Assumed(means, spread, means - REACH_KNOWN * spread, means + REACH_KNOWN * spread, False, why)
    return None


def pixels_that_fit(mean: Reals, deviation: Reals) -> tuple[str, Reals, Reals] | None:
    """(preset, what black and white become) of the usual ways to read photographs, where one has about these numbers.

    >>> pixels_that_fit(np.full(3, -0.1), np.full(3, 0.5))[0]
    'tf'
    >>> pixels_that_fit(np.zeros(3), np.full(3, 20.0)) is None
    True
    """
    found: list[tuple[float, str, Reals, Reals]] = []
    for name in PRESETS:
        if len(mean) != 3:  # which presets are of
            continue
        low, high = (np.array(one) + 0.0 for one in parse(name, Target("", 3, 1, 1, "nchw")).limits)
        wide, middle = PIXEL_DEVIATION * (high - low), low + PIXEL_MEAN * (high - low)
        times = float(np.exp(np.abs(np.log(deviation / wide)).max()))
        if times < AS_WIDE and (np.abs(mean - middle) < AS_FAR * deviation).all():
            found.append((times, name, low, high))
    return min(found, key=lambda one: one[0])[1:] if found else None


def assumed_of_images(plan: Plan, slot: int, standard: npt.NDArray[np.float32], said: Bounds | None) -> Assumed:
    """By what is known best. said: the lower and the upper bound, by channel or one for all."""
    channels = standard.shape[1]
    if said is not None:
        low, high = (np.broadcast_to(one, channels).astype(np.float64) for one in (said.low, said.high))
        return between(Bounds(low, high, said.said_by))
    return from_batch_norm(plan, slot, channels, standard) or normalized(channels)
