"""Float against the compiled artifact, on the same samples and the same machine: accuracy, time and size.

Where the user brings a metric, it stands in the place of accuracy, and nothing is said of classes.

Both run as a user would run them, float by its own engine, int8 by a session. Nothing is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.data import LABELS, Feeds
from dyadic.compiler.quality.float_engine import Engine, Outputs
from dyadic.compiler.quality.metric_value import MetricValue
from dyadic.compiler.report_schema import Comparison, Interval
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import Session
from dyadic.runtime.timing import in_turns

Z_95 = 1.959964
COUNTED = (
    *("samples", "labelled", "classified", "same", "float_right", "int8_right", "gained", "lost"),
    *("signal", "noise", "entropy"),
)


class Tally:
    """What of two networks' answers to the same samples is counted, batch by batch."""

    def __init__(self) -> None:
        self.samples = self.labelled = self.classified = self.same = 0
        self.float_right = self.int8_right = self.gained = self.lost = 0
        self.signal = self.noise = self.entropy = 0.0
        self.measured: MetricValue | None = None  # by the user's own metric, where there is one

    def add(self, expected: Outputs, seen: Outputs, labels: npt.NDArray[np.int64] | None) -> None:
        """Count one batch: outputs of float and of integers, [N, ...] each, and labels [N] where there are any."""
        for e, s in zip(expected, seen, strict=True):
            self.signal += float(np.square(e, dtype=np.float64).sum())
            self.noise += float(np.square(e.astype(np.float64) - s).sum())
        self.samples += len(expected[0])
        float_class, int8_class = classes_of(expected[0]), classes_of(seen[0])
        if float_class is None or int8_class is None:
            return  # no classes to compare
        wanted = float_class if labels is None else labels
        said = seen[0].dtype.kind in "iu"
        self.entropy += float((int8_class != wanted).sum()) if said else cross_entropy(seen[0], wanted)
        self.classified += len(float_class)
        self.same += int((float_class == int8_class).sum())
        if labels is not None:
            float_right, int8_right = float_class == labels, int8_class == labels
            self.labelled += len(labels)
            self.float_right += int(float_right.sum())
            self.int8_right += int(int8_right.sum())
            self.gained += int((int8_right & ~float_right).sum())
            self.lost += int((float_right & ~int8_right).sum())

    def plus(self, other: Tally) -> None:
        """Count what another has counted, too."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def loss(self) -> float:
        """Cross entropy of the second network's answers, with the labels or else with the first one's classes."""
        return self.entropy / max(1, self.classified)

    @property
    def sqnr_db(self) -> float:
        """Signal to noise of the outputs; 200 stands for no noise at all."""
        return 200.0 if self.noise == 0 else 10 * math.log10(max(self.signal, 1e-300) / self.noise)


def classes_of(answers: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """The class of each sample: the largest of its numbers, or the one whole number that the model itself gives; None
    where answers are no classes.

    >>> classes_of(np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)), classes_of(np.array([[3], [5]]))
    (array([1, 0]), array([3, 5]))
    """
    if answers.dtype.kind in "iu":
        return answers.reshape(-1).astype(np.int64) if answers.size == len(answers) else None
    return answers.argmax(1) if answers.ndim == 2 and answers.shape[1] > 1 else None


def cross_entropy(logits: npt.NDArray[np.floating], classes: npt.NDArray[np.integer]) -> float:
    """Summed over the samples, in nats."""
    x = logits.astype(np.float64)
    x -= x.max(1, keepdims=True)
    return float((np.log(np.exp(x).sum(1)) - x[np.arange(len(x)), classes]).sum())


def paired_interval(gained: int, lost: int, samples: int) -> tuple[float, float, float]:
    """(difference, low, high) of two accuracies on the same samples (Agresti and Min 2005: half a sample in each cell).

    >>> [round(x, 4) for x in paired_interval(2, 5, 1000)]
    [-0.003, -0.0087, 0.0027]
    """
    b, c, n = gained + 0.5, lost + 0.5, samples + 2
    center, spread = (b - c) / n, Z_95 * math.sqrt(b + c - (b - c) ** 2 / n) / n
    return (gained - lost) / samples, center - spread, center + spread


def compare(
    engine: Engine,
    session: Session,
    int8_bytes: int,
    code: Mapping[str, int],
    samples: Iterable[Feeds],
    held_out: bool,
    batch: int,
    judged: Tally | None = None,
) -> Comparison:
    """Measure both on `samples`; time them in turns on a batch of random ones, as `dyadic bench` has them. `code` is
    bytes by level.

    `judged`: what is known of all samples already.
    """
    tally = judged or Tally()
    for piece in pieces(samples, session.max_batch) if judged is None else ():
        labels = piece.pop(LABELS, None)
        tally.add(engine.run(piece), session.run(None, piece), labels)
    timed = random_feeds(session, batch)
    times = in_turns({"float": lambda: engine.run(timed), "int8": lambda: session.run(None, timed)})
    float_ms, int8_ms = times["float"].median, times["int8"].median
    labelled, measured = tally.labelled == tally.samples, tally.measured
    difference = paired_interval(tally.gained, tally.lost, tally.samples) if labelled else None
    difference = difference if measured is None else measured.difference
    return Comparison(
        samples=tally.samples,
        held_out=held_out,
        float_engine=engine.name,
        float_accuracy=tally.float_right / tally.samples if labelled else None,
        int8_accuracy=tally.int8_right / tally.samples if labelled else None,
        difference=None if difference is None else Interval(*difference),
        agreement=tally.same / tally.classified if tally.classified and measured is None else None,
        sqnr_db=round(tally.sqnr_db, 2),
        threads=session.threads,
        batch=batch,
        float_ms=float_ms / batch,
        int8_ms=int8_ms / batch,
        float_bytes=engine.bytes,
        int8_bytes=int8_bytes,
        code_bytes=sum(code.values()),
        levels=len(code),
        metric=None if measured is None else measured.metric.name,
        float_metric=None if measured is None else measured.float_value,
        int8_metric=None if measured is None else measured.value,
        engine_version=engine.version,
    )


def pieces(samples: Iterable[Feeds], rows: int) -> Iterator[Feeds]:
    """At most `rows` samples at a time."""
    for feeds in samples:
        for start in range(0, len(next(iter(feeds.values()))), rows):
            yield {name: value[start : start + rows] for name, value in feeds.items()}
