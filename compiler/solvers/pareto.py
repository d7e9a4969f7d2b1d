"""Which plans are worth having: none is better both in loss and along one axis (HAWQ-V2, arXiv:1911.03852).

Epsilon constraints: the least loss within a limit on the axis, for limits that halve the widest gap of the front.
Weighted sums of the two would miss the points in its hollows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dyadic.compiler.solvers.highs import Program
from dyadic.compiler.solvers.ilp import ilp
from dyadic.compiler.solvers.problem import LOSS, Problem, Solution, solution

NARROW = 1 / 256  # of the front's width: a gap is not halved further, but asked for the point next to its end


@dataclass(frozen=True)
class _Gap:
    """Between two neighbours; that nothing lies in it up to `empty_to` is known."""

    left: Solution
    right: Solution
    empty_to: float

    def width(self, axis: str) -> float:
        return self.right.along(axis) - self.empty_to


def pareto(problem: Problem, axis: str, points: int = 20, time_limit: float | None = None) -> tuple[Solution, ...]:
    """At most so many points of the front of loss against `axis` within the budgets, from the least loss to the most.

    Its ends are among them. Anytime: as many points as there is time for, the ends first; `optimal` says of each
    whether that it is on the front is proven. `bound` is of the loss.

    Raises:
        Infeasible: no plan is within the budgets.
    """
    found = list(explore(problem, axis, points, time_limit))
    return tuple(sorted(undominated(found, axis), key=lambda one: one.loss))


def explore(problem: Problem, axis: str, points: int, time_limit: float | None) -> Iterator[Solution]:
    """The points one by one: the ends, then each in the middle of the widest gap."""
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    share = None if time_limit is None else time_limit / (2 * points)
    program = Program(problem, tuple({LOSS: 0, axis: 0, **problem.budgets}))

    def tightened(bounds: dict[str, float]) -> dict[str, float]:
        budgets = dict(problem.budgets)
        for one, limit in bounds.items():
            budgets[one] = min(limit, budgets.get(one, math.inf))
        return budgets

    def settle(first: Solution, minimised: str, then: str, limits: dict[str, float]) -> Solution:
        """Of the plans that are as good as the first, the one with the least of the other."""
        answer = program.minimise(then, tightened(limits | {minimised: first.along(minimised)}), share)
        bound = first.bound if minimised == LOSS else answer.bound
        options = answer.options or first.options
        return solution(problem, options, "pareto", first.optimal and answer.certain, bound)

    right = settle(ilp(problem, share), LOSS, axis, {})
    yield right
    left = settle(ilp(problem, share, axis), axis, LOSS, {})
    if left.along(axis) >= right.along(axis):
        return
    yield left
    gaps, count = [_Gap(left, right, left.along(axis))], 2
    whole = gaps[0].width(axis)
    while gaps and count < points and time.monotonic() < deadline:
        gap = max(gaps, key=lambda one: one.width(axis))
        gaps.remove(gap)
        end = gap.right.along(axis)
        last = math.nextafter(end, -math.inf)  # the most that is less
        limit = last if gap.width(axis) < NARROW * whole else min((gap.empty_to + end) / 2, last)
        answer = program.minimise(LOSS, tightened({axis: limit}), share)
        if answer.options is None:
            continue  # out of time for this one: the gap's left end is a plan
        first = solution(problem, answer.options, "pareto", answer.certain, answer.bound)
        point = settle(first, LOSS, axis, {axis: limit})
        if point.along(axis) > gap.left.along(axis):
            gaps += [_Gap(gap.left, point, gap.empty_to), _Gap(point, gap.right, limit)]
            yield point
            count += 1
        elif limit < last:
            gaps.append(replace(gap, empty_to=limit))


def undominated(found: list[Solution], axis: str) -> list[Solution]:
    """Those that no other is at least as good as, along both; of equals the first."""
    kept: list[Solution] = []
    for one in sorted(found, key=lambda one: (one.along(axis), one.loss)):
        if not kept or one.loss < kept[-1].loss:
            kept.append(one)
    return kept
