"""The front against every plan of small problems."""

import math
from dataclasses import replace

from hypothesis import given, note, settings
from hypothesis import strategies as st
from support.small_problems import every_plan, random_budgets, random_problem

from dyadic.compiler.solvers.pareto import pareto, undominated
from dyadic.compiler.solvers.problem import Choice, Infeasible, Problem, Solution, evaluate

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from(["bytes", "bops"]), st.booleans())
def test_the_whole_front_is_found_where_points_are_enough(seed: int, axis: str, budgeted: bool) -> None:
    note(f"seed {seed}")
    problem = random_problem(seed, most_choices=4)
    if axis not in problem.axes:
        return
    every = every_plan(problem)
    budgets = random_budgets(problem, every, seed) if budgeted else {}
    problem = replace(problem, budgets=budgets)
    try:
        points = pareto(problem, axis, points=1000)
    except Infeasible:
        assert not every.within(budgets)
        return
    assert [(p.costs[axis], p.loss) for p in points] == every.front(budgets, axis)
    assert all(point.optimal for point in points)
    for point in points:
        totals = evaluate(problem, point.options)
        assert totals == {"loss": point.loss, **point.costs}


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 6))
def test_some_points_are_on_the_front_and_its_ends_are_among_them(seed: int, count: int) -> None:
    note(f"seed {seed}")
    problem = random_problem(seed)
    front = every_plan(problem).front({}, "bytes")
    points = [(p.costs["bytes"], p.loss) for p in pareto(problem, "bytes", points=count)]
    assert len(points) == min(count, len(front)) and set(points) <= set(front)
    assert points[0] == front[0] and points[-1] == front[-1]


def test_points_are_spread_along_the_axis() -> None:
    """Every sum of sixteen halvings is on the front."""
    problem = Problem(tuple(Choice(f"l{i}", ("8", "4"), (0.0, 1.0 + i), {"bytes": (8.0, 4.0)}) for i in range(16)))
    sizes = [point.costs["bytes"] for point in pareto(problem, "bytes", points=5)]
    assert sizes == [128.0, 112.0, 96.0, 80.0, 64.0]


def test_points_in_a_hollow_of_the_front_are_found() -> None:
    """(1, 9) is above the line from (0, 10) to (10, 0), where weighted sums do not look."""
    problem = Problem((Choice("l", ("a", "b", "c"), (0.0, 9.5, 10.0), {"bytes": (10.0, 9.0, 0.0)}),))
    assert [p.options["l"] for p in pareto(problem, "bytes")] == ["a", "b", "c"]


def test_without_time_the_ends_are_left() -> None:
    problem = random_problem(6)
    assert math.isclose(pareto(problem, "bytes", time_limit=1e-9)[0].loss, every_plan(problem).best({}))


def test_what_another_plan_is_as_good_as_goes() -> None:
    plans = [
        Solution({"l": str(i)}, loss, {"bytes": size}, "") for i, (size, loss) in enumerate(((1, 3), (2, 3), (2, 1)))
    ]
    assert [p.options["l"] for p in undominated([*plans, plans[2]], "bytes")] == ["0", "2"]
