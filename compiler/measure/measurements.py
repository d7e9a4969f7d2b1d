"""The last stage: what the finished artifact is worth, measured for its report. Beside float and uniform int8, layer by
layer, and against what a search predicted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dyadic.compiler.calibrate.data import Feeds
from dyadic.compiler.calibrate.made import MadeSamples
from dyadic.compiler.compiled import Compiled
from dyadic.compiler.job import Job
from dyadic.compiler.machines.agent import Agent
from dyadic.compiler.measure import evidence
from dyadic.compiler.measure.account import LayerMeasurements, chosen, commands, layers, verdict
from dyadic.compiler.measure.layer_quality import layer_quality
from dyadic.compiler.measure.machine import this_machine
from dyadic.compiler.measure.notes import calibration_notes, result_notes
from dyadic.compiler.measure.variants import FLOAT, side_by_side, times_there
from dyadic.compiler.quality.comparison import compare
from dyadic.compiler.quality.evaluator import BATCH
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.report_schema import Comparison, Peak, Report, Used, Variant
from dyadic.compiler.select.trials import CHOSEN, INT8, Place
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.decisions import DEFAULT, uniform
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import Session

PEAK_SECONDS = 0.02  # of each of five runs, before and after the layers are timed


def measure(compiled: Compiled, tools: Tools) -> Report:
    """The artifact's report with everything that can be measured: on the evaluation data, else on samples that
    calibration kept apart, else on some that it learned from."""
    job, artifact, selection = compiled.job, compiled.artifact, compiled.selection
    data, report = compiled.calibrated.data, artifact.report
    evaluation, kept = data.evaluation, data.calibration.held_out or data.calibration.first
    with tools.progress.stage("compare"), loaded(compiled) as session:
        engine = data.engine(session.threads)
        # whoever asks the evaluator below would else have float answer everything twice
        asked = evaluation is not None and (evaluation.metric is not None or bool(selection.objective))
        judged = evaluation.evaluator.judge(session) if evaluation is not None and asked else None
        samples = kept if evaluation is None else evaluation.samples
        size, held_out = artifact.file_bytes(), evaluation is not None or bool(data.calibration.held_out)
        code = dict(artifact.emitted.code_bytes)
        comparison = compare(engine, session, size, code, samples, held_out, job.batch, judged)
        looked_at = kept if evaluation is None else evaluation.samples.first
        place = place_of(compiled, session, tools.agent)
        report = by_layer(compiled, report, place, looked_at, session)
        variants = beside(compiled, engine, place) if selection.objective else []
        machine = this_machine(session, stands_in_for(job))
        if tools.agent is not None:
            machine = replace(tools.agent.machine, level=place.level)
            comparison = replace(comparison, float_ms=None, threads=place.threads)
            if not variants:
                comparison = timed_there(compiled, comparison, tools.agent, place)
        seen, made = data.calibration, isinstance(data.calibration, MadeSamples)
        comparison = replace(comparison, synthetic=made and evaluation is None)
        notes = (
            *learned_from_notes(compiled),
            *stand_in(compiled, session),
            *result_notes(session, engine, looked_at, compiled.built.floating, report.layers, assumed=made),
        )
    for note in notes[1:] if made else notes:  # what was assumed was said before the work
        tools.progress.warn(note)
    said = commands(compiled, report.layer_samples or 0)
    used = replace(report.used or Used(), calibration_samples=seen.seen) if job.calibration is not None else report.used
    report = replace(report, comparison=comparison, notes=notes, commands=said, machine=machine, used=used)
    if variants:
        report = replace(report, comparison=in_turn(comparison, variants))
        said = verdict(variants, comparison.metric, islands=bool(selection.islands))
        report = replace(report, selection=replace(chosen(selection), variants=tuple(variants), verdict=said))
    return settled(compiled, tools, proved(compiled, tools, report))


def learned_from_notes(compiled: Compiled) -> Sequence[str]:
    """What there is to say of what ranges were learned from."""
    data = compiled.calibrated.data
    seen = data.calibration
    if isinstance(seen, MadeSamples):
        return (seen.assumed,)
    if compiled.job.calibration is None:
        return ()
    return calibration_notes(seen.inputs_seen, seen.seen, screened=seen.screen, pixels=data.pixels)


def loaded(compiled: Compiled) -> Session:
    """A session whose answers are the model's, a last function that was left out included; the batch is first.

    Where this machine can run none of the artifact's programs, of the same integers for this one."""
    job = compiled.job
    threads, batch = job.threads, max(job.batch, BATCH)
    if job.primary not in job.asked:
        return compiled.built.load(threads, batch)
    session = compiled.artifact.load(threads, batch, complete=True)
    session.batch_first = True
    return session


def in_turn(comparison: Comparison, variants: Sequence[Variant]) -> Comparison:
    """With the times of float and what ships as they were taken in turn with int8's: of a network, one time is said."""
    times = {one.name: one.latency_ms for one in variants}
    floating, chosen = times[FLOAT], times[CHOSEN]
    assert chosen is not None
    return replace(comparison, float_ms=floating, int8_ms=chosen)


