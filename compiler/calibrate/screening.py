"""What calibration learns from: all samples but those out of all proportion, and but the last, which figures come from.

A sample is *outlying* where it would widen an input's range by more than the whole range of nearly all others: a broken
sensor, an image that was not normalized. It costs all others a bit of their precision or more, so nothing is learned
from it, and a note names it. Of few samples nothing can be said.

Figures that come from samples which ranges were learned from are too good: the last eighth is kept apart, where there
are enough that nobody misses it. Both work on streams: nothing is held but a window of samples.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.data import Feeds, Input, Samples
from dyadic.runtime.pictures import Pictures

ENOUGH = 128  # samples, of which some can be kept apart
SHARE, MOST = 8, 64  # one in SHARE, no more than MOST
WINDOW, WINDOW_BYTES = 512, 128 << 20  # looked at before any of them is learned from
FEWEST = 32  # samples to compare one with
OUTLYING = 100  # at most one in so many, but one
FAR = 1.0  # beyond the others' range, in widths of that range


@dataclass
class InputSeen:
    """What went by of one input, outlying samples included: each sample's smallest and largest value."""

    lows: array[float] = field(default_factory=lambda: array("d"))  # 16 bytes a sample are all that is kept of it
    highs: array[float] = field(default_factory=lambda: array("d"))
    whole_numbers: bool = True
    outlying: list[int] = field(default_factory=list)  # the numbers of samples, from 0

    def see(self, values: npt.NDArray[np.float32]) -> None:
        """A batch of at least one value a sample."""
        flat = values.reshape(len(values), -1)
        self.lows.extend(flat.min(1).tolist())
        self.highs.extend(flat.max(1).tolist())
        self.whole_numbers = self.whole_numbers and bool((flat == np.rint(flat)).all())

    @property
    def usual(self) -> tuple[float, float]:
        """The range of the samples that are not outlying."""
        keep = np.ones(len(self.lows), bool)
        keep[self.outlying] = False
        return float(np.array(self.lows)[keep].min()), float(np.array(self.highs)[keep].max())

    def outlying_from(self, first: int) -> npt.NDArray[np.bool_]:
        """Which of the samples from number `first` on are outlying, beside all that were seen so far.

        Where many lie far out, none is: that is what the data are like. And none where all others are zero.
        """
        lows, highs = np.array(self.lows), np.array(self.highs)
        far = np.zeros(len(lows), bool)
        if len(lows) >= FEWEST:
            few = max(1, len(lows) // OUTLYING)
            low, high = min(0.0, np.partition(lows, few)[few]), max(0.0, np.partition(highs, -few - 1)[-few - 1])
            beyond = (highs > high + FAR * (high - low)) | (lows < low - FAR * (high - low))
            if low < high and beyond.sum() <= few:
                far = beyond
        return far[first:]


class CalibrationSamples(Samples):
    """`Samples` without what is kept apart and, with `screen`, without outlying ones.

    After all were read once, `held_out` are those that were kept apart, in batches without labels, and `inputs_seen`
    says by name what went by.
    """

    def __init__(
        self,
        data: object,
        inputs: Iterable[Input],
        *,
        screen: bool = True,
        labels: bool = False,
        classes: int | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        super().__init__(data, inputs, labels=labels, classes=classes, pictures=pictures)
        self.screen = screen
        self.held_out: list[Feeds] = []
        self.inputs_seen: dict[str, InputSeen] = {}
        if self.total is not None:
            self.total -= kept_apart(self.total)

    def _batches(self) -> Iterator[Feeds]:
        self.held_out = []
        self.inputs_seen = {i.name: InputSeen() for i in self.inputs if i.limits is None}  # ids are never far out
        waiting: list[Feeds] = []
        passed = 0
        for feeds in self._screened():
            waiting.append(feeds)
            while rows(waiting) - len(first_array(waiting[0])) >= MOST:
                passed += len(first_array(waiting[0]))
                yield waiting.pop(0)
        ready = rows(waiting) - kept_apart(passed + rows(waiting))
        for feeds in waiting:
            count = len(first_array(feeds))
            if ready > 0:
                yield {name: value[:ready] for name, value in feeds.items()}
            if ready < count:
                names = [i.name for i in self.inputs]
                self.held_out.append({name: feeds[name][max(0, ready) :].copy() for name in names})
            ready -= count

    def _screened(self) -> Iterator[Feeds]:
        """Batches as they come, a window later; outlying samples are left out."""
        window: list[Feeds] = []
        for feeds in super()._batches():
            for name, seen in self.inputs_seen.items():
                seen.see(feeds[name])
            window.append(feeds)
            if rows(window) >= WINDOW or sum(v.nbytes for each in window for v in each.values()) >= WINDOW_BYTES:
                yield from self._without_outlying(window)
                window = []
        yield from self._without_outlying(window)

    def _without_outlying(self, window: list[Feeds]) -> Iterator[Feeds]:
        if not window or not self.screen or not self.inputs_seen:
            yield from window
            return
        first = len(next(iter(self.inputs_seen.values())).lows) - rows(window)
        drop = np.zeros(rows(window), bool)
        for seen in self.inputs_seen.values():
            far = seen.outlying_from(first)
            seen.outlying += (first + np.flatnonzero(far)).tolist()
            drop |= far
        for feeds in window:
            here, drop = drop[: len(first_array(feeds))], drop[len(first_array(feeds)) :]
            if not here.all():
                yield {name: value[~here] for name, value in feeds.items()} if here.any() else feeds


def kept_apart(count: int) -> int:
    """How many of so many samples figures come from and nothing is learned from.

    >>> [kept_apart(count) for count in (127, 128, 300, 10_000)]
    [0, 16, 37, 64]
    """
    return min(count // SHARE, MOST) if count >= ENOUGH else 0


def rows(batches: list[Feeds]) -> int:
    """Samples of all batches."""
    return sum(len(first_array(feeds)) for feeds in batches)


def first_array(feeds: Feeds) -> npt.NDArray[np.float32]:
    """Of a batch; all have as many rows."""
    return next(iter(feeds.values()))
