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


def bisect(
    points: Sequence[Point], accept: Callable[[Point], bool], time_limit: float | None = None, neighbours: int = 1
) -> Found[Point]:
    """Measure as few points as find the last that is accepted, then so many `neighbours` beyond it.

    Anytime: a measurement that would, by the longest so far, end after the time limit is not begun; an interrupt ends
    the search. Either way the best so far is the answer.
    """
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    tried: dict[int, bool] = {}
    longest = 0.0

    def best() -> Point | None:
        return next((points[i] for i in sorted(tried, reverse=True) if tried[i]), None)

    def passes(i: int) -> bool:
        nonlocal longest
        if i not in tried:
            start = time.monotonic()
            if start + longest > deadline:
                raise TimeoutError
            tried[i] = accept(points[i])
            longest = max(longest, time.monotonic() - start)
        return tried[i]

    try:
        low, high = -1, len(points)  # low passes, high does not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if passes(middle) else (low, middle)
        while beyond := [i for i in range(low + 1, len(points)) if i <= low + 1 + neighbours and i not in tried]:
            if passes(beyond[0]):
                low = beyond[0]
    except TimeoutError:
        return Found(best(), tried, complete=False)
    except KeyboardInterrupt:
        return Found(best(), tried, complete=False, interrupted=True)
    return Found(best(), tried)
