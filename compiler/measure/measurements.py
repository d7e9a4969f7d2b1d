"""What the finished artifact is worth, measured for its report: beside float and uniform int8, layer by layer, and
against what a search predicted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dyadic.compiler.calibrate.data import Feeds
from dyadic.compiler.measure import evidence
from dyadic.compiler.measure.account import LayerMeasurements, commands, layers, selection_section
from dyadic.compiler.measure.layer_quality import layer_quality
from dyadic.compiler.measure.notes import calibration_notes, result_notes
from dyadic.compiler.measure.variants import CHOSEN, INT8, Variant, side_by_side
from dyadic.compiler.quality.comparison import Comparison, compare
from dyadic.compiler.quality.evaluator import BATCH
from dyadic.compiler.quality.feeds import random_feeds
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.select.mixed import Mixed
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.widths.decisions import DEFAULT, uniform
from dyadic.runtime.session import Session

if TYPE_CHECKING:
    from dyadic.compiler.select.compiling import Compiling

PEAK_SECONDS = 0.02  # of each of five runs, before and after the layers are timed


def measure(flow: Compiling) -> Comparison:
    """Float and the artifact side by side, on the evaluation data, or on samples that calibration kept apart, or on
    some that it learned from; the report knows all that was measured."""
    options, given = flow.options, flow.evaluate is not None
    with (
        flow.progress.stage("compare"),
        flow.artifact.load(options.threads, max(options.batch, BATCH)) as session,
    ):
        engine = flow.engine(session.threads)
        samples = flow.evaluation if given else flow.samples.held_out or flow.samples.first
        held_out = given or bool(flow.samples.held_out)
        code = dict(flow.artifact.emitted.code_bytes)
        # whoever asks the evaluator below would else have float answer everything twice
        judged = (
            flow.evaluator().judge(session) if flow.metric is not None or (given and flow.selection.report) else None
        )
        size = flow.artifact.bytes or 0
        comparison = compare(engine, session, size, code, samples, held_out, options.batch, judged)
        flow.artifact.report |= by_layer(flow, session, flow.evaluation.first if given else samples)
        variants = beside(flow, engine, session.isa, session.threads) if flow.selection.report else []
        looked_at = flow.evaluation.first if given else samples
        notes = [
            *calibration_notes(flow.samples.inputs_seen, flow.samples.seen, screened=flow.samples.screen),
            *result_notes(session, engine, looked_at, flow.artifact.report["layers"]),
        ]
        for note in notes:
            flow.progress.warn(note)
    report = flow.artifact.report
    report["comparison"], report["notes"] = comparison.to_json(), notes
    report["commands"] = commands(flow, flow.selection, report["layer_samples"])
    if variants:
        report["selection"] = selection_section(flow.selection, variants, comparison.metric)
    if flow.selection.mixed is not None:
        prove(flow, flow.selection.mixed, report)
    return replace(comparison, int8_bytes=settle(flow, report))


def by_layer(flow: Compiling, session: Session, samples: Iterable[Feeds]) -> dict[str, Any]:
    """The layers with their times, their shares of the machine's peak and what they lose."""
    processors = tuple(sorted(os.sched_getaffinity(0)))[: session.threads]
    target = target_of(flow.options.target)
    before = target.peak(session.isa, processors, PEAK_SECONDS)
    times = session.profile(random_feeds(session, 1))
    after = target.peak(session.isa, processors, PEAK_SECONDS)
    peak = max(before or 0.0, after or 0.0)
    with flow.context:
        quality, count = layer_quality(flow.floating, flow.integer, samples)
    measured = LayerMeasurements(times, session.isa, peak, quality)
    about = {"level": session.isa, "threads": len(processors), "gmacs": peak}
    return {"layers": layers(flow, flow.selection, measured), "peak": about, "layer_samples": count}


def beside(flow: Compiling, engine: Engine, level: str, threads: int) -> list[Variant]:
    """Float, uniform int8 and this artifact, timed in alternation and asked the same questions."""
    points = flow.selection.points
    int8 = flow.branch(points, uniform(points, DEFAULT), flow.options.levels).artifact
    evaluator = flow.evaluator() if flow.evaluate is not None else None
    return side_by_side(engine, {INT8: int8, CHOSEN: flow.artifact}, level, threads, flow.options.batch, evaluator)


def prove(flow: Compiling, mixed: Mixed, report: dict[str, Any]) -> None:
    """What the search predicted, against the artifact."""
    report["latency"] = evidence.latency(flow, mixed, flow.selection.decisions)
    if flow.evaluate is not None:
        evaluator = flow.evaluator()
        report["sensitivity"] = evidence.ranking(flow, mixed, evaluator)
        if count := flow.options.compare_plans:
            report["selection"]["random_plans"] = evidence.against_chance(flow, mixed, evaluator, count)


def settle(flow: Compiling, report: dict[str, Any]) -> int:
    """Write the size of the file into the report that is in it; the size does not hang on the last digits."""
    chosen = [one for one in report.get("selection", {}).get("variants", ()) if one["name"] == CHOSEN]
    size = 0
    for _ in range(3):
        with flow.artifact.load(1):
            size = flow.artifact.bytes or 0
        for record, key in ((report["comparison"], "int8_bytes"), *((one, "bytes") for one in chosen)):
            record[key] = size
    limit = flow.options.limits.get("size")
    if limit is not None and not limit.relative and size > limit.value:
        flow.progress.warn(f"the file has {size:,} bytes, more than --max-size {limit.asked}: its report is that long")
    return size
