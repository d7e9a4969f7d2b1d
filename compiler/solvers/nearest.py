"""What to say where no plan is within the budgets: the nearest one, and what is possible along each axis."""

from __future__ import annotations

from dyadic.compiler.solvers.highs import Program
from dyadic.compiler.solvers.problem import LOSS, Infeasible, Problem, evaluate, excess, solution, step

TIME_LIMIT = 10.0  # for each question: a refusal needs no proof of optimality


def infeasible(problem: Problem, proven: bool, fallback: dict[str, str]) -> Infeasible:
    """fallback: some plan, however far from the budgets, for when time runs out."""
    budgets, axes = problem.budgets, (LOSS, *problem.budgets)
    program = Program(problem, axes)
    possible = {}
    for axis in budgets:
        bound = program.minimise(axis, {}, TIME_LIMIT).bound
        if bound is not None:
            possible[axis] = bound
    found = program.least_excess(budgets, TIME_LIMIT).options or fallback
    found = min(found, fallback, key=lambda options: excess(evaluate(problem, options), budgets))
    reached = evaluate(problem, found)
    share = excess(reached, budgets)
    # Widened by that share, the budgets have room for other plans, too: the one with the least loss is the nearest.
    widened = {axis: max(limit + share * step(limit), reached[axis]) for axis, limit in budgets.items()}
    better = program.minimise(LOSS, widened, TIME_LIMIT)
    nearest = solution(problem, better.options or found, "nearest", better.certain and better.options is not None)
    return Infeasible(budgets, nearest, possible, proven)
