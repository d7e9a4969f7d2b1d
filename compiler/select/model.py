"""Choose the width of every layer within what the user allows: sensitivity x cost x solver.

    sensitivities (what each width costs in accuracy) ┐
                                                      ├─> a problem of numbers ─> solver ─> widths
    bytes, bit operations, time measured in place     ┘

Nothing here knows how a sensitivity is found or a program solved; nothing there knows what a layer is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import prod

from dyadic.compiler.budget import Axis, Limit
from dyadic.compiler.cost import Times
from dyadic.compiler.sensitivity import Candidates, Sensitivities
from dyadic.compiler.solvers.problem import Choice, Pair, Problem, Solution
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.widths.points import ActivationPoint, Points, WeightPoint
from dyadic.compiler.widths.scheme import FLOAT, parse

BYTES, BOPS, LATENCY = "bytes", "bops", "latency_ns"
AXIS_OF: dict[Axis, str] = {"size": BYTES, "latency": LATENCY, "bops": BOPS}
WEIGHT_SCHEMES = ("w8", "w4", "w4g64", "w4g32", "w2")
LARGE_GROUP = 64  # input channels; with fewer, the only group of a row says nothing that its own scale does not
WEIGHTS, ACTIVATIONS = "weights of ", "activations of "
BASE = ("w8", 8)  # what every other width is compared with


def candidates_for(points: Points, pinned: Decisions, limits: Mapping[Axis, Limit]) -> Candidates:
    """16-bit activations where the user gives time for them, 4-bit ones where bit operations count. `pinned` are the
    points whose width rules decide."""
    latency = limits.get("latency")
    widths = [16] if latency is not None and (not latency.relative or latency.value > 1) else []
    widths += [8, *([4] if "bops" in limits else [])]

    def weights(point: WeightPoint) -> tuple[str, ...]:
        if point.name in pinned.weights:
            return (pinned.weights[point.name],)
        few = point.shape[1] <= LARGE_GROUP
        tried = [scheme for scheme in WEIGHT_SCHEMES if not (few and scheme.endswith(f"g{LARGE_GROUP}"))]
        return tuple(dict.fromkeys(map(point.with_kernel, tried)))

    def activations(point: ActivationPoint) -> tuple[int, ...]:
        if point.name in pinned.activations:
            return (pinned.activations[point.name],)
        if point.given:
            return (point.given,)
        if point.usual > 8:  # fewer lose too much to be worth a trial
            return (point.usual,)
        return tuple(width for width in widths if width <= point.most)

    return Candidates(
        {name: weights(point) for name, point in points.weights.items()},
        {name: activations(point) for name, point in points.activations.items()},
    )


def uniform_among(points: Points, candidates: Candidates, scheme: str, width: int) -> Decisions:
    """The same everywhere; but only layers that the user keeps in float are float, among others of int8."""

    def of(name: str) -> str:
        return BASE[0] if scheme == FLOAT and candidates.weights[name] != (FLOAT,) else scheme

    return Decisions(
        {name: point.with_kernel(of(name)) for name, point in points.weights.items()},
        {name: point.at(width) for name, point in points.activations.items()},
    )


def variants_of(candidates: Candidates, streams: Collection[str] = ()) -> list[tuple[str, int]]:
    """The uniform networks that have to be timed so that every candidate's cost is known.

    `streams`: the activation points that have their 16 bits in each of them. Float islands are timed among layers of
    int8, with every width: theirs does not add up with that of integers.
    """
    schemes = sorted({scheme for each in candidates.weights.values() for scheme in each} - {BASE[0]})
    chosen = [each for name, each in candidates.activations.items() if name not in streams]
    widths = sorted({width for each in chosen for width in each} - {8, 4}, reverse=True)
    islands = [(FLOAT, width) for width in widths if FLOAT in schemes]
    return [BASE, *((scheme, 8) for scheme in schemes), *((BASE[0], width) for width in widths), *islands]


@dataclass(frozen=True)
class Costs:
    """Of uniform networks: time and weight bytes by layer. A 4-bit activation costs what an 8-bit one does: it is one,
    with fewer steps."""

    times: Mapping[tuple[str, int], Times]
    bytes: Mapping[str, Mapping[str, int]]  # by scheme, then by layer

    @property
    def base(self) -> Times:
        """Of uniform int8."""
        return self.times[BASE]

    def latency(self, layers: Iterable[str], scheme: str, width: int) -> float:
        """Nanoseconds of some layers with a scheme of weights and a width of activations."""

        def of(variant: tuple[str, int]) -> float:
            known = self.times[variant].layers
            return sum(known[layer][0] for layer in layers if layer in known)

        layers = list(layers)
        wide = max(width, 8)
        if (BASE[0], wide) not in self.times:  # only residual streams have it, and those of int8, too
            wide = 8
        if (scheme, wide) in self.times:
            return of((scheme, wide))
        return max(0.0, of((scheme, 8)) + of((BASE[0], wide)) - of(BASE))  # both widths differ: their effects add up


def make_problem(
    points: Points,
    candidates: Candidates,
    sensitivities: Sensitivities,
    costs: Costs | None,
    budgets: Mapping[str, float],
) -> Problem:
    """One choice a point; time and bit operations of a layer depend on its weights' and its input's width."""
    choices, pairs = [], []
    for point in points.weights.values():
        choice, pair = _weights(point, points, candidates, sensitivities, costs)
        choices.append(choice)
        pairs += pair
    with_weights = {layer for point in points.weights.values() for layer in point.layers}
    for point in points.activations.values():
        others = [layer for layer, made in points.result_of.items() if made == point.name and layer not in with_weights]
        choices.append(_activations(point, others, candidates, sensitivities, costs))
    for first, scheme, second, other, loss in sensitivities.pairs:
        pairs.append(_interaction(candidates, first, scheme, second, other, loss))
    fixed = {}
    if costs is not None:  # the boundary; weights that have no width to choose
        others = sum(size for layer, size in costs.bytes[BASE[0]].items() if layer not in with_weights)
        fixed = {LATENCY: costs.times[BASE].layers[""][0], BYTES: float(others)}
    return Problem(tuple(choices), tuple(_merged(pairs)), budgets, fixed)


def _weights(
    point: WeightPoint, points: Points, candidates: Candidates, sensitivities: Sensitivities, costs: Costs | None
) -> tuple[Choice, list[Pair]]:
    schemes, read = candidates.weights[point.name], point.reads[0]
    widths = candidates.activations[read]
    bits = [bits_of(scheme) for scheme in schemes]
    loss = tuple(sensitivities.weights[point.name][scheme].value for scheme in schemes)
    size = tuple(float(_bytes(point, scheme, costs)) for scheme in schemes)
    operations = tuple(tuple(float(point.macs * b * width) for width in widths) for b in bits)
    matrices = {BOPS: operations}
    if costs is not None:
        layers = [*point.layers, *(points.additions[layer] for layer in point.layers if layer in points.additions)]
        matrices[LATENCY] = tuple(tuple(costs.latency(layers, s, w) for w in widths) for s in schemes)
    name = WEIGHTS + point.name
    if len(widths) > 1:
        return Choice(name, schemes, loss, {BYTES: size}), [Pair(name, ACTIVATIONS + read, (), matrices)]
    single = {axis: tuple(row[0] for row in matrix) for axis, matrix in matrices.items()}
    return Choice(name, schemes, loss, {BYTES: size, **single}), []


def _bytes(point: WeightPoint, scheme: str, costs: Costs | None) -> int:
    """As packed in the artifact where that is known, else to the bit."""
    if costs is not None and scheme in costs.bytes:
        return costs.bytes[scheme][point.name]
    return -(-prod(point.shape) * bits_of(scheme) // 8)


def bits_of(scheme: str) -> int:
    """Of a weight, of a scheme that has weights."""
    weights = parse(scheme).weights
    assert weights is not None
    return weights.bits


def _activations(
    point: ActivationPoint,
    layers: list[str],
    candidates: Candidates,
    sensitivities: Sensitivities,
    costs: Costs | None,
) -> Choice:
    widths = candidates.activations[point.name]
    loss = tuple(sensitivities.activations[point.name][width].value for width in widths)
    known = {} if costs is None else {LATENCY: tuple(costs.latency(layers, BASE[0], width) for width in widths)}
    return Choice(ACTIVATIONS + point.name, tuple(str(width) for width in widths), loss, known)


def _interaction(candidates: Candidates, first: str, choice: str, second: str, other: str, loss: float) -> Pair:
    """What two points lose together: a choice is a scheme as "w4", or a width as "a8"."""

    def named(point: str, choice: str) -> tuple[str, list[str]]:
        if choice.startswith("a"):
            return ACTIVATIONS + point, [f"a{width}" for width in candidates.activations[point]]
        return WEIGHTS + point, list(candidates.weights[point])

    (left, rows), (right, columns) = named(first, choice), named(second, other)
    return Pair(left, right, tuple(tuple(loss * (r == choice and c == other) for c in columns) for r in rows))


def _merged(pairs: list[Pair]) -> list[Pair]:
    """One pair for two choices: their losses are added entry by entry."""
    merged: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        key = pair.first, pair.second
        if key in merged and pair.loss and merged[key].loss:
            rows = zip(merged[key].loss, pair.loss, strict=True)
            loss = tuple(tuple(a + b for a, b in zip(*both, strict=True)) for both in rows)
            merged[key] = Pair(*key, loss, {**merged[key].costs, **pair.costs})
        elif key in merged:
            merged[key] = Pair(*key, merged[key].loss or pair.loss, {**merged[key].costs, **pair.costs})
        else:
            merged[key] = pair
    return list(merged.values())


def decisions_of(solution: Solution) -> Decisions:
    """What a solution says, by point."""
    weights = {n.removeprefix(WEIGHTS): o for n, o in solution.options.items() if n.startswith(WEIGHTS)}
    widths = {n.removeprefix(ACTIVATIONS): int(o) for n, o in solution.options.items() if n.startswith(ACTIVATIONS)}
    return Decisions(weights, widths)


def options_of(decisions: Decisions) -> dict[str, str]:
    """The options of a solution that says this, by choice."""
    weights = {WEIGHTS + name: scheme for name, scheme in decisions.weights.items()}
    return weights | {ACTIVATIONS + name: str(width) for name, width in decisions.activations.items()}
