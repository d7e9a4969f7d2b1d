"""How right an artifact is on the evaluation data, image by image against float, which answers once for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.beside import SamplesBeside
from dyadic.compiler.calibrate.data import LABELS, Feeds, Samples
from dyadic.compiler.quality import acceptance
from dyadic.compiler.quality.acceptance import Verdict
from dyadic.compiler.quality.comparison import Tally, classes_of, pieces
from dyadic.compiler.quality.float_engine import Engine, Outputs
from dyadic.compiler.quality.metric import Metric
from dyadic.compiler.quality.metric_value import MetricValue
from dyadic.compiler.quality.paired_bootstrap import PairedBootstrap
from dyadic.runtime.session import Session

BATCH = 16  # samples that are judged at a time


class Evaluator:
    """Float's answers to `samples`; they are read again for every artifact, in batches of the same size.

    `digest` is a hash of the samples, `float_accuracy` a share of 1, None without labels. A `metric` judges by what
    lies beside the samples (`SamplesBeside`); `outputs` are the names of the model's.
    """

    def __init__(
        self, engine: Engine, samples: Samples, batch: int, metric: Metric | None = None, outputs: Sequence[str] = ()
    ) -> None:
        self.samples, self.batch, self.metric, self.outputs = samples, batch, metric, tuple(outputs)
        self.float_answers: list[Outputs] = []
        seen = hashlib.sha256()
        right = labelled = count = 0
        for feeds, labels in self._batches():
            answers = engine.run(feeds)
            self.float_answers.append(answers)
            count += len(answers[0])
            classes = classes_of(answers[0])
            if labels is not None and classes is not None:
                labelled += len(labels)
                right += int((classes == labels).sum())
            for array in (*feeds.values(), *([] if labels is None else [labels])):
                seen.update(np.ascontiguousarray(array).data)
        self.digest = seen.hexdigest()
        self.float_accuracy = right / count if labelled == count else None
        self.bootstrap: PairedBootstrap | None = None
        if metric is not None and isinstance(samples, SamplesBeside):
            self.bootstrap = PairedBootstrap(metric, self._joined(self.float_answers), samples.beside(), count)

    def judge(self, session: Session) -> Tally:
        """What of its answers agrees with float and with the labels, and what the metric says of them."""
        tally, answers = Tally(), list[Outputs]()
        for (feeds, labels), expected in zip(self._batches(), self.float_answers, strict=True):
            seen = session.run(None, feeds)
            tally.add(expected, seen, labels)
            if self.bootstrap is not None:
                answers.append(seen)
        if self.metric is not None and self.bootstrap is not None:
            tally.measured = MetricValue(self.metric, self.bootstrap, self._joined(answers))
        return tally

    def _joined(self, answers: Sequence[Outputs]) -> dict[str, npt.NDArray[Any]]:
        """Whole outputs by name."""
        return {
            name: np.concatenate(parts) for name, parts in zip(self.outputs, zip(*answers, strict=True), strict=True)
        }

    def _batches(self) -> Iterator[tuple[Feeds, Any]]:
        for piece in pieces(self.samples, self.batch):
            labels = piece.pop(LABELS, None)
            yield piece, labels


def verdict(tally: Tally, limit: float) -> Verdict:
    """Whether what was lost is within the limit: of the metric, else accuracy where there are labels, else agreement
    with float."""
    if tally.measured is not None:
        return tally.measured.verdict(limit)
    if tally.labelled == tally.samples:
        return acceptance.by_accuracy(tally.gained, tally.lost, tally.samples, limit)
    return acceptance.by_agreement(tally.classified - tally.same, tally.classified, limit)
