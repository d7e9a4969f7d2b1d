"""What cannot be met is refused before the long work, and nothing that can."""

import pytest
from support.small_search import CANDIDATES, COSTS, small_points

from dyadic.compiler.budget import Axis, Limit, parse_limit
from dyadic.compiler.select.foresight import no_losses, refuse_hopeless, refuse_impossible
from dyadic.compiler.select.task import Task
from dyadic.compiler.widths.points import Points
from dyadic.runtime.errors import BudgetError

WHOLE_FILE = 1000 + 2 * 64 + 7  # of int8


@pytest.fixture(scope="module")
def points() -> Points:
    return small_points()


def task(points: Points, **limits: str) -> Task:
    axes: tuple[Axis, ...] = ("size", "bops", "latency")
    asked: dict[Axis, Limit] = {axis: parse_limit(axis, limits[axis]) for axis in axes if axis in limits}
    return Task(points, CANDIDATES, COSTS, no_losses(CANDIDATES), asked, "auto", lambda **_: "")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"size": "1b"}, "--max-size 1b cannot be met: at the fewest bits that are tried, weights alone are 3 B"),
        ({"size": "0.01x"}, "weights alone are about 0.38x of int8's"),
        (
            {"bops": "0.01x"},
            r"--max-bops 0.01x cannot be met: 0.000 G bit operations \(0.312x of",
        ),
    ],
)
def test_what_is_hopeless_is_refused_before_anything_is_compiled(
    points: Points, limits: dict[str, str], said: str
) -> None:
    with pytest.raises(BudgetError, match=said) as caught:
        refuse_hopeless(points, CANDIDATES, task(points, **limits).limits)
    assert (caught.value.plan["first"], caught.value.plan["second"]) == ("w4a4", "w2a8")


@pytest.mark.parametrize("limits", [{"size": "3b"}, {"size": "0.1x"}, {"bops": "0.32x"}, {"latency": "1us"}, {}])
def test_what_may_be_met_is_not(points: Points, limits: dict[str, str]) -> None:
    refuse_hopeless(points, CANDIDATES, task(points, **limits).limits)


def test_once_costs_are_known_a_size_is_of_what_was_asked_for(points: Points) -> None:
    with pytest.raises(BudgetError, match=r"--max-size 1kB cannot be met: a file of 1.1 kB with 0.1 kB of weights"):
        refuse_impossible(task(points, size="1kB"), lambda: WHOLE_FILE)
    with pytest.raises(BudgetError, match=r"--max-size 0.1x cannot be met: 0.1 kB of weights \(0.407x .*nearest"):
        refuse_impossible(task(points, size="0.1x"), lambda: WHOLE_FILE)
    refuse_impossible(task(points, size="1.1kB"), lambda: WHOLE_FILE)
    refuse_impossible(task(points, size="0.5x"), lambda: WHOLE_FILE)
    refuse_impossible(task(points), lambda: WHOLE_FILE)
