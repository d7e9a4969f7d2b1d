"""The select stage: what was asked for becomes a width for every point, with the reason, layer by layer.

    --precision w4a8                      the same everywhere
    --plan plan.json                      as the file says
    --max-size, --max-latency, ...        searched for (`search.py`)
    --keep LAYER=w8a16, --exclude LAYER   rules, which go before all of these; excluded is f32a16, a float island

What is applied can differ from what was asked for where no kernel has it or where tensors must share a type; each such
difference is kept for the report, and with --strict it is an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dyadic.compiler.built import Build, Built
from dyadic.compiler.calibrated import Calibrated
from dyadic.compiler.job import Job
from dyadic.compiler.options import Options
from dyadic.compiler.report_schema import Difference
from dyadic.compiler.select import wording
from dyadic.compiler.select.costs import measure_costs, measure_losses
from dyadic.compiler.select.foresight import no_losses, refuse_hopeless, refuse_impossible
from dyadic.compiler.select.model import BASE, candidates_for, uniform_among
from dyadic.compiler.select.search import Found, Search
from dyadic.compiler.select.task import Task
from dyadic.compiler.select.trials import CompiledTrials, Place
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.decisions import (
    DEFAULT,
    Decisions,
    decide,
    layers_of,
    result_groups,
    weight_groups,
)
from dyadic.compiler.widths.plan import Plan, read_plan, resolve, shared, write_plan
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.rules import Kept, Rule, apply_rules, matching, parse_rules
from dyadic.compiler.widths.scheme import Layer, Scheme, parse
from dyadic.runtime.errors import UsageError
from dyadic.runtime.session import threads_for

PRESETS = {"int8": DEFAULT, "w8a16": parse("w8a16"), "w4a8": parse("w4a8"), "w4a4": parse("w4a4")}
EXCLUDED = "f32a16"
RESIDUAL_STREAM = "a residual stream has 16 bits unless something else is said of it"


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search found, and what it was found with: the network in int8, where times were taken, and trials."""

    found: Found
    int8: Built
    place: Place
    trials: CompiledTrials


@dataclass(frozen=True, eq=False)
class Selection:
    """Widths by point, and by layer what was asked for and why it was applied. `objective` is what was asked for in one
    line, empty where nothing was."""

    points: Points
    decisions: Decisions
    requested: Mapping[str, str]
    why: Mapping[str, str]
    objective: str = ""
    searched: Searched | None = None

    @property
    def applied(self) -> dict[str, str]:
        """The scheme that every layer has."""
        return self.decisions.by_layer(self.points)

    @property
    def islands(self) -> tuple[str, ...]:
        """The layers that stay float."""
        return self.decisions.islands(self.points)

    @property
    def differences(self) -> list[Difference]:
        """The layers that did not get what was asked for, and why."""
        applied = self.applied
        return [
            Difference(layer, asked, applied[layer], self.reason(layer, asked))
            for layer, asked in self.requested.items()
            if asked != applied[layer]
        ]

    def reason(self, layer: str, asked: str) -> str:
        """Why a layer cannot have the scheme that was asked for, in words for the user."""
        point = self.points.activations[self.points.result_of[layer]]
        if asked == "float":
            return "only convolutions and linear layers stay float; this is the most precise form that it has"
        weights = next((one for one in self.points.weights.values() if layer in one.layers), None)
        if point.given or (weights is not None and weights.given):
            return "the model itself says how it is quantized, which is kept"
        if point.most < 16 and asked.endswith("a16"):
            return "a function that is looked up in a table reads it, and tables have 8-bit inputs"
        if parse(asked).weights != parse(self.applied[layer]).weights:
            return "its results have one input channel each, and groups lie along input channels"
        return "it shares its type with other layers"


def select(calibrated: Calibrated, job: Job, build: Build, tools: Tools) -> Selection:
    """The widths of a calibrated network. `build` compiles plans, for a search to try.

    Raises:
        BudgetError: no plan is within the limits; has the nearest.
        SearchInterrupted: has the best plan so far.
        UsageError: a rule or plan does not fit the model; with --strict, something cannot be applied.
    """
    layers = layers_of(calibrated.points)
    kept = rules_of(job, calibrated.points, layers)
    selection = (search if job.mixed else as_asked)(calibrated, job, kept, build, tools)
    floating = dict.fromkeys(excluded(job, layers).keys() - weighted(layers), "float")
    selection = replace(selection, requested={**selection.requested, **floating})
    if job.strict and selection.differences:
        said = "; ".join(
            f"{one.layer}: {one.requested} was asked for, {one.applied} would be applied ({one.why})"
            for one in selection.differences
        )
        raise UsageError(f"--strict: {said}")
    if job.emit_plan is not None:
        applied = selection.applied
        plan = Plan({name: parse(scheme) for name, scheme in applied.items()}, why=selection.why)
        write_plan(plan, job.emit_plan, list(applied))
    return selection


