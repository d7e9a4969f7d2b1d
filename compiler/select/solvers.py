"""Every way of choosing, by name: each answers a problem with the plans that are worth compiling, the best first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dyadic.compiler.select.bisection import Accept, bisect
from dyadic.compiler.select.greedy import greedy
from dyadic.compiler.select.ilp import ilp
from dyadic.compiler.select.pareto import pareto
from dyadic.compiler.select.problem import Problem, Solution


@dataclass(frozen=True)
class Request:
    """What a solver may need besides the problem: `axis` and `points` of a front, and what `accept`s a plan."""

    axis: str = "bytes"
    points: int = 20
    accept: Accept = lambda plan: True
    time_limit: float | None = None


Solver = Callable[[Problem, Request], tuple[Solution, ...]]


def ilp_solver(problem: Problem, request: Request) -> tuple[Solution, ...]:
    """The least loss within the budgets, proven."""
    return (ilp(problem, request.time_limit),)


def greedy_solver(problem: Problem, request: Request) -> tuple[Solution, ...]:
    """A plan within the budgets at once, with no proof."""
    return (greedy(problem, request.time_limit),)


def pareto_solver(problem: Problem, request: Request) -> tuple[Solution, ...]:
    """The front of loss against an axis, from the least loss to the most."""
    return pareto(problem, request.axis, request.points, request.time_limit)


def bisection_solver(problem: Problem, request: Request) -> tuple[Solution, ...]:
    """The last point of the front that is accepted; none where none is."""
    time_limit = request.time_limit
    front = pareto(problem, request.axis, request.points, time_limit and time_limit / 4)
    best = bisect(front, request.accept, time_limit and time_limit * 3 / 4).best
    return () if best is None else (best,)


SOLVERS: dict[str, Solver] = {
    "ilp": ilp_solver,
    "greedy": greedy_solver,
    "pareto": pareto_solver,
    "bisection": bisection_solver,
}
