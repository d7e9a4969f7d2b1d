"""What `dyadic evaluate` asks of the compiler: the float model beside an artifact, and a metric of the user's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dyadic.compiler.float_network import float_network
from dyadic.compiler.job import Job
from dyadic.compiler.measure.layer_comparison import check_inputs, same_inputs, same_model_file
from dyadic.compiler.quality.comparison import Tally, paired_interval
from dyadic.compiler.quality.float_engine import Engine, make_engine
from dyadic.compiler.quality.metric import Metric, load_metric
from dyadic.compiler.quality.metric_value import MetricValue
from dyadic.compiler.quality.paired_bootstrap import PairedBootstrap
from dyadic.compiler.tools import Tools
from dyadic.compiler.user_data import interface
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.commands.evaluate import Counts, Share, samples_of
from dyadic.runtime.named_arrays import LABELS, NamedArrays
from dyadic.runtime.session import Session
from dyadic.runtime.user_samples import UserSamples

CONFIDENCE = 0.95


def evaluated(
    artifact: Path, session: Session, data: Path, samples: UserSamples, model: Path | None, metric: str | None
) -> dict[str, Any]:
    """The facts of an evaluation with a float model or a metric, or both.

    Raises:
        UsageError: model, metric or data do not fit the artifact.
    """
    measure = None if metric is None else load_metric(metric)
    engine = None if model is None else engine_of(artifact, model, session.threads)
    tally, own, floats = Tally(), Counts(), Counts()
    answers: list[list[Any]] = []
    expected: list[list[Any]] = []
    labels: list[Any] = []
    for (feeds, right), seen in samples_of(samples, session, data):
        if engine is not None:
            wanted = engine.run(feeds)
            tally.add(wanted, seen, right)
            expected += [wanted] * (measure is not None)
            if right is not None and measure is None:
                floats.add(wanted[0], right)
        if right is not None and measure is None:
            own.add(seen[0], right)
        if measure is not None:
            answers.append(seen)
            labels += [] if right is None else [right]
    facts: dict[str, Any] = {"samples": samples.total}
    if own.samples:
        facts = own.to_json()
    if measure is not None:
        names = [info.name for info in session.outputs]
        beside = arrays_beside(data, session, labels)
        facts |= measured(measure, joined(names, answers), beside, samples.total, joined(names, expected))
    if engine is not None:
        facts |= against_float(tally, floats, measure is None)
        facts["float"] = {"engine": engine.name} | facts.get("float", {})
    return facts


def against_float(tally: Tally, floats: Counts, classes: bool) -> dict[str, Any]:
    """How far both agree; `classes`: what accuracy is, too."""
    facts: dict[str, Any] = {"sqnr_db": round(tally.sqnr_db, 2)}
    if tally.classified and classes:
        facts["agreement"] = Share(tally.same, tally.classified).to_json()
    if floats.samples:
        facts["float"] = {name: value for name, value in floats.to_json().items() if name != "samples"}
        value, low, high = paired_interval(tally.gained, tally.lost, tally.samples)
        facts["difference"] = {"value": value, "low": low, "high": high}
    return facts


def measured(
    measure: Metric,
    outputs: Mapping[str, Any],
    beside: Mapping[str, Any],
    count: int,
    expected: Mapping[str, Any],
) -> dict[str, Any]:
    """The metric with its bootstrap interval, and float's where its outputs are there."""
    spread = PairedBootstrap(measure, outputs, beside, count)
    low, high = spread.spread(CONFIDENCE)
    facts: dict[str, Any] = {"metric": {"name": measure.name, "value": spread.value, "low": low, "high": high}}
    if expected:
        paired = MetricValue(measure, PairedBootstrap(measure, expected, beside, count), outputs)
        value, low, high = paired.difference
        facts["float"] = {"metric": {"value": paired.float_value}}
        facts["difference"] = {"value": value, "low": low, "high": high}
    return facts


def joined(names: list[str], parts: list[list[Any]]) -> dict[str, Any]:
    """Whole outputs by name; nothing of nothing."""
    return {n: np.concatenate(each) for n, each in zip(names, zip(*parts, strict=True), strict=True)} if parts else {}


def arrays_beside(data: Path, session: Session, labels: list[Any]) -> dict[str, Any]:
    """What of the data is no input, as a metric is given it."""
    inputs = {info.name for info in session.inputs}
    if data.suffix == ".npz" and not data.is_dir():
        return NamedArrays(data, f"'{data}'").rest(inputs)
    return {LABELS: np.concatenate(labels)} if labels else {}


def engine_of(artifact: Path, model: Path, threads: int) -> Engine:
    """What runs the float model, which must be the one that the artifact was compiled from, or one like it."""
    with open_artifact(artifact) as file:
        job = Job(os.fspath(model), **same_inputs(file.made), progress="off")
        tools = Tools.of(job)
        module = float_network(job, tools)
        check_inputs(file, module)
        if same_model_file(file.made, os.fspath(model)) is False:
            tools.progress.warn(f"'{artifact}' was compiled from another file than '{model}'")
        with tools.context:
            own = interface(job, module)
    return make_engine(os.fspath(model), threads, (), own)
