"""Solvers against every plan of small problems, and their time on one of ResNet-50's size."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st
from support.small_problems import every_plan, random_budgets, random_problem

from dyadic.compiler.solvers import ilp as ilp_module
from dyadic.compiler.solvers.greedy import greedy
from dyadic.compiler.solvers.highs import Answer, Program
from dyadic.compiler.solvers.ilp import ilp
from dyadic.compiler.solvers.problem import Choice, Infeasible, Pair, Problem, Solution, evaluate, excess, solution
from dyadic.compiler.solvers.random_plan import random_plans

SEEDS = st.integers(0, 2**32 - 1)


def two_layers(**budgets: float) -> Problem:
    """Weights of 8 or 4 bits: the second layer is smaller and more sensitive."""
    return Problem(
        (
            Choice("conv", ("w8", "w4"), (0.0, 1.0), {"bytes": (100.0, 50.0)}),
            Choice("fc", ("w8", "w4"), (0.0, 5.0), {"bytes": (60.0, 30.0)}),
        ),
        budgets=budgets,
        fixed_costs={"bytes": 10.0},
    )


def resnet50() -> tuple[Problem, Mapping[str, float]]:
    """The size of ResNet-50's problem, and what its 8-bit plan comes to."""
    rng = np.random.default_rng(0)
    choices, pairs = [], []
    for i in range(50):
        size, ns = 10 ** rng.uniform(-4, -1), float(rng.integers(1_000, 10_000))
        choices.append(
            Choice(
                f"a{i}", ("16", "8", "4"), (size / 65536, size / 64, size * 3), {"latency_ns": (2 * ns, ns, ns * 1.1)}
            )
        )
    for i in range(54):
        size, macs = 10 ** rng.uniform(-4, -1), float(rng.integers(10_000_000, 230_000_000))
        weights, losses = float(rng.integers(4096, 2_400_000)), np.array([1 / 256, 1, 0.6, 16]) * size
        held = tuple(float(int(weights * bits / 8)) for bits in (8, 4, 4.25, 2))
        choices.append(Choice(f"w{i}", ("w8", "w4", "w4g32", "w2"), tuple(losses.tolist()), {"bytes": held}))
        bops = tuple(tuple(macs * w * a for a in (16, 8, 4)) for w in (8, 4, 4, 2))
        measured = np.outer([1, 1.1, 1.15, 1.2], [2.2, 1.0, 1.02]) * macs / 400 * rng.uniform(0.9, 1.1, (4, 3))
        ns = tuple(map(tuple, measured.round().tolist()))
        pairs.append(Pair(f"w{i}", f"a{min(i, 49)}", costs={"bops": bops, "latency_ns": ns}))
    problem = Problem(tuple(choices), tuple(pairs))
    return problem, evaluate(problem, {c.name: "w8" if "w8" in c.options else "8" for c in choices})


def test_ilp_gives_up_bits_where_they_matter_least() -> None:
    found = ilp(two_layers(bytes=140.0))
    assert found.options == {"conv": "w4", "fc": "w8"}
    assert (found.loss, found.costs, found.optimal, found.bound) == (1.0, {"bytes": 120.0}, True, pytest.approx(1.0))


def test_a_budget_that_a_plan_just_meets_is_met() -> None:
    assert ilp(two_layers(bytes=170.0)).loss == 0.0
    assert ilp(two_layers(bytes=np.nextafter(170.0, 0.0))).loss == 1.0  # less than any solver's tolerance


def test_a_cost_can_be_minimised_within_a_loss() -> None:
    assert ilp(two_layers(loss=1.0), minimise="bytes").options == {"conv": "w4", "fc": "w8"}
    assert ilp(two_layers(loss=0.999), minimise="bytes").costs == {"bytes": 170.0}


def test_layers_that_make_up_for_each_other_are_chosen_together() -> None:
    """The second layer's error undoes the first's: alone neither is worth it."""
    layers = tuple(Choice(name, ("w8", "w4"), (0.0, 2.0), {"bytes": (8.0, 4.0)}) for name in "ab")
    problem = Problem((*layers, Choice("c", ("w8", "w4"), (0.0, 0.5), {"bytes": (8.0, 4.0)})))
    together = Pair("a", "b", ((0.0, 0.0), (0.0, -4.5)))
    assert ilp(replace(problem, budgets={"bytes": 20.0})).options == {"a": "w8", "b": "w8", "c": "w4"}
    assert ilp(replace(problem, pairs=(together,), budgets={"bytes": 20.0})).loss == -0.5


