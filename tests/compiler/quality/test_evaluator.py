"""The evaluator asks float once and every artifact the same questions; what ships is said beside what it is worth."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dyadic.compiler.calibrate.beside import SamplesBeside
from dyadic.compiler.calibrate.data import Input, Samples
from dyadic.compiler.measure.account import verdict
from dyadic.compiler.measure.evidence import judged
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.quality.evaluator import Evaluator
from dyadic.compiler.quality.evaluator import verdict as verdict_of
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.quality.metric import Metric
from dyadic.compiler.quality.metric_value import MetricValue
from dyadic.compiler.quality.paired_bootstrap import PairedBootstrap
from dyadic.compiler.report_schema import Interval, PlanPoint, Variant

X = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1, 2]]
LABELS = np.array([0, 1, 2, 3, 3, 1, 0])  # float, which answers with its input, is wrong on two


class Asked:
    """Both an engine's `run` and a session: its answers are its inputs, some of them spoilt."""

    def __init__(self, spoilt: dict[int, int] | None = None) -> None:
        self.sizes: list[int] = []
        self.spoilt = spoilt or {}

    def __call__(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        rows = feeds["x"].copy()
        for row, answer in self.spoilt.items():
            if sum(self.sizes) <= row < sum(self.sizes) + len(rows):
                rows[row - sum(self.sizes)] = np.eye(4)[answer]
        self.sizes.append(len(rows))
        return [rows]

    def run(self, outputs: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        return self(feeds)


def evaluator(labels: np.ndarray | None, engine: Asked, batch: int = 3) -> Evaluator:
    data = {"x": X} if labels is None else {"x": X, "labels": labels}
    samples = Samples(data, [Input("x", (4,))], "evaluation data", labels=True)
    return Evaluator(Engine("float", engine, 0), samples, batch)


def test_float_answers_once_and_artifacts_are_counted_image_by_image() -> None:
    engine = Asked()
    one = evaluator(LABELS, engine)
    assert engine.sizes == [3, 3, 1] and one.float_accuracy == 5 / 7
    session: Any = Asked({1: 0, 4: 3, 5: 2})  # lost, gained, lost
    tally = one.judge(session)
    assert session.sizes == engine.sizes == [3, 3, 1]
    assert (tally.samples, tally.labelled, tally.same) == (7, 7, 4)
    assert (tally.float_right, tally.int8_right, tally.gained, tally.lost) == (5, 4, 1, 2)
    exact: Any = Asked()
    assert one.judge(exact).same == 7 and engine.sizes == [3, 3, 1]


def test_without_labels_there_is_agreement_but_no_accuracy() -> None:
    one = evaluator(None, Asked())
    session: Any = Asked({1: 0, 4: 3})
    tally = one.judge(session)
    assert one.float_accuracy is None and (tally.labelled, tally.classified, tally.same) == (0, 7, 5)


def test_the_digest_is_of_samples_and_labels() -> None:
    others = [LABELS, LABELS[::-1].copy(), None]
    digests = [evaluator(labels, Asked()).digest for labels in others]
    assert len(set(digests)) == 3 and evaluator(LABELS, Asked({0: 1})).digest == digests[0]


def top2(outputs: dict[str, np.ndarray], data: dict[str, np.ndarray]) -> float:
    best = np.argsort(outputs["y"], 1, kind="stable")[:, -2:]
    return float((best == data["wanted"]).any(1).mean())


def test_a_metric_is_asked_for_whole_outputs_and_for_what_lies_beside_the_samples() -> None:
    samples = SamplesBeside(
        {"x": X, "wanted": LABELS[:, None].astype(np.uint8), "labels": LABELS / 3}, [Input("x", (4,))]
    )
    one = Evaluator(Engine("float", Asked(), 0), samples, 3, Metric("top2", top2), ("y",))
    assert one.float_accuracy is None and one.bootstrap is not None
    assert one.bootstrap.value == top2({"y": X}, {"wanted": LABELS[:, None]}) == 6 / 7
    session: Any = Asked({1: 0, 5: 2})
    seen = one.judge(session).measured
    assert seen is not None and (seen.float_value, seen.value) == (6 / 7, 4 / 7)
    change, low, high = seen.difference
    assert change == pytest.approx(-2 / 7) and low < change < high
    again: Any = Asked({1: 0, 5: 2})
    said = verdict_of(one.judge(again), 0.5)
    assert said == seen.verdict(0.5) and said.bound > said.drop == pytest.approx(2 / 7)


def test_of_random_plans_the_metric_is_kept_or_else_accuracy() -> None:
    tally = Tally()
    tally.samples = tally.labelled = tally.classified = 4
    tally.int8_right, tally.same = 3, 2
    plan = PlanPoint(0.1, 600, 1000)
    assert judged(plan, tally) == replace(plan, accuracy=0.75, agreement=0.5)
    tally.labelled = 0
    assert judged(plan, tally) == replace(plan, agreement=0.5)
    bootstrap = PairedBootstrap(measure := Metric("m", lambda outputs, data: outputs["y"]), {"y": X[:, 0]}, {}, 7)
    tally.measured = MetricValue(measure, bootstrap, {"y": X[:, 1]})
    assert judged(plan, tally).metric == pytest.approx(2 / 7)


def test_labels_are_the_metrics_own_and_no_classes() -> None:
    """Float numbers as labels: accuracy is not looked for, and entropy is that of float's own classes."""
    samples = SamplesBeside({"x": X, "labels": np.linspace(0, 1, 7)}, [Input("x", (4,))])
    one = Evaluator(Engine("float", Asked(), 0), samples, 3, Metric("m", lambda o, d: 1.0), ("y",))
    exact: Any = Asked()
    tally = one.judge(exact)
    assert (tally.labelled, tally.classified) == (0, 7) and one.float_accuracy is None
    assert tally.loss == pytest.approx(-np.log(np.e / (np.e + 3)))


def variant(name: str, weights: int | None, ms: float, points: float | None) -> Variant:
    difference = None if points is None else Interval(points / 100, 0.0, 0.0)
    return Variant(name, 500 + (weights or 0), weights, ms, ms, ms, difference=difference, shipped=name == "chosen")


FLOAT, INT8 = variant("float", None, 4.0, None), variant("int8", 1000, 2.0, -0.04)


def test_the_verdict_is_against_int8_and_float() -> None:
    chosen = variant("chosen", 600, 1.0, -0.2)
    assert verdict([FLOAT, INT8, chosen]) == (
        "The weights are 0.60x of int8's, the time 0.50x of int8's and 0.25x of float's; "
        "accuracy changes by -0.20 points (int8: -0.04)."
    )
    assert "accuracy" not in verdict([FLOAT, INT8, replace(chosen, difference=None)])


def test_a_file_that_is_no_smaller_although_its_weights_are_is_said_to_be_so() -> None:
    chosen = replace(variant("chosen", 600, 1.0, None), bytes=INT8.bytes)
    assert "The whole file is no smaller than int8's" in verdict([FLOAT, INT8, chosen])
    assert "whole file" not in verdict([FLOAT, INT8, replace(chosen, bytes=(INT8.bytes or 0) - 1)])


def test_the_verdict_names_the_metric() -> None:
    chosen = variant("chosen", 600, 1.0, -0.2)
    assert "; rho changes by -0.002 (int8: -0.0004)." in verdict([FLOAT, INT8, chosen], "rho")


@pytest.mark.parametrize(("weights", "ms", "said"), [(600, 2.0, True), (600, 1.9, False), (1000, 2.0, False)])
def test_what_is_only_smaller_is_said_to_be_so(weights: int, ms: float, said: bool) -> None:
    sentence = "On this machine, fewer bits made this network smaller, not faster."
    made = [FLOAT, INT8, variant("chosen", weights, ms, None)]
    assert (sentence in verdict(made)) == said
    assert "fewer bits" not in verdict(made, islands=True)  # what float islands make of it is no merit of theirs
