"""Samples for a network that comes without any, by what each of its inputs is.

Images get dead leaves, signals and rows of numbers get noise; ids are drawn evenly from all that the network takes,
tokens are valid up to lengths that differ. Ranges are learned from white noise, too, which reaches further.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.compiler.calibrate import model_inputs
from dyadic.compiler.calibrate.data import Feeds, Input
from dyadic.compiler.calibrate.made import MadeSamples
from dyadic.compiler.datafree.assumed import Assumed, Bounds, assumed_of_images, between, normalized
from dyadic.compiler.datafree.images import dead_leaves, pink_noise
from dyadic.compiler.datafree.statistics import by_statistics
from dyadic.dialects.reference import Plan, make_plan
from dyadic.passes.channel_statistics import statistics_of
from dyadic.runtime.preprocess import image_target

Array = npt.NDArray[Any]

SEED = 20240229
SAMPLES, NOISE = 64, 64
FEWER_SAMPLES, LESS_NOISE, LARGE = 32, 16, 1 << 15  # of inputs with more numbers than that
LEAST_SIDE = 8  # of what is taken for an image
MOST_CHANNELS = 16
LEAST_VALID = 0.5  # of all tokens


def made_samples(module: ir.Module, said: Mapping[str, Bounds] | None = None) -> MadeSamples:
    """Always the same ones. said: by input, the lower and the upper bounds that the user knows, of each channel or one
    for all."""
    plan, inputs = make_plan(module), model_inputs(module)
    large = sum(int(np.prod(one.sample)) for one in inputs) > LARGE
    counts = (FEWER_SAMPLES, LESS_NOISE) if large else (SAMPLES, NOISE)
    samples: Feeds = {}
    noise: Feeds = {}
    sentences: list[str] = []
    for number, one in enumerate(inputs):
        random = np.random.default_rng([SEED, number])
        bounds = (said or {}).get(one.name)
        samples[one.name], noise[one.name], sentence = made(one, counts, plan, bounds, random)
        sentences.append(f'"{one.name}" is assumed {sentence}')
    if not any(statistics_of(step.op) for step in plan.steps):
        sentences.append("the network has no batch norm that would tell what its layers make of real data")
    return MadeSamples(samples, noise, inputs, by_statistics, f"no data: {'; '.join(sentences)}")


def made(
    one: Input, counts: tuple[int, int], plan: Plan, said: Bounds | None, random: np.random.Generator
) -> tuple[Array, Array, str]:
    """(samples, noise, what they rest on) of one input."""
    image = image_shape(one.sample)
    if one.limits is not None:
        return integers(one, counts, image, random)
    if image is None:
        smooth, white = (
            signals(counts[0], one.sample, random),
            random.standard_normal((counts[1], *one.sample), np.float32),
        )
        assumed = normalized(1) if said is None else between(said)
        return placed(smooth, assumed), placed(white, assumed), assumed.why
    from_0_to_1 = dead_leaves(counts[0], image, random)
    standard = standardized(from_0_to_1)
    assumed = assumed_of_images(plan, plan.arguments[one.name], standard, said)
    white = random.standard_normal((counts[1], *image), np.float32)
    taken = placed(from_0_to_1 if assumed.bounded else standard, assumed, bounded=assumed.bounded)
    return laid_out(taken, one.sample), laid_out(placed(white, assumed), one.sample), assumed.why


def image_shape(sample: tuple[int, ...]) -> tuple[int, int, int] | None:
    """[channels, height, width] of an image, whatever its layout; None of what is none."""
    if len(sample) != 3:
        return None
    target = image_target("", sample)
    channels, height, width = (target.channels, target.height, target.width) if target is not None else sample
    return (channels, height, width) if min(height, width) >= LEAST_SIDE and channels <= MOST_CHANNELS else None


def laid_out(images: Array, sample: tuple[int, ...]) -> Array:
    """[N, channels, height, width] in the order that the input has."""
    return images if images.shape[1:] == sample else np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def signals(count: int, sample: tuple[int, ...], random: np.random.Generator) -> Array:
    """Half of them smooth along the last dimension, half white."""
    white = random.standard_normal((count, *sample), np.float32)
    if len(sample) > 1 and sample[-1] >= LEAST_SIDE:
        rows = int(np.prod(sample[:-1]))
        white[::2] = pink_noise(len(white[::2]), (rows, sample[-1]), random).reshape(white[::2].shape)
    return white


def standardized(values: Array) -> Array:
    """Mean 0 and deviation 1 over all of them."""
    return (values - values.mean()) / max(float(values.std()), 1e-6)


def placed(values: Array, assumed: Assumed, bounded: bool = False) -> Array:
    """What lies from 0 to 1, or has mean 0 and deviation 1, as the input is assumed."""
    channels = [1, -1, *(1,) * (values.ndim - 2)] if len(assumed.mean) > 1 else [1] * values.ndim
    mean, deviation, low, high = (
        one.astype(np.float32).reshape(channels) for one in (assumed.mean, assumed.deviation, assumed.low, assumed.high)
    )
    return np.clip(low + values * (high - low) if bounded else mean + values * deviation, low, high)


def integers(
    one: Input, counts: tuple[int, int], image: tuple[int, int, int] | None, random: np.random.Generator
) -> tuple[Array, Array, str]:
    """Whole numbers: marks of valid tokens, pixels, or ids."""
    assert one.limits is not None
    low, high = one.limits
    if (low, high) == (0, 1):
        some, others = (valid(count, one.sample, random) for count in counts)
        return some, others, "to mark all tokens up to some length as valid"
    spread = f"evenly from {low} to {high}"
    if image is not None:
        pixels = np.rint(low + (high - low) * dead_leaves(counts[0], image, random)).astype(np.int64)
        noise = random.integers(low, high + 1, (counts[1], *one.sample))
        return laid_out(pixels, one.sample), noise, f"to be pixels from {low} to {high}"
    drawn = [random.integers(low, high + 1, (count, *one.sample)) for count in counts]
    return drawn[0], drawn[1], f"to hold any ids {spread}, without those that begin and end a text in their places"


def valid(count: int, sample: tuple[int, ...], random: np.random.Generator) -> Array:
    """1 up to a length, which is all in half of the rows, 0 behind it."""
    length = sample[-1] if sample else 1
    lengths = np.where(np.arange(count) % 2 == 0, length, np.ceil(length * random.uniform(LEAST_VALID, 1, count)))
    marks = np.arange(length) < lengths[:, None]
    return np.broadcast_to(marks.reshape(count, *(1,) * (len(sample) - 1), length), (count, *sample)).astype(np.int64)
