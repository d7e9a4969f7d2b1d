"""Samples that nobody took, in place of the user's: what calibration does otherwise with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dyadic.compiler.calibrate.data import Feeds, Input, Samples
from dyadic.compiler.calibrate.learned import Learned
from dyadic.compiler.calibrate.screening import CalibrationSamples
from dyadic.dialects.reference import Plan


class MadeSamples(CalibrationSamples):
    """The samples are what everything is learned from. `noise` is for ranges alone: it reaches where they do not.

    correct: what is known besides, and changes what was learned. assumed: what the samples rest on, in a sentence.
    """

    def __init__(
        self,
        samples: Feeds,
        noise: Feeds,
        inputs: tuple[Input, ...],
        correct: Callable[[Plan, Learned], Learned],
        assumed: str,
    ) -> None:
        super().__init__(samples, inputs, screen=False)
        self.noise, self.correct, self.assumed = Samples(noise, inputs), correct, assumed


def for_ranges(samples: Samples) -> Iterator[Feeds]:
    """What only ranges are learned from."""
    if isinstance(samples, MadeSamples):
        yield from samples.noise
