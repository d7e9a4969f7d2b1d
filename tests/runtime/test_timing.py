"""Networks take turns, and what goes before a turn is not counted."""

import pytest

from dyadic.runtime import timing
from dyadic.runtime.timing import Times, in_turns, timed


def test_runs_before_are_not_counted() -> None:
    runs: list[int] = []
    assert len(timed(lambda: runs.append(1), 5, 2)) == 5 and len(runs) == 7


def test_each_of_several_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TURN", 3), ("BEFORE", 1), ("SECONDS", 0.0), ("LEAST_TURNS", 4)):
        monkeypatch.setattr(timing, name, value)
    order: list[str] = []
    seen = in_turns({name: lambda name=name: order.append(name) for name in "ab"})
    assert {name: len(one.runs) for name, one in seen.items()} == {"a": 12, "b": 12}
    turns = [order[i : i + 4] for i in range(0, len(order), 4)]
    assert all(len(set(turn)) == 1 for turn in turns) and len(turns) == 8
    assert sorted(turn[0] for turn in turns[:2]) == ["a", "b"]


def test_quantiles() -> None:
    times = Times((3.0, 1.0, 2.0))
    assert (times.median, times.quantile(1.0)) == (2.0, 3.0)
