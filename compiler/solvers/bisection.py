"""The last point of a front that passes a measurement, in few measurements (HAWQ-V2's and later work's outer loop).

Points are ordered from the most precise to the least. Bisection takes it that what is less precise passes less; since
measurements are noisy, the neighbours beyond its answer are measured, too, while there is time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Point = TypeVar("Point")


@dataclass(frozen=True)
class Found(Generic[Point]):
    """`best`: the last accepted point, None if none was. `tried`: what was measured, by place. `complete`: neither time
    nor the user ended the search."""

    best: Point | None
    tried: Mapping[int, bool] = field(default_factory=dict)
    complete: bool = True
    interrupted: bool = False


def nothing_ahead(points: Sequence[object]) -> None:
    """Every point is measured when its turn comes."""


def bisect(
    points: Sequence[Point],
    accept: Callable[[Point], bool],
    time_limit: float | None = None,
    neighbours: int = 1,
    ahead: Callable[[Sequence[Point]], object] = nothing_ahead,
) -> Found[Point]:
    """Measure as few points as find the last that is accepted, then so many `neighbours` beyond it.

    ahead: is shown, before each measurement, the point that is measured next and those that may follow, the soonest
    first; who has hands free measures some of them then. The way to the answer is the same.

    Anytime: a measurement that would, by the longest so far, end after the time limit is not begun; an interrupt ends
    the search. Either way the best so far is the answer.
    """
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    tried: dict[int, bool] = {}
    longest = 0.0

    def best() -> Point | None:
        return next((points[i] for i in sorted(tried, reverse=True) if tried[i]), None)

    def passes(i: int, next: Sequence[int]) -> bool:
        nonlocal longest
        if i not in tried:
            start = time.monotonic()
            if start + longest > deadline:
                raise TimeoutError
            ahead([points[one] for one in next if one not in tried])
            tried[i] = accept(points[i])
            longest = max(longest, time.monotonic() - start)
        return tried[i]

    try:
        low, high = -1, len(points)  # low passes, high does not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if passes(middle, middles(low, high)) else (low, middle)
        while beyond := [i for i in range(low + 1, len(points)) if i <= low + 1 + neighbours and i not in tried]:
            if passes(beyond[0], beyond):
                low = beyond[0]
    except TimeoutError:
        return Found(best(), tried, complete=False)
    except KeyboardInterrupt:
        return Found(best(), tried, complete=False, interrupted=True)
    return Found(best(), tried)


def middles(low: int, high: int) -> list[int]:
    """The places that bisection between two may come to, the soonest first.

    >>> middles(-1, 7)
    [3, 5, 1, 6, 4, 2, 0]
    """
    found, waiting = list[int](), [(low, high)]
    while waiting:
        low, high = waiting.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            found.append(middle)
            waiting += [(middle, high), (low, middle)]
    return found
