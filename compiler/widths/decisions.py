"""A width for every point, and how it is written onto the IR and said by layer."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch_mlir import ir

from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import FLOAT, Layer, Scheme, Weights, parse
from dyadic.dialects import qd
from dyadic.dialects.reference import main_function, make_plan
from dyadic.passes.integerize.choose_fused_additions import TAKES_IN

DEFAULT = Scheme(Weights(8), 8)


@dataclass(frozen=True)
class Decisions:
    """The scheme of every weight point ("w8", "w4g32", ...) and the width of every activation point."""

    weights: Mapping[str, str]
    activations: Mapping[str, int]

    def islands(self, points: Points) -> tuple[str, ...]:
        """The layers that stay float, in the order of the network."""
        return tuple(name for name, scheme in self.by_layer(points).items() if scheme.startswith(FLOAT))

    def by_layer(self, points: Points) -> dict[str, str]:
        """In the order of the network: "w4a8" for layers with weights, "a8" for others and for inputs."""
        schemes = {layer: self.weights[p.name] for p in points.weights.values() for layer in p.layers}
        return {name: f"{schemes.get(name, '')}a{self.activations[p]}" for name, p in points.result_of.items()}


def layers_of(points: Points) -> list[Layer]:
    """What a rule or a plan may name: every layer, in order, and the inputs."""
    kinds = {layer: point.kind for point in points.weights.values() for layer in point.layers}

    def usual(name: str) -> int:
        return points.activations[points.result_of[name]].usual

    named = [Layer(name, ("input",), False, usual(name)) for name in points.argument_names.values()]
    for step in points.plan.steps:
        name = points.names[step.output]
        if name in points.result_of:
            kind = str(step.op.operation.name).removeprefix("qd.")
            every = tuple(dict.fromkeys([kinds.get(name) or kind, kind]))
            named.append(Layer(name, every, name in kinds, usual(name)))
    return named


def weight_groups(points: Points) -> list[tuple[str, ...]]:
    """Layers that share their weights."""
    return [point.layers for point in points.weights.values()]


def result_groups(points: Points) -> list[tuple[str, ...]]:
    """Layers whose results have one type."""
    groups: dict[str, list[str]] = {name: [] for name in points.activations}
    for layer, point in points.result_of.items():
        groups[point].append(layer)
    return [tuple(group) for group in groups.values()]


def uniform(points: Points, scheme: Scheme) -> Decisions:
    """The same everywhere, but for tensors whose readers have narrower kernels, and for residual streams."""
    return decide(points, {layer.name: layer.default(scheme) for layer in layers_of(points)})


def decide(points: Points, schemes: Mapping[str, Scheme]) -> Decisions:
    """From whole schemes by layer, where layers of a group agree; what has no kernel becomes the nearest that has."""
    weights = {
        p.name: p.with_kernel(str(schemes[p.layers[0]].weights or DEFAULT.weights)) for p in points.weights.values()
    }
    widths: dict[str, int] = {}
    for layer, point in points.result_of.items():
        widths.setdefault(point, points.activations[point].allowed(schemes[layer].bits or 8))
    return Decisions(weights, {name: widths.get(name, 8) for name in points.activations})


def write(module: ir.Module, points: Points, decisions: Decisions, why: Mapping[str, str]) -> None:
    """Onto the ops and inputs of the module that the points are of; `why` by layer."""
    width = ir.IntegerType.get_signless(64, module.context)
    schemes = {layer: decisions.weights[p.name] for p in points.weights.values() for layer in p.layers}
    islands = {layer for layer, scheme in schemes.items() if scheme == FLOAT}
    marks = {
        points.names[step.output]: step.op.operation.attributes
        for step in points.plan.steps
        if points.taken_in(step.op) not in (None, *islands)
    }
    plan = make_plan(module)
    for step in plan.steps:
        attributes = step.op.operation.attributes
        if TAKES_IN in marks.get(step.name, {}):  # which side it takes in: ranges for 4 bits might say otherwise
            attributes[TAKES_IN] = ir.StringAttr.get(marks[step.name][TAKES_IN].value, module.context)
        if step.name not in points.result_of:  # whole numbers: there is nothing to choose
            continue
        attributes[qd.BITS] = ir.IntegerAttr.get(width, decisions.activations[points.result_of[step.name]])
        attributes[qd.WHY] = ir.StringAttr.get(why[step.name], module.context)
        if step.name in schemes:
            weights = parse(schemes[step.name]).weights
            assert weights is not None
            if weights.bits != 8:
                attributes[qd.WEIGHT_BITS] = ir.IntegerAttr.get(width, weights.bits)
            if weights.group:
                attributes[qd.WEIGHT_GROUP] = ir.IntegerAttr.get(width, weights.group)
    function = main_function(module)
    given = function.attributes["arg_attrs"]
    every = [{one.name: one.attr for one in attributes} for attributes in given]
    for name, attributes in zip(plan.arguments, every, strict=True):
        if name not in points.result_of:
            continue
        attributes[qd.BITS] = ir.IntegerAttr.get(width, decisions.activations[points.result_of[name]])
    with module.context:
        function.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get(each) for each in every])
