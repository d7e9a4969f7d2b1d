"""The select stage: what was asked for becomes a width for every point, with the reason, layer by layer.

    --precision w4a8                      the same everywhere
    --plan plan.json                      as the file says
    --max-size, --max-latency, ...        searched for (`mixed.py`)
    --keep LAYER=w8a16, --exclude LAYER   rules, which go before all of these; excluded is f32a16, a float island

What is applied can differ from what was asked for where no kernel has it or where tensors must share a type; each such
difference is kept for the report, and with --strict it is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dyadic.compiler.select.mixed import Mixed
from dyadic.compiler.widths.decisions import DEFAULT, Decisions, decide, layers_of, result_groups, weight_groups
from dyadic.compiler.widths.plan import Plan, read_plan, resolve, shared, write_plan
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.rules import Kept, Rule, apply_rules, matching, parse_rules
from dyadic.compiler.widths.scheme import Layer, Scheme, parse
from dyadic.runtime.errors import UsageError

if TYPE_CHECKING:
    from dyadic.compiler.select.compiling import Compiling

PRESETS = {"int8": DEFAULT, "w8a16": parse("w8a16"), "w4a8": parse("w4a8"), "w4a4": parse("w4a4")}
EXCLUDED = "f32a16"


@dataclass
class Selection:
    """Widths by point, and by layer what was asked for, what was applied and why; `report` is the section of that name.

    `differences` are {"layer", "requested", "applied", "why"}. The report is empty where nothing was asked for."""

    points: Points
    decisions: Decisions
    requested: dict[str, str]
    why: dict[str, str]
    report: dict[str, Any] = field(default_factory=dict)
    mixed: Mixed | None = None

    @property
    def applied(self) -> dict[str, str]:
        return self.decisions.by_layer(self.points)

    @property
    def differences(self) -> list[dict[str, str]]:
        """Where another scheme was applied than was asked for."""
        applied = self.applied
        return [
            {"layer": layer, "requested": asked, "applied": applied[layer], "why": self.reason(layer, asked)}
            for layer, asked in self.requested.items()
            if asked != applied[layer]
        ]

    def reason(self, layer: str, asked: str) -> str:
        point = self.points.activations[self.points.result_of[layer]]
        if asked == "float":
            return "only convolutions and linear layers stay float; this is the most precise form that it has"
        if point.most < 16 and asked.endswith("a16"):
            return "a function that is looked up in a table reads it, and tables have 8-bit inputs"
        if parse(asked).weights != parse(self.applied[layer]).weights:
            return "its results have one input channel each, and groups lie along input channels"
        return "it shares its type with other layers"

    def to_json(self) -> dict[str, Any]:
        said = {"requested": self.requested, "applied": self.applied, "differences": self.differences}
        return said | self.report


def select(flow: Compiling) -> Selection:
    """The widths of a calibrated network.

    Raises:
        BudgetError: no plan is within the limits; has the nearest.
        UsageError: a rule or plan does not fit the model; with --strict, something cannot be applied.
    """
    options, points = flow.options, Points(flow.module)
    layers = layers_of(points)
    kept = rules_of(flow, points, layers)
    if options.mixed:
        selection = search(flow, points, layers, kept)
    else:
        default, why = PRESETS[options.precision], f"--precision {options.precision}"
        schemes = {layer.name: default if layer.weights else Scheme(bits=default.bits) for layer in layers}
        if options.plan is not None:
            schemes, why = of_plan(read_plan(options.plan), points, layers), f"--plan {options.plan.name}"
        reasons: dict[str, str] = {name: why for name in schemes}
        for name, one in kept.items():
            schemes[name] = one.scheme.over(schemes[name])
            reasons[name] = ", ".join(str(rule) for rule in one.why)
        requested = {name: str(scheme) for name, scheme in schemes.items()}
        selection = Selection(points, decide(points, schemes), requested, reasons)
        if options.precision != "int8" or options.plan is not None or kept:
            selection.report = {"objective": why}
    for name in excluded(flow, layers).keys() - weighted(layers):
        selection.requested[name] = "float"
    if options.strict and selection.differences:
        form = "{layer}: {requested} was asked for, {applied} would be applied ({why})"
        said = "; ".join(form.format(**one) for one in selection.differences)
        raise UsageError(f"--strict: {said}")
    if options.emit_plan is not None:
        applied = selection.applied
        plan = Plan({name: parse(scheme) for name, scheme in applied.items()}, why=selection.why)
        write_plan(plan, options.emit_plan, list(applied))
    return selection


def rules_of(flow: Compiling, points: Points, layers: list[Layer]) -> dict[str, Kept]:
    """What --keep and --exclude say, by layer."""
    floating, others = parse(EXCLUDED), Scheme(bits=parse(EXCLUDED).bits)
    rules = [*parse_rules(flow.options.keep)]
    for name, option in excluded(flow, layers).items():
        rules.append(Rule(name, floating if name in weighted(layers) else others, option))
    return apply_rules(rules, layers, weight_groups(points), result_groups(points))


def weighted(layers: list[Layer]) -> set[str]:
    return {layer.name for layer in layers if layer.weights}


def excluded(flow: Compiling, layers: list[Layer]) -> dict[str, str]:
    """The layers that are to stay float, and the option that says it of each."""
    said = [f"--exclude {given}" for given in flow.options.exclude]
    named = zip(flow.options.exclude, said, strict=True)
    return {name: option for given, option in named for name in matching(given, layers, option)}


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


def search(flow: Compiling, points: Points, layers: list[Layer], kept: Mapping[str, Kept]) -> Selection:
    """The widths within the limits; rules pin theirs."""
    weights, widths = dict[str, str](), dict[str, int]()
    for point in points.weights.values():
        if point.layers[0] in kept and (said := kept[point.layers[0]].scheme.weights):
            weights[point.name] = point.with_kernel(str(said))
    for name, one in kept.items():
        if one.scheme.bits:
            point = points.activations[points.result_of[name]]
            widths[point.name] = min(one.scheme.bits, point.most)
    mixed = Mixed(flow, points, Decisions(weights, widths))
    found = mixed.run()
    applied = found.decisions.by_layer(points)
    reasons = {name: ", ".join(str(rule) for rule in one.why) for name, one in kept.items()}
    requested = {name: str(one.scheme.over(parse(applied[name]))) for name, one in kept.items()}
    why = {name: reasons.get(name) or str(found.report["objective"]) for name in applied}
    return Selection(points, found.decisions, requested, why, found.report, mixed)
