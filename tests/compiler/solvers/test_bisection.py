"""The search by measurements: few of them, the right answer, and one whatever happens."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyadic.compiler.solvers import bisection
from dyadic.compiler.solvers.bisection import bisect
from dyadic.compiler.solvers.problem import Solution


def front(count: int) -> list[Solution]:
    return [Solution({"l": str(i)}, float(i), {"bytes": float(count - i)}, "test") for i in range(count)]


@given(st.integers(1, 60), st.integers(0, 60))
def test_the_last_that_passes_is_found_in_few_measurements(count: int, good: int) -> None:
    points = front(count)
    found = bisect(points, lambda plan: plan.loss < good)
    assert found.best == (points[min(good, count) - 1] if good else None)
    assert found.complete and len(found.tried) <= math.ceil(math.log2(count + 1)) + 2


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_the_answer_was_accepted_whatever_the_measurements_say(passes: list[bool]) -> None:
    points = front(len(passes))
    found = bisect(points, lambda plan: passes[int(plan.loss)])
    accepted = [i for i, passed in found.tried.items() if passed]
    assert all(passes[i] == passed for i, passed in found.tried.items())
    assert found.best == (points[max(accepted)] if accepted else None)


def test_a_neighbour_behind_a_chance_failure_is_found() -> None:
    points, passes = front(8), [True, True, True, False, True, False, False, False]
    assert bisect(points, lambda plan: passes[int(plan.loss)], neighbours=0).best == points[2]
    assert bisect(points, lambda plan: passes[int(plan.loss)], neighbours=1).best == points[4]


@pytest.mark.parametrize("after", range(5))
def test_an_interrupt_leaves_the_best_so_far(after: int) -> None:
    points, calls = front(31), []

    def accept(plan: Solution) -> bool:
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(plan)
        return plan.loss <= 20

    found = bisect(points, accept)
    passed = [plan for plan in calls if plan.loss <= 20]
    assert found.interrupted and not found.complete
    assert found.best == (max(passed, key=lambda plan: plan.loss) if passed else None)


def test_no_measurement_begins_that_would_end_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(bisection.time, "monotonic", lambda: now[0])

    def accept(plan: Solution) -> bool:
        now[0] += 10.0
        return plan.loss <= 20

    found = bisect(front(31), accept, time_limit=35.0)
    assert now[0] == 30.0 and not found.complete and not found.interrupted
    assert found.tried == {15: True, 23: False, 19: True} and found.best == front(31)[19]


def test_an_error_of_the_measurement_is_not_swallowed() -> None:
    def accept(plan: Solution) -> bool:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        bisect(front(3), accept)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 8))
def test_what_is_measured_ahead_changes_nothing_and_is_what_may_come(passes: list[bool], hands: int) -> None:
    points, known = front(len(passes)), dict[int, bool]()
    rounds = 0

    def ahead(next: Sequence[Solution]) -> None:
        nonlocal rounds
        if int(next[0].loss) not in known:
            rounds += 1
            known.update({int(one.loss): passes[int(one.loss)] for one in next[:hands]})

    found = bisect(points, lambda plan: known[int(plan.loss)], ahead=ahead)
    alone = bisect(points, lambda plan: passes[int(plan.loss)])
    assert (found.best, found.tried) == (alone.best, alone.tried)
    assert rounds <= len(found.tried) and (hands < 3 or rounds <= max(2, -(-len(found.tried) // 2) + 1))
