"""From the most precise options down: again and again the change that loses least for what it saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dyadic.compiler.solvers.assignment import Assignment, Numbers, indices
from dyadic.compiler.solvers.highs import Program
from dyadic.compiler.solvers.nearest import infeasible
from dyadic.compiler.solvers.problem import LOSS, Problem, Solution, evaluate, excess, solution, step

SMALLEST = 1e-12  # a smaller share of a budget, or of the loss, is rounding


def greedy(problem: Problem, time_limit: float | None = None) -> Solution:
    """A plan at once, with no word on how good it is.

    Raises:
        Infeasible: no plan is within the budgets.
    """
    options = descend(problem)
    if not within(problem, options):
        # Single changes can be stuck between two budgets where there is a plan.
        reachable = Program(problem, tuple(problem.budgets)).least_excess(problem.budgets, time_limit)
        if reachable.options is None or not within(problem, reachable.options):
            raise infeasible(problem, reachable.certain, options)
        options = polish(problem, reachable.options)
    return solution(problem, options, "greedy")


def within(problem: Problem, options: Mapping[str, str]) -> bool:
    """Whether the options of all choices keep every budget of the problem."""
    return excess(evaluate(problem, options), problem.budgets) == 0


def descend(problem: Problem) -> dict[str, str]:
    """A plan within the budgets, or one that no single change brings closer to them."""
    budgets = tuple(problem.budgets)
    limits = np.array([[problem.budgets[axis]] for axis in budgets])
    steps = np.array([[step(limit)] for limit in problem.budgets.values()])
    start = [min(range(len(c.options)), key=c.loss.__getitem__) for c in problem.choices]
    now = Assignment(problem, (LOSS, *budgets), start)
    while not within(problem, now.options):
        totals = evaluate(problem, now.options)
        beyond = np.array([[totals[axis]] for axis in budgets]) - limits

        def rate(change: Numbers, beyond: Numbers = beyond) -> Numbers:
            """What is lost for each share of a budget that is saved, where it is beyond the budget."""
            saved = ((np.maximum(beyond, 0) - np.maximum(beyond + change[1:], 0)) / steps).sum(axis=0)
            return np.where(saved > SMALLEST, change[0] / np.maximum(saved, SMALLEST), np.inf)

        best = cheapest(now, rate)
        if best is None:
            return now.options
        now.set(*best)
    return polish(problem, now.options)


def polish(problem: Problem, options: Mapping[str, str]) -> dict[str, str]:
    """Use what room is left: the last change downwards often saves more than was needed."""
    budgets = tuple(problem.budgets)
    now = Assignment(problem, (LOSS, *budgets), indices(problem, options))
    while True:
        kept, totals = now.options, evaluate(problem, now.options)
        room = np.array([[limit - totals[axis]] for axis, limit in problem.budgets.items()]).reshape(-1, 1)
        least = SMALLEST * abs(totals[LOSS])

        def gain(change: Numbers, room: Numbers = room, least: float = least) -> Numbers:
            return np.where((change[1:] <= room).all(axis=0) & (change[0] < -least), change[0], np.inf)

        best = cheapest(now, gain)
        if best is None:
            return kept
        now.set(*best)
        if not within(problem, now.options):  # rounding
            return kept


def cheapest(now: Assignment, price: Callable[[Numbers], Numbers]) -> tuple[int, int] | None:
    """(choice, option) of the change with the lowest price; None: all are infinite."""
    best, least = None, np.inf
    for i, change in enumerate(now.changes):
        prices = price(change)
        option = int(np.argmin(prices))
        if prices[option] < least:
            best, least = (i, option), prices[option]
    return best
