"""What a compile says of its choices in the report: layers, plans, what was predicted and what was measured."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dyadic.compiler.built import Built
from dyadic.compiler.compiled import Compiled
from dyadic.compiler.formats import measure_change
from dyadic.compiler.job import Job
from dyadic.compiler.measure.layers import layer_rows
from dyadic.compiler.record import precision
from dyadic.compiler.report_schema import (
    Budget,
    Chosen,
    Interval,
    Layer,
    PlanPoint,
    Report,
    Tuning,
    Used,
    Variant,
)
from dyadic.compiler.select import wording
from dyadic.compiler.select.model import BOPS, BYTES, LATENCY
from dyadic.compiler.select.search import Found
from dyadic.compiler.select.stage import Selection
from dyadic.compiler.select.trials import CHOSEN, INT8
from dyadic.compiler.sensitivity import Estimate
from dyadic.compiler.solvers.problem import Solution
from dyadic.compiler.targets.certificate import Certificate
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.widths.scheme import FLOAT
from dyadic.runtime.session import StepTime

SMALLER_ONLY = 0.99  # of int8's time: less is faster


@dataclass(frozen=True)
class LayerMeasurements:
    """What was seen of the artifact's layers: their times at `level`, what registers alone could do there with as many
    threads, and how far each is from float (`layer_quality.py`)."""

    times: Sequence[StepTime] = ()
    level: str | None = None
    peak_gmacs: float | None = None
    quality: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def account(
    job: Job,
    selection: Selection,
    built: Built,
    tuned: Mapping[str, Tuned],
    certificate: Certificate,
    seconds: Mapping[str, float],
) -> Report:
    """The report of an artifact that nobody has measured yet. tuned: by target."""
    return Report(
        model=job.model_name,
        precision=precision(job),
        certificate=certificate.summary(),
        seconds=dict(seconds),
        layers=layers(selection, built),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        used=Used(job.files.get("calibration"), evaluation=job.files.get("evaluate"), synthetic=job.without_data),
        commands={"headline": job.again()},
        refine=built.refined.gains,
        equalized=built.equalized,
        tune=tuning([*tuned.values()]),
    )


def tuning(every: Sequence[Tuned]) -> Tuning | None:
    """What was tuned, for one target or several."""
    if not every:
        return None
    first, *others = every
    details = first.to_json() | ({"beside": [one.to_json() for one in others]} if others else {})
    return Tuning("\n".join(one.summary() for one in every), any(one.kept for one in every), details)


def layers(selection: Selection, built: Built, measured: LayerMeasurements | None = None) -> tuple[Layer, ...]:
    """One row a layer; the selection adds why, and what was predicted of it."""
    emitted, measured = built.emitted, measured or LayerMeasurements()
    rows = layer_rows(emitted.program, emitted.lengths, built.integer, measured.times, measured.level)
    known = None if selection.searched is None else selection.searched.found.task.sensitivities
    schemes = {layer: point.name for point in selection.points.weights.values() for layer in point.layers}

    def completed(row: Layer) -> Layer:
        row = replace(row, why=selection.why.get(row.name), **measured.quality.get(row.name, {}))
        if row.weights != FLOAT and measured.peak_gmacs and row.macs and row.time_us:  # the peak is that of integers
            row = replace(row, share_of_peak=row.macs / row.time_us / 1e3 / measured.peak_gmacs)
        if known is not None and row.name in schemes:
            point = schemes[row.name]
            row = replace(row, sensitivity=interval(known.weights[point][selection.decisions.weights[point]]))
        return row

    return tuple(map(completed, rows))


def interval(estimate: Estimate) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high)


def commands(compiled: Compiled, samples: int) -> dict[str, str]:
    """By section of the report: what measures its figures again; the layers' SQNR is of so many samples."""
    job, selection = compiled.job, compiled.selection
    again, files = job.again(), job.files
    model, evaluate = files["model"], "evaluate" in files
    said = {"headline": again, "layers share of peak": again}
    data = files.get("evaluate") or (None if job.without_data else files.get("calibration"))
    if model is not None and data is not None:
        compare = ["dyadic", "compare", "model.dyq", model, "--data", data, "--samples", str(samples)]
        said["layers SQNR"] = shlex.join(compare)
    if selection.objective:
        said["requested"] = again
    if selection.searched is not None:
        said |= {"front": again, "latency": again}
        if evaluate:
            said["front beside random plans"] = job.again(compare_plans=job.compare_plans or 10)
            said["sensitivity"] = again
            said["sensitivity of every method"] = job.again(compare_sensitivities=True)
    if compiled.built.refined.gains:
        said["refine"] = again
    return said


def chosen(selection: Selection) -> Chosen:
    """The widths, and how they were found."""
    said = Chosen(
        dict(selection.requested),
        selection.applied,
        tuple(selection.differences),
        selection.objective,
    )
    if selection.searched is None:
        return said
    found = selection.searched.found
    task, plans = found.task, list(found.front)
    if not any(one.options == found.chosen.options for one in plans):
        plans.append(found.chosen)
    return replace(
        said,
        method=task.sensitivities.method,
        solver=found.chosen.solver,
        budgets={
            axis: Budget(one.asked, wording.limit_of(task, found.problem, axis)) for axis, one in task.limits.items()
        },
        front=tuple(plan_point(found, one) for one in plans),
        notes=found.notes,
    )


def plan_point(found: Found, plan: Solution) -> PlanPoint:
    """One point of the front."""
    return PlanPoint(
        loss=plan.loss,
        bytes=round(plan.costs[BYTES]),
        bops=round(plan.costs[BOPS]),
        latency_ms=found.task.costs.base.predicted(plan.costs[LATENCY]) / 1e6,
        chosen=plan.options == found.chosen.options,
        command=wording.command(found.task, found.axis, plan),
    )


def verdict(variants: Sequence[Variant], metric: str | None = None, *, islands: bool = False) -> str:
    """One or two sentences: what was chosen against uniform int8 and float, by the metric of that name or accuracy.

    islands: whether some of it is float, so that fewer bits alone are not what made it smaller or faster.
    """
    named = {one.name: one for one in variants}
    chosen, int8, floating = named[CHOSEN], named[INT8], named["float"]
    size, time = ratio(chosen.weight_bytes, int8.weight_bytes), ratio(chosen.latency_ms, int8.latency_ms)
    said = f"The weights are {size:.2f}x of int8's, the time {time:.2f}x of int8's"
    if floating.latency_ms is not None:  # which an agent's machine cannot run
        said += f" and {ratio(chosen.latency_ms, floating.latency_ms):.2f}x of float's"
    if chosen.difference is not None and int8.difference is not None:
        if metric is None:
            change, of_int8 = f"{100 * chosen.difference.value:+.2f}", f"{100 * int8.difference.value:+.2f}"
            said += f"; accuracy changes by {change} points (int8: {of_int8})"
        else:
            change, of_int8 = measure_change(chosen.difference.value), measure_change(int8.difference.value)
            said += f"; {metric} changes by {change} (int8: {of_int8})"
    said += "."
    if not islands and size < 1 and time > SMALLER_ONLY:
        said += " On this machine, fewer bits made this network smaller, not faster."
    if not islands and size < 1 and ratio(chosen.bytes, int8.bytes) >= 1:
        said += " The whole file is no smaller than int8's: code for fewer bits takes what the weights save."
    return said


def ratio(one: float | None, other: float | None) -> float:
    """Of two numbers that every artifact has."""
    assert one is not None and other
    return one / other
