"""How right an artifact is on the evaluation data, image by image against float, which answers once for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
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


Batch = tuple[Feeds, Any]  # samples, and their labels where there are any


@dataclass(frozen=True)
class Piece:
    """What one batch was answered: counted, and, where a metric asks for them, the answers themselves."""

    tally: Tally
    answers: Outputs | None = None


@dataclass(frozen=True)
class Questions:
    """Batches of at most `rows` samples, and what float answers to each. `keep`: whether answers are wanted."""

    batches: Iterable[Batch]
    expected: Sequence[Outputs]
    rows: int
    keep: bool = False

    def put_to(self, session: Session, part: int = 0, parts: int = 1) -> list[Piece]:
        """Those of one of several parts, in order; one part is all of them."""
        first, end = (len(self.expected) * i // parts for i in (part, part + 1))
        pieces = []
        for (feeds, labels), expected in zip(islice(self.batches, first, end), self.expected[first:end], strict=True):
            tally, seen = Tally(), session.run(None, feeds)
            tally.add(expected, seen, labels)
            pieces.append(Piece(tally, seen if self.keep else None))
        return pieces


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
        for feeds, labels in _Again(self):
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
        return self.judged(self.questions.put_to(session))

    @property
    def questions(self) -> Questions:
        """What is asked of every artifact."""
        return Questions(_Again(self), self.float_answers, self.batch, self.bootstrap is not None)

    def judged(self, pieces: Sequence[Piece]) -> Tally:
        """All pieces together, whoever asked for them."""
        tally = Tally()
        for piece in pieces:
            tally.plus(piece.tally)
        if self.metric is not None and self.bootstrap is not None:
            answers = [piece.answers for piece in pieces if piece.answers is not None]
            tally.measured = MetricValue(self.metric, self.bootstrap, self._joined(answers))
        return tally

    def _joined(self, answers: Sequence[Outputs]) -> dict[str, npt.NDArray[Any]]:
        """Whole outputs by name."""
        return {
            name: np.concatenate(parts) for name, parts in zip(self.outputs, zip(*answers, strict=True), strict=True)
        }


@dataclass(frozen=True)
class _Again:
    """The batches of an evaluator, read anew each time."""

    evaluator: Evaluator

    def __iter__(self) -> Iterator[Batch]:
        for piece in pieces(self.evaluator.samples, self.evaluator.batch):
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