@settings(max_examples=100, deadline=None)
@given(SEEDS)
@example(68314)  # HiGHS's presolve called a plan impossible that just meets its budgets
def test_ilp_is_the_best_of_all_plans(seed: int) -> None:
    note(f"seed {seed}")
    problem = random_problem(seed, most_choices=6)
    every = every_plan(problem)
    budgets = random_budgets(problem, every, seed)
    problem = replace(problem, budgets=budgets)
    try:
        found = ilp(problem)
    except Infeasible as none:
        assert none.proven and not every.within(budgets)
        return
    assert found.optimal and found.loss == every.best(budgets)
    assert all(found.costs[axis] <= limit for axis, limit in budgets.items())
    assert found.bound is not None and found.bound <= found.loss
    assert found.bound == pytest.approx(found.loss, rel=1e-6, abs=1e-6)
    axis = next(iter(budgets))
    least = ilp(replace(problem, budgets=budgets | {"loss": found.loss}), minimise=axis)
    assert least.costs[axis] == every.best(budgets | {"loss": found.loss}, axis)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
@example(514)  # the same
def test_no_plan_at_the_same_budget_is_better_than_ilps(seed: int) -> None:
    note(f"seed {seed}")
    problem = random_problem(seed, most_choices=12)  # more plans than can be looked at
    uniforms = [
        solution(problem, {c.name: c.options[min(i, len(c.options) - 1)] for c in problem.choices}, "uniform")
        for i in range(4)
    ]
    for one in uniforms:
        budgeted = replace(problem, budgets=dict(one.costs))
        best, quick = ilp(budgeted), greedy(budgeted)
        assert best.loss <= min(one.loss, quick.loss)
        assert all(quick.costs[axis] <= limit for axis, limit in one.costs.items())


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([0.3, 0.7, 0.99]))
def test_where_no_plan_fits_the_nearest_is_named(seed: int, share: float) -> None:
    note(f"seed {seed}")
    problem = random_problem(seed)
    every = every_plan(problem)
    least = {axis: min(t[axis] for _, t in every.plans) for axis in ("bytes", "bops") if axis in problem.axes}
    budgets = {axis: share * low for axis, low in least.items() if low > 0}
    if not budgets:
        return
    for solver in (ilp, greedy):
        with pytest.raises(Infeasible) as refused:
            solver(replace(problem, budgets=budgets))
        none = refused.value
        share_over = min(excess(totals, budgets) for _, totals in every.plans)
        assert none.proven and none.possible == pytest.approx({axis: least[axis] for axis in budgets})
        assert excess(evaluate(problem, none.nearest.options), budgets) == pytest.approx(share_over)
        as_near = [t["loss"] for _, t in every.plans if excess(t, budgets) <= share_over]
        assert none.nearest.loss == min(as_near)


def test_the_refusal_says_what_is_possible() -> None:
    with pytest.raises(Infeasible, match="bytes cannot be less than 90 where 80 is asked") as refused:
        ilp(two_layers(bytes=80.0))
    assert refused.value.nearest.options == {"conv": "w4", "fc": "w4"}
    with pytest.raises(Infeasible, match=r"no plan is within bytes 120 and loss 0\.5 at once"):
        ilp(two_layers(bytes=120.0, loss=0.5))


def test_greedy_finds_a_plan_where_single_changes_are_stuck() -> None:
    """Either layer alone makes the other axis worse by more than it saves."""
    a = Choice("a", ("x", "y"), (0.0, 1.0), {"bytes": (10.0, 0.0), "bops": (0.0, 30.0)})
    b = Choice("b", ("x", "y"), (0.0, 1.0), {"bytes": (0.0, 30.0), "bops": (10.0, 0.0)})
    both = Pair("a", "b", costs={"bytes": ((0.0, 0.0), (0.0, -25.0)), "bops": ((0.0, 0.0), (0.0, -25.0))})
    assert greedy(Problem((a, b), (both,), {"bytes": 5.0, "bops": 5.0})).options == {"a": "y", "b": "y"}


def test_greedy_takes_back_what_the_last_change_made_needless() -> None:
    """The cheapest saving for each byte is large: once it is made, the first one was not needed, but the middle was."""
    sizes = {"a": (0.1, 10.0), "b": (1.0, 20.0), "c": (2.0, 25.0)}
    layers = [
        Choice(n, ("w8", "w4"), (0.0, loss), {"bytes": (100.0, 100.0 - saved)}) for n, (loss, saved) in sizes.items()
    ]
    assert greedy(Problem(tuple(layers), budgets={"bytes": 255.0})).options == {"a": "w8", "b": "w4", "c": "w4"}


