"""Noise power over signal power of the layer's own result.

Nilesh Prasad Pandey, Markus Nagel, Mart van Baalen, Yin-Ruey Huang, Chirag Patel, Tijmen Blankevoort, "A Practical
Mixed Precision Algorithm for Post-Training Quantization", 2023, arXiv:2302.05397, orders layers by the ratio of signal
to quantization noise; they look at the network's output, here it is taken where the noise arises, which needs one run:

    E |layer(x, Q(W)) - layer(x, W)|^2 / E |layer(x, W)|^2        E |Q(a) - a|^2 / E |a|^2

It knows nothing of what the rest of the network makes of the noise. Float's own inputs, no labels, no gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.estimates import Estimate, Moments
from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.perturb import run
from dyadic.compiler.sensitivity.spots import Spot, at_spots, change
from dyadic.compiler.sensitivity.work import Chunk, Estimates, Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch

SIGNAL = "signal"


def measure(work: Work) -> None:
    chunks = work.chunks(1)
    work.start(len(chunks))
    for chunk in chunks:
        work.unit([chunk.index, len(chunks), work.keys()], lambda chunk=chunk: powers(work, chunk))


def powers(work: Work, chunk: Chunk) -> dict[Key, torch.Tensor]:
    """Of every sample: (point, choice) the noise, (point, "signal", "w" or "a") the signal."""
    import torch

    draws: dict[Key, torch.Tensor] = {}

    def add(key: Key, slot: int, values: torch.Tensor) -> None:
        counted = work.simulation.without_padding(slot, values, chunk.feeds)
        power = counted.double().flatten(1).square().sum(1)
        draws[key] = draws[key] + power if key in draws else power

    def see(spot: Spot, step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
        add((spot.point, SIGNAL, spot.kind), spot.slot, result)
        for choice in spot.choices:
            add((spot.point, choice), spot.slot, change(work, spot, choice, step, values, result))
        return result

    with torch.no_grad():
        run(work.simulation, work.simulation.start(chunk.feeds, {}, {}), at_spots(work, see))
    return draws


def estimates(work: Work) -> Estimates:
    found: Estimates = {}
    for point, choice in work.keys():
        noise, signal = (work.moments.get(key) for key in ((point, choice), (point, SIGNAL, choice[0])))
        if noise is not None and signal is not None:
            found[point, choice] = ratio(noise, signal)
    return found


def ratio(noise: Moments, signal: Moments) -> Estimate:
    """The signal is taken as known: it varies between samples far less than what it is compared with."""
    return noise.estimate().times(1 / signal.mean if signal.mean else 0.0)


METHOD = Method(
    "sqnr",
    measure,
    estimates,
    cost=lambda candidates: 6.0,
    unit=lambda objective: "noise power / signal power",
    most=32,
)
