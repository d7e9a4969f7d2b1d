"""The search for mixed widths: solve, compile what was found, believe what that shows, go on with less room.

Whatever takes long is kept in the cache as it becomes known, so that a search which was interrupted goes on where it
was when it is asked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dyadic.compiler.budget import Axis
from dyadic.compiler.progress import Progress
from dyadic.compiler.quality.acceptance import Verdict
from dyadic.compiler.select import wording
from dyadic.compiler.select.model import BASE, BYTES, LATENCY, decisions_of, options_of, uniform_among
from dyadic.compiler.select.task import Task
from dyadic.compiler.select.trials import Trials
from dyadic.compiler.solvers.bisection import bisect
from dyadic.compiler.solvers.greedy import greedy
from dyadic.compiler.solvers.ilp import ilp
from dyadic.compiler.solvers.pareto import pareto
from dyadic.compiler.solvers.problem import Infeasible, Problem, Solution, solution
from dyadic.compiler.widths.decisions import Decisions
from dyadic.runtime.errors import BudgetError, SearchInterrupted

FRONT_POINTS = 16
SOLVER_SECONDS = 30.0
TRIES, TIGHTENED = 4, 0.99


@dataclass(frozen=True)
class Broken:
    """A limit that a compiled plan does not keep: `said` of it, and the budget to go on with."""

    name: Axis
    said: str
    axis: str
    budget: float


@dataclass(frozen=True, eq=False)
class Found:
    """What a search ends with: the plan, the front that it was taken from, and what happened on the way."""

    task: Task
    problem: Problem
    chosen: Solution
    front: tuple[Solution, ...]
    notes: tuple[str, ...]

    @property
    def decisions(self) -> Decisions:
        """The width of every tensor in the plan that was chosen."""
        return decisions_of(self.chosen)

    @property
    def axis(self) -> str:
        """What the front is drawn along, beside the loss."""
        return axis_of(self.problem)


def axis_of(problem: Problem) -> str:
    """The first that has a budget; bytes of weights where none has."""
    return next(iter(problem.budgets), BYTES)


class Search:
    """One search. `best` is the plan so far, by layer: what there is when it is interrupted."""

    def __init__(self, task: Task, trials: Trials, progress: Progress, deadline: float | None = None) -> None:
        self.task, self.trials, self.progress, self.deadline = task, trials, progress, deadline
        self.notes: list[str] = []
        self.best: dict[str, str] = {}

    def run(self) -> Found:
        """The widths.

        Raises:
            BudgetError: no plan is within the limits; has the nearest.
            SearchInterrupted: has the best plan so far.
        """
        try:
            return self.found()
        except KeyboardInterrupt as interrupt:
            if self.best:
                raise SearchInterrupted(self.best) from interrupt
            raise

    def found(self) -> Found:
        """The whole search.

        Raises BudgetError, with the nearest plan, where the limits cannot be kept.
        """
        task = self.task
        budgets = task.budgets(lambda: self.trials.file_bytes(uniform_among(task.points, task.candidates, *BASE)))
        problem = task.problem(budgets)
        try:
            front = self.front_of(problem)
            self.keep(min(front, key=lambda one: one.loss))
            if "drop" in task.limits:
                front = self.front_within_limits(problem, front)
                chosen = self.most_frugal(front)
            else:
                within, _ = self.within_limits(problem, lambda tighter: self.solve(tighter, front))
                chosen = self.at_least_int8(problem, within)
        except Infeasible as error:
            raise BudgetError(wording.refusal(task, error), self.by_layer(error.nearest)) from error
        return Found(task, problem, chosen, front, (*task.sensitivities.notes, *self.notes))

    # --- solving

    def front_of(self, problem: Problem) -> tuple[Solution, ...]:
        """The plans of which none is better in loss and no worse along the axis, at most FRONT_POINTS."""
        with self.progress.stage("solve"):
            return pareto(problem, axis_of(problem), FRONT_POINTS, self.seconds_left(SOLVER_SECONDS))

    def solve(self, problem: Problem, front: tuple[Solution, ...]) -> Solution:
        """By the solver that was asked for; `pareto` takes the front's best within the limits."""
        within = [one for one in front if all(one.along(a) <= b for a, b in problem.budgets.items())]
        if self.task.solver == "pareto" and within:  # less room than the front was made for can leave none of it
            return min(within, key=lambda one: one.loss)
        return (greedy if self.task.solver == "greedy" else ilp)(problem, self.seconds_left(SOLVER_SECONDS))

    def seconds_left(self, most: float) -> float:
        """Until the deadline, at least one and at most `most`."""
        return most if self.deadline is None else max(1.0, min(most, self.deadline - time.monotonic()))

    # --- limits that only a compiled plan can be held against

    def within_limits(self, problem: Problem, solve: Callable[[Problem], Solution]) -> tuple[Solution, Problem]:
        """What `solve` finds, and for which problem; limits are tightened until the plan keeps them once compiled."""
        broken = list[Broken]()
        for _ in range(TRIES):
            chosen = solve(problem)
            self.keep(chosen)
            broken = self.broken(chosen, problem.budgets)
            if not broken:
                return chosen, problem
            self.notes += [f"{one.said}; the search went on with less room" for one in broken]
            problem = replace(problem, budgets={**problem.budgets, **{one.axis: one.budget for one in broken}})
        asked = " and ".join(f"--max-{one.name} {self.task.limits[one.name].asked}" for one in broken)
        raise BudgetError(
            f"no plan was found that keeps {asked} once it is compiled: {', '.join(one.said for one in broken)}",
            self.best,
        )

    def front_within_limits(self, problem: Problem, front: tuple[Solution, ...]) -> tuple[Solution, ...]:
        """The same or another front, whose most precise plan keeps all other limits once it is compiled."""
        _, tighter = self.within_limits(
            problem, lambda one: front[0] if one is problem else ilp(one, self.seconds_left(SOLVER_SECONDS))
        )
        return front if tighter is problem else self.front_of(tighter)

    def broken(self, plan: Solution, budgets: Mapping[str, float]) -> list[Broken]:
        """The limits that the plan, compiled, does not keep: other widths have other code, predictions err."""
        found, decisions, base = [], decisions_of(plan), self.task.costs.base
        size, latency = self.task.limits.get("size"), self.task.limits.get("latency")
        if size is not None and not size.relative and (seen := self.trials.file_bytes(decisions)) > size.value:
            least = min(budgets[BYTES], plan.costs[BYTES]) - (seen - size.value)
            found.append(Broken("size", f"a plan made a file of {seen / 1e3:.1f} kB", BYTES, least))
        if latency is not None:
            share, allowed = self.trials.share_of_int8_time(decisions), latency.of(base.whole) / base.whole
            if share > allowed:
                predicted = plan.costs[LATENCY] / base.sum
                said = f"a plan predicted to take {predicted:.3f} of int8's time took {share:.3f}"
                found.append(Broken("latency", said, LATENCY, budgets[LATENCY] * TIGHTENED * allowed / share))
        return found

    # --- what ships

    def at_least_int8(self, problem: Problem, plan: Solution) -> Solution:
        """The plan, or int8 (but for rules) where that keeps every limit and is measured to be nearer to float."""
        eights = options_of(uniform_among(self.task.points, self.task.candidates, *BASE))
        free = {one.name: eights[one.name] for one in problem.choices if eights[one.name] in one.options}
        int8 = solution(problem, {**plan.options, **free}, plan.solver)
        if int8.options == plan.options or any(int8.along(a) > limit for a, limit in problem.budgets.items()):
            return plan
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.notes.append("time ran out: whether int8 is nearer to float was not asked")
            return plan
        if self.broken(int8, problem.budgets):
            return plan
        with self.progress.stage("compare"):
            chosen_db, int8_db = self.trials.sqnr_db([decisions_of(plan), decisions_of(int8)])
        if chosen_db >= int8_db:
            return plan
        self.notes.append(
            f"int8 ships: it keeps every limit, and its outputs are nearer to float's than those of the plan that was "
            f"found ({int8_db:.1f} against {chosen_db:.1f} dB)"
        )
        self.keep(int8)
        return int8

    def most_frugal(self, front: tuple[Solution, ...]) -> Solution:
        """The smallest plan of the front that keeps the promise on accuracy, each compiled and asked."""
        limit, verdicts = self.task.limits["drop"], dict[int, Verdict]()
        least = float("inf")

        def ahead(next: Sequence[Solution]) -> None:
            """Try the first of them, and as many more as take no longer."""
            unknown = [one for one in next if id(one) not in verdicts]
            together = unknown[: max(1, self.trials.abreast(len(unknown)))] if id(next[0]) not in verdicts else []
            seen = self.trials.verdicts([decisions_of(one) for one in together], limit.value)
            verdicts.update(zip(map(id, together), seen, strict=True))

        def accept(one: Solution) -> bool:
            nonlocal least
            seen = verdicts[id(one)]
            self.notes.append(f"a plan of {one.costs[BYTES] / 1e3:.1f} kB of weights {seen}")
            if seen.accepted and one.costs[BYTES] < least:
                least = one.costs[BYTES]
                self.keep(one)
            return seen.accepted

        with self.progress.stage("bisect"):
            left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            found = bisect(front, accept, left, ahead=ahead)
        if found.interrupted:
            raise KeyboardInterrupt
        if not found.complete:
            self.notes.append("time ran out: smaller plans were not tried")
        if found.best is None:
            safest = min(front, key=lambda one: one.loss)
            raise BudgetError(
                f"no plan was found that loses {wording.drop(limit, self.task.metric)} at most: the most precise one "
                f"{verdicts.get(id(safest), 'was not reached in time')}",
                self.by_layer(safest),
            )
        return found.best

    # --- the plan so far

    def keep(self, plan: Solution) -> None:
        """The plan that an interrupt leaves."""
        self.best = self.by_layer(plan)

    def by_layer(self, plan: Solution) -> dict[str, str]:
        """The scheme of every layer."""
        return decisions_of(plan).by_layer(self.task.points)
