"""The numbers that solvers get: every cost of a small network by hand, and nothing that is not a candidate."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.hand_made import CONV, IMAGE, RANGE, hand_made
from support.small_search import CANDIDATES, COSTS, MACS, SENSITIVITIES, WEIGHTS, estimate, small_points, times

from dyadic.compiler.cost import Times
from dyadic.compiler.select.model import (
    BOPS,
    BYTES,
    LATENCY,
    Costs,
    decisions_of,
    make_problem,
    variants_of,
)
from dyadic.compiler.sensitivity import Candidates, Sensitivities
from dyadic.compiler.solvers.problem import Problem, evaluate, solution
from dyadic.compiler.targets.constants import layer_bytes
from dyadic.compiler.widths.decisions import Decisions, write
from dyadic.compiler.widths.points import Points
from dyadic.dialects import new_context
from dyadic.passes.integerize.choose_fused_additions import TAKES_IN


@pytest.fixture(scope="module")
def points() -> Points:
    return small_points()


def chosen(first: str, second: str, x: int, relu: int, sub: int) -> dict[str, str]:
    widths = {"x": x, "y": 8, "relu": relu, "second": 8, "sub": sub}
    options = {"weights of first": first, "weights of second": second}
    return options | {f"activations of {name}": str(width) for name, width in widths.items()}


def totals(problem: Problem, *widths: str | int) -> dict[str, float]:
    return evaluate(problem, chosen(*widths))  # pyright: ignore[reportArgumentType]


def test_every_scheme_and_width_is_timed_once() -> None:
    assert variants_of(CANDIDATES) == [("w8", 8), ("w2", 8), ("w4", 8), ("w8", 16)]
    assert variants_of(Candidates({"first": ("w4",)}, {"x": (4,)})) == [("w8", 8), ("w4", 8)]


def test_costs_by_hand(points: Points) -> None:
    problem = make_problem(points, CANDIDATES, SENSITIVITIES, COSTS, {BYTES: 96.0})
    assert problem.budgets == {BYTES: 96.0} and problem.fixed_costs == {LATENCY: 100, BYTES: 7}
    base = totals(problem, "w8", "w8", 8, 8, 8)
    assert base[BYTES] == 128 + 7 and base[BOPS] == 2 * MACS * 64
    assert base[LATENCY] == COSTS.times["w8", 8].sum == 3600
    narrow = totals(problem, "w4", "w2", 8, 4, 8)
    assert narrow[BYTES] == 32 + 16 + 7
    assert narrow[BOPS] == MACS * 4 * 8 + MACS * 2 * 4
    assert narrow[LATENCY] == 100 + 900 + 1800 + 500  # 4 bits take the time of 8; the boundary stays int8's
    assert totals(problem, "w8", "w8", 8, 8, 16)[LATENCY] == 3600 + 200  # the width of what it makes
    assert totals(problem, "w8", "w8", 16, 8, 8)[LATENCY] == 3600 + 500  # the width of what it reads
    assert totals(problem, "w8", "w8", 16, 8, 8)[BOPS] == MACS * 8 * 16 + MACS * 64


def test_what_both_widths_change_adds_up(points: Points) -> None:
    """first: 1000, 100 less with 4-bit weights, 500 more with a 16-bit input."""
    problem = make_problem(points, CANDIDATES, SENSITIVITIES, COSTS, {})
    assert totals(problem, "w4", "w8", 16, 8, 8)[LATENCY] == 3600 - 100 + 500
    assert COSTS.latency(["first", "relu"], "w4", 16) == 1400 and COSTS.latency(["relu"], "w8", 8) == 0
    assert COSTS.latency(["first", "second"], "w2", 16) == (800 + 1800) + (1500 + 2500) - (1000 + 2000)
    fast = {("w8", 8): times(1, 100, 1, 1), ("w4", 8): times(1, 10, 1, 1), ("w8", 16): times(1, 20, 1, 1)}
    assert Costs(fast, {}).latency(["first"], "w4", 16) == 0  # no layer takes less than no time


def test_losses_and_what_pairs_lose_together(points: Points) -> None:
    problem = make_problem(points, CANDIDATES, SENSITIVITIES, COSTS, {})
    assert totals(problem, "w8", "w8", 16, 8, 16)["loss"] == 0.25 + 1.0 + 0.125
    assert totals(problem, "w4", "w8", 8, 8, 16)["loss"] == 1.375 + 3.0 + 0.5 - 1.5
    assert totals(problem, "w4", "w2", 16, 4, 8)["loss"] == 3 + 7 + 10 + 4 + 20 + 2 + 0.375
    for first in ("w8", "w4"):
        for relu in (8, 4):
            widths = {"x": 16, "y": 8, "relu": relu, "second": 8, "sub": 8}
            predicted = SENSITIVITIES.predicted({"first": first, "second": "w2"}, widths)
            assert totals(problem, first, "w2", 16, relu, 8)["loss"] == predicted


def test_two_choices_are_one_pair_with_losses_and_costs(points: Points) -> None:
    problem = make_problem(points, CANDIDATES, SENSITIVITIES, COSTS, {})
    keys = [(pair.first, pair.second) for pair in problem.pairs]
    assert sorted(keys) == [
        ("weights of first", "activations of x"),
        ("weights of first", "weights of second"),
        ("weights of second", "activations of relu"),
    ]
    pair = problem.pairs[keys.index(("weights of first", "activations of x"))]
    assert pair.loss == ((0, 0), (0, -1.5))
    assert pair.costs[LATENCY] == ((1500, 1000), (1400, 900))
    assert pair.costs[BOPS] == tuple(tuple(float(MACS * w * a) for a in (16, 8)) for w in (8, 4))


def test_a_single_width_needs_no_pair(points: Points) -> None:
    one = Candidates(CANDIDATES.weights, {**CANDIDATES.activations, "x": (8,), "relu": (8,)})
    alone = Sensitivities("sqnr", "", SENSITIVITIES.weights, SENSITIVITIES.activations)
    problem = make_problem(points, one, alone, COSTS, {})
    assert problem.pairs == ()
    assert totals(problem, "w4", "w2", 8, 8, 8)[LATENCY] == 100 + 900 + 1800 + 500
    assert totals(problem, "w4", "w2", 8, 8, 8)[BOPS] == MACS * 4 * 8 + MACS * 2 * 8


def test_without_measurements_bytes_are_counted_to_the_bit(points: Points) -> None:
    problem = make_problem(points, CANDIDATES, SENSITIVITIES, None, {})
    assert totals(problem, "w8", "w8", 8, 8, 8)[BYTES] == 2 * WEIGHTS
    assert totals(problem, "w4", "w2", 8, 8, 8)[BYTES] == 2 + 1
    assert LATENCY not in problem.axes


def test_a_solution_is_decisions(points: Points) -> None:
    problem = make_problem(points, CANDIDATES, SENSITIVITIES, COSTS, {})
    found = decisions_of(solution(problem, chosen("w4", "w8", 16, 4, 8), "by hand"))
    assert found == Decisions({"first": "w4", "second": "w8"}, {"x": 16, "y": 8, "relu": 4, "second": 8, "sub": 8})


@dataclass
class Launch:
    """Of a lowered module."""

    layer: Any
    weights: bytes

    def data(self, part: str) -> np.ndarray:
        assert part == "weights"
        return np.frombuffer(self.weights, np.uint8)


def test_weights_that_layers_share_are_stored_once() -> None:
    named = [("first", b"abcd"), ("second", b"xy"), ("again", b"abcd"), ("second", b"z"), ("pool", b"")]
    launches: list[Any] = [Launch(SimpleNamespace(value=layer), data) for layer, data in named]
    assert layer_bytes(launches) == {"first": 4, "second": 3, "again": 0, "pool": 0}


def test_float_islands_are_timed_among_int8_and_cost_32_bits(points: Points) -> None:
    candidates = Candidates({"first": ("f32",), "second": ("w8", "w2")}, CANDIDATES.activations)
    variants = [("w8", 8), ("f32", 8), ("w2", 8), ("w8", 16), ("f32", 16)]
    assert variants_of(candidates) == variants
    costs = Costs(
        {**COSTS.times, ("f32", 8): times(90, 7000, 2000, 500), ("f32", 16): times(90, 7700, 2500, 700)},
        {**COSTS.bytes, "f32": {"first": 256, "second": 64}},
    )
    weights = {**SENSITIVITIES.weights, "first": {"f32": estimate(0.0)}}
    sensitivities = Sensitivities("sqnr", "nats", weights, SENSITIVITIES.activations)
    problem = make_problem(points, candidates, sensitivities, costs, {})
    options = {choice.name: choice.options[0] for choice in problem.choices}
    assert options["weights of first"] == "f32" and options["activations of x"] == "16"
    wide = evaluate(problem, options)
    narrow = evaluate(problem, {**options, "activations of x": "8"})
    assert wide[LATENCY] - narrow[LATENCY] == 7700 - 7000  # not what 16 bits cost an integer layer
    assert wide[BOPS] - narrow[BOPS] == MACS * 32 * 8
    assert narrow[BYTES] == 256 + 64 + 7 and narrow["loss"] == wide["loss"] + 0.5


RESIDUAL = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {CONV} loc("conv")
  %2 = "qd.add"(%1, %y) {{{RANGE}}} : ({IMAGE}, {IMAGE}) -> {IMAGE} loc("add")
  %3 = "qd.conv2d"(%2, %v, %b) {CONV} loc("last")"""


