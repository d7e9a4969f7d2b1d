"""The last stage: what the finished artifact is worth, measured for its report. Beside float and uniform int8, layer by
layer, and against what a search predicted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from dyadic.compiler.calibrate.data import Feeds
from dyadic.compiler.compiled import Compiled
from dyadic.compiler.measure import evidence
from dyadic.compiler.measure.account import LayerMeasurements, commands, layers, selection_section
from dyadic.compiler.measure.layer_quality import layer_quality
from dyadic.compiler.measure.notes import calibration_notes, result_notes
from dyadic.compiler.measure.variants import Variant, side_by_side
from dyadic.compiler.quality.comparison import compare
from dyadic.compiler.quality.evaluator import BATCH
from dyadic.compiler.quality.feeds import random_feeds
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.select.trials import CHOSEN, INT8
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.decisions import DEFAULT, uniform
from dyadic.runtime.session import Session

PEAK_SECONDS = 0.02  # of each of five runs, before and after the layers are timed


def measure(compiled: Compiled, tools: Tools) -> dict[str, Any]:
    """The artifact's report with everything that can be measured: on the evaluation data, else on samples that
    calibration kept apart, else on some that it learned from."""
    job, artifact, selection = compiled.job, compiled.artifact, compiled.selection
    data = compiled.calibrated.data
    evaluation, report = data.evaluation, dict(artifact.report)
    with tools.progress.stage("compare"), artifact.load(job.threads, max(job.batch, BATCH)) as session:
        engine = data.engine(session.threads)
        code = dict(artifact.emitted.code_bytes)
        # whoever asks the evaluator below would else have float answer everything twice
        asked = evaluation is not None and (evaluation.metric is not None or bool(selection.objective))
        judged = evaluation.evaluator.judge(session) if evaluation is not None and asked else None
        kept = data.calibration.held_out or data.calibration.first
        samples = kept if evaluation is None else evaluation.samples
        size, held_out = artifact.file_bytes(), evaluation is not None or bool(data.calibration.held_out)
        comparison = compare(engine, session, size, code, samples, held_out, job.batch, judged)
        looked_at = kept if evaluation is None else evaluation.samples.first
        report |= by_layer(compiled, session, looked_at)
        variants = beside(compiled, engine, session.isa, session.threads) if selection.objective else []
        seen = data.calibration
        notes = [
            *calibration_notes(seen.inputs_seen, seen.seen, screened=seen.screen),
            *result_notes(session, engine, looked_at, report["layers"]),
        ]
    for note in notes:
        tools.progress.warn(note)
    report["comparison"], report["notes"] = comparison.to_json(), notes
    report["commands"] = commands(compiled, report["layer_samples"])
    if variants:
        report["selection"] = selection_section(selection, variants, comparison.metric)
    prove(compiled, tools, report)
    settle(compiled, tools, report)
    return report


def by_layer(compiled: Compiled, session: Session, samples: Iterable[Feeds]) -> dict[str, Any]:
    """The layers with their times, their shares of the machine's peak and what they lose."""
    processors = tuple(sorted(os.sched_getaffinity(0)))[: session.threads]
    target = target_of(compiled.job.target)
    before = target.peak(session.isa, processors, PEAK_SECONDS)
    times = session.profile(random_feeds(session, 1))
    after = target.peak(session.isa, processors, PEAK_SECONDS)
    peak = max(before or 0.0, after or 0.0)
    quality, count = layer_quality(compiled.built.floating, compiled.built.integer, samples)
    measured = LayerMeasurements(times, session.isa, peak, quality)
    about = {"level": session.isa, "threads": len(processors), "gmacs": peak}
    rows = layers(compiled.selection, compiled.built, measured)
    return {"layers": rows, "peak": about, "layer_samples": count}


def beside(compiled: Compiled, engine: Engine, level: str, threads: int) -> list[Variant]:
    """Float, uniform int8 and this artifact, timed in alternation and asked the same questions."""
    job, evaluation = compiled.job, compiled.calibrated.data.evaluation
    plans = {INT8: compiled.build(uniform(compiled.selection.points, DEFAULT), job.levels), CHOSEN: compiled.built}
    report = compiled.artifact.file_bytes() - compiled.built.file_bytes()  # int8's would be as long
    sizes = {name: plan.file_bytes() + report for name, plan in plans.items()}
    evaluator = None if evaluation is None else evaluation.evaluator
    return side_by_side(engine, plans, sizes, level, threads, job.batch, evaluator)


def prove(compiled: Compiled, tools: Tools, report: dict[str, Any]) -> None:
    """What the search predicted, against the artifact."""
    searched, evaluation = compiled.selection.searched, compiled.calibrated.data.evaluation
    if searched is None:
        return
    report["latency"] = evidence.latency(searched, compiled.built, tools.progress)
    if evaluation is not None:
        job, trial = compiled.job, evidence.Trial(compiled.build, searched.place, evaluation.evaluator)
        report["sensitivity"] = evidence.ranking(
            searched, trial, compiled.calibrated, tools, every=job.compare_sensitivities
        )
        if job.compare_plans:
            rivals = evidence.against_chance(searched, trial, tools.progress, job.compare_plans)
            report["selection"]["random_plans"] = rivals


def settle(compiled: Compiled, tools: Tools, report: dict[str, Any]) -> None:
    """Write the size of the file into the report that is in it; the size does not hang on the last digits."""
    chosen = [one for one in report.get("selection", {}).get("variants", ()) if one["name"] == CHOSEN]
    size = 0
    for _ in range(3):
        size = compiled.artifact.with_report(report).file_bytes()
        for record, key in ((report["comparison"], "int8_bytes"), *((one, "bytes") for one in chosen)):
            record[key] = size
    limit = compiled.job.limits.get("size")
    if limit is not None and not limit.relative and size > limit.value:
        tools.progress.warn(f"the file has {size:,} bytes, more than --max-size {limit.asked}: its report is that long")