def as_asked(calibrated: Calibrated, job: Job, kept: Mapping[str, Kept], _build: Build, _tools: Tools) -> Selection:
    """One scheme everywhere or a plan's, and the rules over it."""
    points, layers = calibrated.points, layers_of(calibrated.points)
    default, why = PRESETS[job.precision], f"--precision {job.precision}"
    schemes = {layer.name: layer.default(default) for layer in layers}
    if job.plan is not None:
        schemes, why = of_plan(read_plan(job.plan), points, layers), f"--plan {os.path.basename(job.plan)}"
    stream = {layer.name for layer in layers if layer.usual > 8 and schemes[layer.name].bits == layer.usual}
    reasons = {name: f"{why}; {RESIDUAL_STREAM}" if name in stream else why for name in schemes}
    for name, one in kept.items():
        schemes[name] = one.scheme.over(schemes[name])
        reasons[name] = ", ".join(str(rule) for rule in one.why)
    requested = {name: str(scheme) for name, scheme in schemes.items()}
    asked = job.precision != "int8" or job.plan is not None or kept
    return Selection(points, decide(points, schemes), requested, reasons, why if asked else "")


def rules_of(job: Job, points: Points, layers: list[Layer]) -> dict[str, Kept]:
    """What --keep and --exclude say, by layer."""
    floating, others = parse(EXCLUDED), Scheme(bits=parse(EXCLUDED).bits)
    rules = [*parse_rules(job.keep)]
    for name, option in excluded(job, layers).items():
        rules.append(Rule(name, floating if name in weighted(layers) else others, option))
    return apply_rules(rules, layers, weight_groups(points), result_groups(points))


def weighted(layers: list[Layer]) -> set[str]:
    """The names of layers with weights."""
    return {layer.name for layer in layers if layer.weights}


def excluded(job: Job, layers: list[Layer]) -> dict[str, str]:
    """The layers that are to stay float, and the option that says it of each."""
    said = {given: f"--exclude {given}" for given in job.exclude}
    return {name: option for given, option in said.items() for name in matching(given, layers, f"--exclude {given!r}")}


def of_plan(plan: Plan, points: Points, layers: list[Layer]) -> dict[str, Scheme]:
    """A whole scheme for every layer; layers of one group follow the one that the plan names."""
    schemes = dict(resolve(plan, layers, DEFAULT).schemes)
    groups = weight_groups(points)
    for group, weights in zip(groups, shared(plan, groups, lambda s: s.weights, "their weights"), strict=True):
        for name in group:
            schemes[name] = Scheme(weights).over(schemes[name])
    groups = result_groups(points)
    for group, bits in zip(groups, shared(plan, groups, lambda s: s.bits, "the type of their results"), strict=True):
        for name in group:
            schemes[name] = Scheme(bits=bits).over(schemes[name])
    return schemes


def search(calibrated: Calibrated, job: Job, kept: Mapping[str, Kept], build: Build, tools: Tools) -> Selection:
    """The widths within the limits; rules pin theirs."""
    points, data = calibrated.points, calibrated.data
    pinned = pinned_by(points, kept)
    candidates = candidates_for(points, pinned, job.limits)
    macs = sum(point.macs for point in points.weights.values())
    place = place_of(job, macs, tools)
    if unpromised := promised_elsewhere(job):
        tools.progress.warn(unpromised)
    refuse_hopeless(points, candidates, job.limits)
    costs, int8 = measure_costs(points, candidates, build, place, tools)
    metric = data.evaluation.metric if data.evaluation is not None else None
    measure = "" if metric is None else metric.name
    task = Task(points, candidates, costs, no_losses(candidates), job.limits, job.solver, job.again, measure)
    levels = job.levels_of(job.primary)  # as in a file, also where no file has them
    trials = CompiledTrials(
        calibrated, build, int8, place, levels, tools.cache, job.again(), data.evaluation, tools.workers
    )
    refuse_impossible(task, lambda: trials.file_bytes(uniform_among(points, candidates, *BASE)))
    task = replace(task, sensitivities=measure_losses(job.sensitivity, calibrated, candidates, tools))
    found = Search(task, trials, tools.progress, tools.deadline).run()
    decisions = found.decisions
    applied, objective = decisions.by_layer(points), wording.objective(task)
    reasons = {name: ", ".join(str(rule) for rule in one.why) for name, one in kept.items()}
    requested = {name: str(one.scheme.over(parse(applied[name]))) for name, one in kept.items()}
    why = {name: reasons.get(name) or objective for name in applied}
    return Selection(points, decisions, requested, why, objective, Searched(found, int8, place, trials))


def place_of(job: Job, macs: int, tools: Tools) -> Place:
    """Where times are taken, for a network of so many multiply-accumulates."""
    if tools.agent is not None:
        threads = job.threads or tools.agent.threads(macs)
        return Place(tools.agent.choose(job.levels), threads, job.batch, tools.agent)
    return Place(job.primary.target.choose(job.levels), job.threads or threads_for(macs), job.batch)


def promised_elsewhere(options: Options) -> str:
    """What there is to say where a limit on time is kept for one target of several; nothing where it is for all."""
    others = [one.name for one in options.asked if one != options.primary]
    if "latency" not in options.limits or not others:
        return ""
    return (
        f"--max-latency is kept for {options.primary.name}, which is timed: no time is promised for {', '.join(others)}"
    )


def pinned_by(points: Points, kept: Mapping[str, Kept]) -> Decisions:
    """The points whose width rules decide."""
    weights, widths = dict[str, str](), dict[str, int]()
    for point in points.weights.values():
        if point.layers[0] in kept and (said := kept[point.layers[0]].scheme.weights):
            weights[point.name] = point.with_kernel(str(said))
    for name, one in kept.items():
        if one.scheme.bits:
            point = points.activations[points.result_of[name]]
            widths[point.name] = point.allowed(one.scheme.bits)
    return Decisions(weights, widths)
