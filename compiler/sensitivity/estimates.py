"""What a method found: a number with its interval for each width of each point, and how numbers become intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from scipy.special import stdtrit

if TYPE_CHECKING:
    import torch

CONFIDENCE = 0.95
Pair = tuple[str, str, str, str, float]


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; the bounds equal the value where nothing was sampled."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Estimate:
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Sensitivities:
    """By how much the loss is expected to grow where one point alone is rounded.

    weights: by weight point and scheme; activations: by activation point and bits. What two points, both rounded, cost
    beyond their own values is in `pairs` ("augmented" alone): (point, choice, point, choice, value), a choice being a
    scheme as "w4" or a width as "a8". `substituted`: (point, choice) that time did not allow, so that sqnr stands in.
    """

    method: str
    unit: str
    weights: dict[str, dict[str, Estimate]]
    activations: dict[str, dict[int, Estimate]]
    pairs: tuple[Pair, ...] = ()
    samples: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    substituted: tuple[tuple[str, str], ...] = ()

    def predicted(self, weights: Mapping[str, str], activations: Mapping[str, int]) -> float:
        """The growth of the loss where all of these are rounded; points that are not named stay float."""
        chosen = {(point, scheme) for point, scheme in weights.items()}
        chosen |= {(point, f"a{bits}") for point, bits in activations.items()}
        alone = sum(self.weights[point][scheme].value for point, scheme in weights.items())
        alone += sum(self.activations[point][bits].value for point, bits in activations.items())
        return alone + sum(value for a, b, c, d, value in self.pairs if (a, b) in chosen and (c, d) in chosen)

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))

    @staticmethod
    def from_json(said: Mapping[str, Any]) -> Sensitivities:
        weights = {p: {s: Estimate(**e) for s, e in every.items()} for p, every in said["weights"].items()}
        activations = {p: {int(b): Estimate(**e) for b, e in every.items()} for p, every in said["activations"].items()}
        lists = {name: tuple(map(tuple, said[name])) for name in ("pairs", "substituted")}
        plain = {name: said[name] for name in ("method", "unit", "samples", "seconds")}
        return Sensitivities(**plain, **lists, weights=weights, activations=activations, notes=tuple(said["notes"]))  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared distances from the mean: what is kept of independent draws."""

    count: int
    mean: float
    squares: float

    @staticmethod
    def of(draws: torch.Tensor) -> Moments:
        draws = draws.detach().double().flatten()
        mean = draws.mean()
        return Moments(len(draws), float(mean), float((draws - mean).square().sum()))

    def merged(self, other: Moments) -> Moments:
        """Of both (Chan, Golub and LeVeque 1983)."""
        count, apart = self.count + other.count, other.mean - self.mean
        mean = self.mean + apart * other.count / count
        return Moments(count, mean, self.squares + other.squares + apart**2 * self.count * other.count / count)

    def half_width(self) -> float:
        """Of the 95 % interval of the mean, by Student's t; infinite for a single draw."""
        if self.count < 2:
            return math.inf
        return student(self.count - 1) * math.sqrt(self.squares / (self.count - 1) / self.count)

    def estimate(self) -> Estimate:
        """The mean and its interval, both at least 0: a loss that would fall is no reason to round."""
        value, half = max(0.0, self.mean), self.half_width()
        if math.isinf(half):
            return Estimate(value, value, value)
        return Estimate(value, max(0.0, self.mean - half), max(0.0, self.mean + half))


@cache
def student(freedom: int) -> float:
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
