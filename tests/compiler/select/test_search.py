"""The search, of a network whose every cost is known, with trials that say what a test wants them to say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.small_search import CANDIDATES, COSTS, SENSITIVITIES, small_points

from dyadic.compiler.budget import Axis, Limit, parse_limit
from dyadic.compiler.progress import Progress
from dyadic.compiler.quality.acceptance import Verdict, by_agreement
from dyadic.compiler.select.model import BYTES
from dyadic.compiler.select.search import Found, Search
from dyadic.compiler.select.task import Task
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.widths.points import Points
from dyadic.runtime.errors import BudgetError, SearchInterrupted

INT8 = {"first": "w8a8", "relu": "a8", "second": "w8a8", "sub": "a8", "x": "a8", "y": "a8"}


@dataclass
class Said:
    """Answers in the order of the questions; `asked` is of which plans."""

    sizes: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    decibels: list[float] = field(default_factory=list)
    accept: Callable[[Decisions], bool] = lambda _: True
    asked: list[Decisions] = field(default_factory=list)
    hands: int = 1

    def file_bytes(self, decisions: Decisions) -> int:
        self.asked.append(decisions)
        return self.sizes.pop(0)

    def share_of_int8_time(self, decisions: Decisions) -> float:
        self.asked.append(decisions)
        return self.shares.pop(0)

    def sqnr_db(self, plans: Sequence[Decisions]) -> list[float]:
        self.asked += plans
        return self.decibels

    def verdicts(self, plans: Sequence[Decisions], limit: float) -> list[Verdict]:
        self.asked += plans
        return [by_agreement(0 if self.accept(plan) else 900, 1000, limit) for plan in plans]

    def abreast(self, plans: int) -> int:
        return min(plans, self.hands)


@pytest.fixture(scope="module")
def points() -> Points:
    return small_points()


def search(points: Points, trials: Any, solver: str = "auto", **limits: str) -> Search:
    axes: dict[Axis, str] = {axis.removeprefix("max_"): text for axis, text in limits.items()}  # pyright: ignore
    allowed: dict[Axis, Limit] = {axis: parse_limit(axis, text) for axis, text in axes.items()}
    task = Task(points, CANDIDATES, COSTS, SENSITIVITIES, allowed, solver, lambda **changed: "dyadic compile")
    return Search(task, trials, Progress())


def applied(found: Found, points: Points) -> dict[str, str]:
    return found.decisions.by_layer(points)


def test_int8_ships_where_it_keeps_the_limits_and_is_nearer_to_float(points: Points) -> None:
    found = search(points, Said(shares=[1.0, 1.0], decibels=[20.0, 30.0]), max_latency="3x").run()
    assert applied(found, points) == INT8
    assert found.notes[-1].startswith("int8 ships: ") and found.notes[-1].endswith("(30.0 against 20.0 dB)")
    found = search(points, Said(shares=[1.0, 1.0], decibels=[30.0, 20.0]), max_latency="3x").run()
    assert applied(found, points)["x"] == "a16" and not found.notes


def test_limits_that_compiled_plans_break_are_tightened_together(points: Points) -> None:
    # of int8 and of two plans; of int8 again, which breaks a limit and so replaces nothing
    said = Said(sizes=[1000, 1201, 10, 10], shares=[1.6, 1.0, 1.6])
    found = search(points, said, max_size="1.2kB", max_latency="1.5x").run()
    assert found.notes == (
        "a plan made a file of 1.2 kB; the search went on with less room",
        "a plan predicted to take 1.194 of int8's time took 1.600; the search went on with less room",
    )
    assert said.sizes == said.shares == [] and found.chosen.costs[BYTES] < 128 + 7


def test_a_limit_that_no_compiled_plan_keeps(points: Points) -> None:
    with pytest.raises(BudgetError, match=r"keeps --max-latency 3x once it is compiled: .* took 3.100") as caught:
        search(points, Said(shares=[3.1] * 4), max_latency="3x").run()
    assert caught.value.plan.keys() == INT8.keys()


def test_what_cannot_be_met_is_refused_with_the_nearest_plan(points: Points) -> None:
    with pytest.raises(
        BudgetError, match=r"--max-size 0.1x cannot be met: 0.1 kB of weights \(0.407x .*nearest"
    ) as caught:
        search(points, Said(), max_size="0.1x").run()
    assert (caught.value.plan["first"], caught.value.plan["second"]) == ("w4a8", "w2a8")


def test_other_limits_are_settled_before_a_drop_is_judged(points: Points) -> None:
    """A file that is too large says nothing about accuracy: bisection must not take one for the other."""
    said = Said(sizes=[1000, 1201, 10])
    found = search(points, said, max_drop="2%", max_size="1.2kB").run()
    assert found.notes[0] == "a plan made a file of 1.2 kB; the search went on with less room"
    assert all(" points on 1,000 samples, at most " in note for note in found.notes[1:]) and len(found.notes) > 1


def test_the_smallest_plan_that_keeps_a_promise_ships(points: Points) -> None:
    found = search(points, Said(accept=lambda one: one.weights["second"] == "w8"), max_drop="2%").run()
    assert found.decisions.weights == {"first": "w4", "second": "w8"}
    with pytest.raises(BudgetError, match="no plan was found that loses 2% at most: the most precise one loses 90"):
        search(points, Said(accept=lambda _: False), max_drop="2%").run()


def test_int8_that_breaks_a_limit_once_compiled_replaces_nothing(points: Points) -> None:
    said = Said(shares=[1.0, 3.5])  # of the plan that was found, of int8; how near they are to float is not asked
    found = search(points, said, max_latency="3x").run()
    assert said.shares == [] and not found.notes and applied(found, points) != INT8


class Interrupting(Said):
    """Somebody presses Ctrl-C while the third question is answered."""

    def file_bytes(self, decisions: Decisions) -> int:
        if len(self.asked) == 2:
            raise KeyboardInterrupt
        return super().file_bytes(decisions)


def test_an_interrupted_search_has_its_best_plan(points: Points) -> None:
    said = Interrupting(sizes=[1000, 1201])
    with pytest.raises(SearchInterrupted) as caught:
        search(points, said, max_size="1.2kB").run()
    assert caught.value.plan.keys() == INT8.keys() and isinstance(caught.value, KeyboardInterrupt)
    asked = Interrupting(sizes=[1000], asked=[Decisions({}, {})] * 2)
    with pytest.raises(KeyboardInterrupt) as bare:
        search(points, asked, max_size="1.2kB").run()  # before there is a plan
    assert not isinstance(bare.value, SearchInterrupted)


@pytest.mark.parametrize("solver", ["ilp", "greedy", "pareto"])
def test_every_solver_keeps_within_bytes(points: Points, solver: str) -> None:
    found = search(points, Said(decibels=[2.0, 1.0]), solver, max_size="0.8x").run()
    assert found.chosen.costs[BYTES] <= 0.8 * (128 + 7) and found.axis == BYTES


def test_plans_that_are_tried_together_lead_to_the_same_one(points: Points) -> None:
    def accept(plan: Decisions) -> bool:
        return plan.weights["second"] == "w8"

    alone, together = Said(accept=accept), Said(accept=accept, hands=3)
    one, other = (search(points, said, max_drop="1%").run() for said in (alone, together))
    assert applied(one, points) == applied(other, points) and one.notes == other.notes
    assert len(together.asked) >= len(alone.asked)