def place_of(compiled: Compiled, session: Session, agent: Agent | None) -> Place:
    """Where the artifact is timed: as the session runs it here, or as one would on the agent's machine."""
    job = compiled.job
    if agent is None:
        return Place(session.isa, session.threads, job.batch)
    work = sum(step.macs for step in session.program.timed_steps)
    return Place(agent.choose(job.levels), job.threads or agent.threads(work), job.batch, agent)


def timed_there(compiled: Compiled, comparison: Comparison, agent: Agent, place: Place) -> Comparison:
    """With the artifact's time on the agent's machine."""
    plans = {CHOSEN: compiled.built.emitted}
    median, *_ = times_there(agent, plans, place.level, place.threads, place.batch)[CHOSEN]
    return replace(comparison, int8_ms=median)


def stands_in_for(job: Job) -> str | None:
    """The targets that were asked for, where this machine can run none of their code."""
    return None if job.primary in job.asked else " and ".join(one.name for one in job.asked)


def stand_in(compiled: Compiled, session: Session) -> Iterator[str]:
    """What there is to say where the artifact itself was not run."""
    if targets := stands_in_for(compiled.job):
        yield (
            f"this machine cannot run code for {targets}: what the artifact computes was measured with the same "
            f"integers on {session.isa}, and all times are of that"
        )


def by_layer(compiled: Compiled, report: Report, place: Place, samples: Iterable[Feeds], session: Session) -> Report:
    """The layers with their times, their shares of the machine's peak (of this one alone) and what they lose."""
    processors = tuple(sorted(os.sched_getaffinity(0)))[: place.threads]
    target, before, after = compiled.job.primary.target, None, None
    if place.agent is not None:
        times = place.agent.profile(compiled.built.emitted, place.level, place.threads)
    else:
        before = target.peak(place.level, processors, PEAK_SECONDS)
        times = session.profile(random_feeds(session, 1))
        after = target.peak(place.level, processors, PEAK_SECONDS)
    peak = max(before or 0.0, after or 0.0)
    quality, count, histograms = layer_quality(compiled.built.floating, compiled.built.integer, samples)
    measured = LayerMeasurements(times, place.level, peak, quality)
    return replace(
        report,
        layers=layers(compiled.selection, compiled.built, measured),
        layer_samples=count,
        histograms=histograms,
        peak=Peak(place.level, len(processors), peak) if peak else None,
    )


def beside(compiled: Compiled, engine: Engine, place: Place) -> list[Variant]:
    """Float, uniform int8 and this artifact, timed in alternation and asked the same questions."""
    job, evaluation = compiled.job, compiled.calibrated.data.evaluation
    plans = {INT8: compiled.build(uniform(compiled.selection.points, DEFAULT), job.levels), CHOSEN: compiled.built}
    report = compiled.artifact.file_bytes() - compiled.built.file_bytes()  # int8's would be as long
    sizes = {name: plan.file_bytes() + report for name, plan in plans.items()}
    evaluator = None if evaluation is None else evaluation.evaluator
    return side_by_side(engine, plans, sizes, place.level, place.threads, place.batch, evaluator, place.agent)


def proved(compiled: Compiled, tools: Tools, report: Report) -> Report:
    """With what the search predicted, against the artifact."""
    searched, evaluation = compiled.selection.searched, compiled.calibrated.data.evaluation
    if searched is None:
        return report
    latency = evidence.latency(searched, compiled.built, tools.progress)
    if report.comparison is not None:  # which has the one time that is said of the network
        seen = report.comparison.int8_ms
        latency = replace(latency, measured_ms=seen, predicted_ms=seen * (1 + latency.error))
    report = replace(report, latency=latency)
    if evaluation is None:
        return report
    job = compiled.job
    every = job.compare_sensitivities
    report = replace(report, sensitivity=evidence.ranking(searched, compiled.calibrated, tools, every=every))
    if job.compare_plans and report.selection is not None:
        rivals = evidence.against_chance(searched, tools.progress, job.compare_plans)
        report = replace(report, selection=replace(report.selection, random_plans=rivals))
    return report


def settled(compiled: Compiled, tools: Tools, report: Report) -> Report:
    """With the size of the file that it is in; the size does not hang on the last digits."""
    size = 0
    for _ in range(3):
        size = replace(compiled.artifact, report=report).file_bytes()
        report = with_size(report, size)
    limit = compiled.job.limits.get("size")
    if limit is not None and not limit.relative and size > limit.value:
        tools.progress.warn(f"the file has {size:,} bytes, more than --max-size {limit.asked}: its report is that long")
    return replace(report, seconds=dict(tools.seconds))


def with_size(report: Report, size: int) -> Report:
    """Wherever the report speaks of the artifact's file."""
    assert report.comparison is not None
    report = replace(report, comparison=replace(report.comparison, int8_bytes=size))
    if report.selection is None:
        return report
    variants = tuple(replace(one, bytes=size) if one.name == CHOSEN else one for one in report.selection.variants)
    return replace(report, selection=replace(report.selection, variants=variants))
