"""The arithmetic of the tables: quartiles, ratios of alternating runs, shares of the peak, signal to noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST = 5  # undisturbed rounds that are enough to leave the disturbed ones out
NO_NOISE_DB = 200.0


@dataclass(frozen=True)
class Quartiles:
    """
    >>> Quartiles.of([4.0, 1.0, 2.0, 3.0, 5.0])
    Quartiles(low=2.0, median=3.0, high=4.0)
    """

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Quartiles:
        return Quartiles(*(float(q) for q in np.quantile(values, (0.25, 0.5, 0.75))))

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, as a share of the median.

        >>> Quartiles(9.0, 10.0, 11.0).spread
        0.1
        """
        return (self.high - self.low) / 2 / self.median


@dataclass(frozen=True)
class Turn:
    """One timed run: how long, and whether the system took a processor away meanwhile."""

    ms: float
    disturbed: bool


Rounds = dict[str, list[Turn]]  # engine -> its turn of every round


def undisturbed(rounds: Rounds) -> list[int]:
    """The rounds in which nobody was disturbed; all of them where too few would be left.

    >>> calm, not_calm = Turn(1.0, False), Turn(9.0, True)
    >>> undisturbed({"a": [calm] * 6, "b": [not_calm] + [calm] * 5})
    [1, 2, 3, 4, 5]
    >>> undisturbed({"a": [calm, not_calm]})
    [0, 1]
    """
    count = min(len(turns) for turns in rounds.values())
    calm = [i for i in range(count) if not any(turns[i].disturbed for turns in rounds.values())]
    return calm if len(calm) >= FEWEST else list(range(count))


def times(rounds: Rounds) -> dict[str, Quartiles]:
    """Milliseconds of every engine over the same rounds."""
    kept = undisturbed(rounds)
    return {name: Quartiles.of([turns[i].ms for i in kept]) for name, turns in rounds.items()}


def ratios(rounds: Rounds, of: str) -> dict[str, Quartiles]:
    """How many times as long as `of` each engine takes, round by round: the machine's moods fall on both alike.

    >>> rounds = {"us": [Turn(1.0, False), Turn(2.0, False)], "them": [Turn(1.5, False), Turn(3.0, False)]}
    >>> ratios(rounds, "us")["them"].median
    1.5
    """
    kept = undisturbed(rounds)
    return {
        name: Quartiles.of([turns[i].ms / rounds[of][i].ms for i in kept])
        for name, turns in rounds.items()
        if name != of
    }


def share_of_peak(macs: int, ms: float, peak_gmacs: float) -> float:
    """
    >>> share_of_peak(macs=4_000_000_000, ms=10.0, peak_gmacs=500.0)
    0.8
    """
    return macs / (ms * 1e6) / peak_gmacs


def geometric_mean(values: Sequence[float]) -> float:
    """
    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(sum(map(math.log, values)) / len(values))


def sqnr_db(wanted: npt.NDArray[np.floating], seen: npt.NDArray[np.floating]) -> float:
    """Signal to noise. What all images have in common is no signal: it is taken out first.

    >>> round(sqnr_db(np.array([[10.0], [-10.0]]), np.array([[11.0], [-9.0]])), 2)
    20.0
    """
    signal = wanted.astype(np.float64) - wanted.mean(0, dtype=np.float64)
    noise = float(np.square(seen.astype(np.float64) - wanted).sum())
    return NO_NOISE_DB if noise == 0 else 10 * math.log10(max(float(np.square(signal).sum()), 1e-300) / noise)


def agreement(wanted: npt.NDArray[np.floating], seen: npt.NDArray[np.floating]) -> float:
    """The share of images whose best class is the same."""
    return float((wanted.argmax(1) == seen.argmax(1)).mean())
