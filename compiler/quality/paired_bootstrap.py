"""How much worse a second network may be than a first by a measure that nothing is known of but its values.

Paired: a draw takes the same samples for both networks, since their answers to one sample belong together. Percentile
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13): the bound is a quantile of the drop over
the draws. It needs no formula for the measure's spread, so it holds for rank correlations and ratios of sums, too, and
unlike BCa it does not ask for the measure once a sample besides. It is exact for many samples only.

For few losses it is too optimistic, and a loss that no sample shows is never drawn. Therefore one sample more is drawn
from, which is lost: the first network's answer to it, and for the second one an answer to another sample. Where the
measure is a share, b losses in n samples become draws of a Poisson variable of mean b + 1, whose 95 % quantile is the
exact upper limit of Clopper and Pearson to about half a loss: 3/n where nothing is lost (Hanley and Lippman-Hand, JAMA
249, 1983). It is to any measure what half a sample in each cell is to `comparison.paired_interval`. For a gain, the
other end of an interval, the two change places.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dyadic.compiler.quality.metric import Array, Arrays

RESAMPLES = 2000
SWAPS = 64  # tried, to find what is lost with a sample
SEED = 0

Floats = npt.NDArray[np.float64]


class Measure(Protocol):
    """`Metric`: its value, or one number for each sample, whose mean is the value."""

    def __call__(self, outputs: Arrays, data: Arrays, samples: int, drawn: bool = False) -> Floats: ...


class PairedBootstrap:
    """`value` is the first network's. Arrays of `data` that have a row for every sample are drawn with the outputs."""

    def __init__(self, measure: Measure, outputs: Arrays, data: Arrays, samples: int) -> None:
        self.measure, self.outputs, self.samples = measure, outputs, samples
        self.data = {name: read_only(array) for name, array in data.items()}
        self._known: dict[tuple[str, int], Floats] = {}  # a network is often asked more than once
        self.value = self.value_of(outputs)
        self.swap = self._typical_loss()

    def value_of(self, outputs: Arrays) -> float:
        """The measure of another network, on the samples as they are."""
        outputs = {name: read_only(array) for name, array in outputs.items()}
        return float(self.measure(outputs, self.data, self.samples).mean())

    def bound(self, outputs: Arrays, confidence: float) -> float:
        """What its measure lies below the first network's at most, one-sided."""
        return float(np.quantile(self._drops(outputs, lost=True), confidence, method="higher"))

    def interval(self, outputs: Arrays, confidence: float) -> tuple[float, float]:
        """Of its measure minus the first network's, two-sided."""
        outside = (1 - confidence) / 2
        gain = np.quantile(self._drops(outputs, lost=False), outside, method="lower")
        return -self.bound(outputs, 1 - outside), -float(gain)

    def spread(self, confidence: float) -> tuple[float, float]:
        """Of the first network's own measure, two-sided."""
        drawn, outside = self._draws(self.outputs, 0), (1 - confidence) / 2
        return float(np.quantile(drawn, outside)), float(np.quantile(drawn, 1 - outside))

    def _drops(self, outputs: Arrays, *, lost: bool) -> Floats:
        """Of every draw, with one sample more that is lost, or gained."""
        return self._draws(self.outputs, 0 if lost else 1) - self._draws(outputs, 1 if lost else 0)

    def _draws(self, outputs: Arrays, answer: int) -> Floats:
        """The measure of every draw, the same for every network. `answer` to the sample more: its own, or the swap."""
        key = digest(outputs), answer
        if key not in self._known:
            rows = np.arange(self.samples)
            answers, beside = np.append(rows, self.swap[answer : answer + 1]), np.append(rows, self.swap[:1])
            whole = self._asked(outputs, answers, beside)
            random = np.random.default_rng(SEED)
            made = np.empty(RESAMPLES)
            for i in range(RESAMPLES):
                drawn = random.integers(len(answers), size=len(answers))
                values = whole[drawn] if whole.ndim else self._asked(outputs, answers[drawn], beside[drawn])
                made[i] = values.mean()
            self._known[key] = made
        return self._known[key]

    def _asked(self, outputs: Arrays, answers: Array, beside: Array) -> Floats:
        """The measure where these rows answer those samples."""
        data = {n: a[beside] if a.ndim and len(a) == self.samples else a for n, a in self.data.items()}
        return self.measure({n: a[answers] for n, a in outputs.items()}, data, len(answers), drawn=True)

    def _typical_loss(self) -> npt.NDArray[np.int64]:
        """A sample, and another one whose answer is as bad for it as is usual where one is bad; nothing if none is."""
        random, rows = np.random.default_rng(SEED), np.arange(self.samples)
        tried: list[tuple[float, int, int]] = []
        for _ in range(SWAPS if self.samples > 1 else 0):
            one, other = (int(row) for row in random.choice(self.samples, 2, replace=False))
            answers = np.where(rows == one, other, rows)
            tried.append((self.value - float(self._asked(self.outputs, answers, rows).mean()), one, other))
        bad = sorted(each for each in tried if each[0] > 0)
        return np.array(bad[len(bad) // 2][1:] if bad else (), np.int64)


def read_only(array: Array) -> Array:
    """A view that a user's function cannot write to."""
    view = array.view()
    view.flags.writeable = False
    return view


def digest(outputs: Arrays) -> str:
    """SHA-256 of the bytes of all arrays, in their order."""
    seen = hashlib.sha256()
    for array in outputs.values():
        seen.update(np.ascontiguousarray(array).data)
    return seen.hexdigest()