def test_totals_are_rounded_once() -> None:
    layers = [Choice(f"l{i}", ("w8",), (loss,)) for i, loss in enumerate((1e16, 1.0, -1e16))]
    assert evaluate(Problem(tuple(layers)), {layer.name: "w8" for layer in layers})["loss"] == 1.0


def test_where_there_are_no_random_plans_of_a_size_there_are_none() -> None:
    problem = two_layers()
    assert random_plans(problem, solution(problem, {"conv": "w4", "fc": "w4"}, "uniform"), "bytes") == ()


def test_out_of_time_the_best_so_far_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    poor = Answer({"conv": "w4", "fc": "w4"}, 0.25, False)
    monkeypatch.setattr(Program, "minimise", lambda *rest: poor)
    known = Solution({"conv": "w4", "fc": "w8"}, 1.0, {"bytes": 120.0}, "ilp", optimal=False, bound=0.25)
    assert ilp(two_layers(bytes=140.0)) == known
    monkeypatch.setattr(Program, "minimise", lambda *rest: Answer(None, None, False))
    assert ilp(two_layers(bytes=140.0)).loss == 1.0
    monkeypatch.setattr(ilp_module, "descend", lambda problem: {"conv": "w8", "fc": "w8"})
    assert ilp(two_layers(bytes=200.0)).loss == 0.0


def test_a_plan_over_the_budget_within_the_tolerance_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS called on to judge with a coarse tolerance: the exact sums decide."""
    asked, ask = [], Program._ask

    def coarse(self: Program, objective: object, bounds: list[tuple[object, float]], *rest: object) -> Answer:
        asked.append(len(bounds))
        return ask(self, objective, [(bounds[0][0], bounds[0][1] + 1e3), *bounds[1:]], *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Program, "_ask", coarse)
    found = ilp(two_layers(bytes=169.0))
    assert asked == [1, 2] and found.loss == 1.0 and found.optimal


def test_highs_says_nothing_on_standard_output() -> None:
    """What C's buffer holds would be seen when the process ends."""
    program = """
import ctypes
from dyadic.compiler.solvers.highs import silenced
print("before", flush=True)
with silenced():
    ctypes.CDLL(None).puts(b"a line of its own debugging")
print("after")
"""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=buffered)
    assert done.stdout == "before\nafter\n", done.stderr


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_random_plans_are_of_the_size_that_is_asked(seed: int) -> None:
    note(f"seed {seed}")
    problem = random_problem(seed, most_choices=12)
    like = solution(problem, {c.name: c.options[0] for c in problem.choices}, "uniform")
    for axis in like.costs:
        plans = random_plans(problem, like, axis, seed=seed, tolerance=0.1)
        assert plans == random_plans(problem, like, axis, seed=seed, tolerance=0.1)
        assert len(plans) <= 10 and all(plan.options != like.options for plan in plans)
        assert len({tuple(plan.options.values()) for plan in plans}) == len(plans)
        for plan in plans:
            assert abs(plan.costs[axis] - like.costs[axis]) <= 0.1 * like.costs[axis]


def test_what_is_not_a_problem_is_refused() -> None:
    conv = Choice("conv", ("w8", "w4"), (0.0, 1.0))
    with pytest.raises(ValueError, match="finite loss"):
        Choice("conv", ("w8", "w4"), (0.0, float("nan")))
    with pytest.raises(ValueError, match="finite bytes"):
        Choice("conv", ("w8", "w4"), (0.0, 1.0), {"bytes": (1.0,)})
    with pytest.raises(ValueError, match="different names"):
        Problem((conv, conv))
    with pytest.raises(ValueError, match="a pair needs two choices"):
        Problem((conv,), (Pair("conv", "fc"),))
    with pytest.raises(ValueError, match="a finite number for each two options"):
        Problem((conv, replace(conv, name="fc")), (Pair("conv", "fc", ((1.0, 2.0),)),))


def test_a_time_limit_is_kept_and_the_plan_is_within_the_budgets() -> None:
    problem, int8 = resnet50()
    budgets = {axis: share * int8[axis] for axis, share in (("bytes", 0.6), ("bops", 0.5), ("latency_ns", 1.06))}
    found = ilp(replace(problem, budgets=budgets), time_limit=0.05)
    assert not found.optimal
    assert all(found.costs[axis] <= limit for axis, limit in budgets.items())


def test_random_plans_of_resnet50s_size_are_worse() -> None:
    problem, int8 = resnet50()
    best = ilp(replace(problem, budgets={"bytes": 0.6 * int8["bytes"]}))
    plans = random_plans(problem, best, "bytes")
    assert len(plans) == 10 and min(plan.loss for plan in plans) > best.loss
    assert all(abs(plan.costs["bytes"] / best.costs["bytes"] - 1) <= 0.01 for plan in plans)