def test_an_addition_that_takes_in_no_accumulator_is_part_of_what_an_island_costs() -> None:
    """Among integers it has no step of its own; behind an island it has, and the mark on it must go."""
    with new_context() as context, context:
        module = hand_made(RESIDUAL, "3")
        points = Points(module)
        assert points.additions == {"conv": "add"}
        weights, widths = {"conv": "f32", "last": "w8"}, dict.fromkeys(points.activations, 8)
        for scheme, marked in (("w8", True), ("f32", False)):
            copy = hand_made(RESIDUAL, "3")
            write(copy, points, Decisions({**weights, "conv": scheme}, widths), dict.fromkeys(points.result_of, ""))
            assert (TAKES_IN in str(copy)) == marked and ("qd.weight_bits = 32" in str(copy)) != marked
    layers = {("w8", 8): {"": 1, "conv": 10, "last": 20}, ("f32", 8): {"": 1, "conv": 300, "add": 7, "last": 20}}
    costs = Costs(
        {
            variant: Times({name: (ns, ns, ns) for name, ns in known.items()}, 1.0, 0.0, 0.0)
            for variant, known in layers.items()
        },
        {"w8": {"conv": 64, "last": 64}, "f32": {"conv": 256, "last": 64}},
    )
    candidates = Candidates({"conv": ("f32",), "last": ("w8",)}, dict.fromkeys(points.activations, (8,)))
    none = estimate(0.0)
    sensitivities = Sensitivities(
        "sqnr", "nats", {"conv": {"f32": none}, "last": {"w8": none}}, {p: {8: none} for p in points.activations}
    )
    problem = make_problem(points, candidates, sensitivities, costs, {})
    every = {choice.name: choice.options[0] for choice in problem.choices}
    assert evaluate(problem, every)[LATENCY] == 1 + 300 + 7 + 20
