"""The best plan there is, by integer programming (HAWQ-V3, arXiv:2011.10680), and the proof that there is no better."""

from __future__ import annotations

from dyadic.compiler.solvers.greedy import descend, within
from dyadic.compiler.solvers.highs import Program
from dyadic.compiler.solvers.nearest import infeasible
from dyadic.compiler.solvers.problem import LOSS, Problem, Solution, evaluate, solution


def ilp(problem: Problem, time_limit: float | None = None, minimise: str = LOSS) -> Solution:
    """The plan with the least loss within the budgets; or, with a budget for the loss, the least of another axis.

    Anytime: when the limit is reached it is the best plan found, and `optimal` is false.

    Raises:
        Infeasible: no plan is within the budgets, or none was found in the time.
    """
    program = Program(problem, tuple({minimise: 0, **problem.budgets}))
    answer = program.minimise(minimise, problem.budgets, time_limit)
    options = answer.options
    if options is None or not answer.certain:
        if options is None and answer.certain:
            raise infeasible(problem, True, descend(problem))
        quick = descend(problem)
        if within(problem, quick) and (
            options is None or total(problem, quick, minimise) < total(problem, options, minimise)
        ):
            options = quick
        if options is None:
            raise infeasible(problem, False, quick)
    return solution(problem, options, "ilp", answer.certain, answer.bound)


def total(problem: Problem, options: dict[str, str], axis: str) -> float:
    """What the options of all choices come to along one axis."""
    return evaluate(problem, options)[axis]
