"""Random plans of the size of a given one: what its choice is worth is what it is better than these."""

from __future__ import annotations

import math

import numpy as np

from dyadic.compiler.solvers.assignment import Assignment
from dyadic.compiler.solvers.problem import Problem, Solution, evaluate, solution

TOLERANCE = 0.01
TRIES = 20  # random starts for each plan that is wanted


def random_plans(
    problem: Problem, like: Solution, axis: str, count: int = 10, seed: int = 0, tolerance: float = TOLERANCE
) -> tuple[Solution, ...]:
    """So many different plans within `tolerance` of `like` along `axis`, the budgets aside.

    Fewer where chance does not find them: next to the ends of an axis there are not many.
    """
    rng = np.random.default_rng(seed)
    target, found = like.along(axis), {tuple(like.options.values()): like}
    for _ in range(TRIES * count):
        options = walk(problem, axis, target, tolerance * abs(target), rng)
        if options is not None:
            plan = solution(problem, options, "random")
            found.setdefault(tuple(plan.options.values()), plan)
        if len(found) > count:
            break
    return tuple(found.values())[1:]


def walk(problem: Problem, axis: str, target: float, near: float, rng: np.random.Generator) -> dict[str, str] | None:
    """From random options, random changes that come closer to the target, until near enough or stuck."""
    sizes = [len(choice.options) for choice in problem.choices]
    now = Assignment(problem, (axis,), [int(rng.integers(size)) for size in sizes])
    steps = [(i, option) for i, size in enumerate(sizes) for option in range(size)]
    distance = evaluate(problem, now.options)[axis] - target
    while abs(distance) > near:
        closer = math.inf
        for at in rng.permutation(len(steps)):
            i, option = steps[at]
            closer = distance + float(now.changes[i][0, option])
            if abs(closer) < abs(distance):
                now.set(i, option)
                break
        else:
            return None
        distance = closer
    return now.options if abs(evaluate(problem, now.options)[axis] - target) <= near else None
