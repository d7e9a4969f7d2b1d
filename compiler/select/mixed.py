"""The search for mixed widths: candidates, what they cost, a solver, and proof by compiling what was chosen.

Whatever takes long is kept in the cache as it becomes known, so that a search which was interrupted goes on where it
was when it is asked again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dyadic.compiler import cost
from dyadic.compiler.budget import Axis
from dyadic.compiler.cost import Times
from dyadic.compiler.quality.acceptance import Verdict
from dyadic.compiler.quality.evaluator import verdict
from dyadic.compiler.quality.formats import measure as measure_value
from dyadic.compiler.select.search import (
    BASE,
    BOPS,
    BYTES,
    LATENCY,
    Costs,
    decisions_of,
    make_problem,
    options_of,
    variants_of,
)
from dyadic.compiler.select.trials import Trials
from dyadic.compiler.sensitivity import Candidates, Sensitivities, best_device, measure
from dyadic.compiler.solvers.bisection import bisect
from dyadic.compiler.solvers.greedy import greedy
from dyadic.compiler.solvers.ilp import ilp
from dyadic.compiler.solvers.pareto import pareto
from dyadic.compiler.solvers.problem import Infeasible, Problem, Solution, solution
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.widths.scheme import FLOAT
from dyadic.compiler.widths.simulate import Simulation
from dyadic.runtime.errors import BudgetError
from dyadic.runtime.session import threads_for

if TYPE_CHECKING:
    from dyadic.compiler.select.compiling import Compiling
    from dyadic.compiler.widths.points import Points

WEIGHT_SCHEMES = ("w8", "w4", "w4g32", "w2")
AXIS_OF: dict[Axis, str] = {"size": BYTES, "latency": LATENCY, "bops": BOPS}
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


@dataclass
class Found:
    """What a search ends with; `predicted_ns` of a whole run at `level`."""

    decisions: Decisions
    predicted_ns: float
    report: dict[str, Any] = field(default_factory=dict)


class Mixed:
    """One search. `pinned` are the points whose width rules decide."""

    def __init__(self, flow: Compiling, points: Points, pinned: Decisions) -> None:
        self.flow, self.points = flow, points
        self.undecided = flow.module.operation.clone()  # sensitivities may be asked for once the module is lowered
        self.level = target_of(flow.options.target).choose(flow.options.levels)
        self.threads = flow.options.threads or threads_for(sum(point.macs for point in points.weights.values()))
        self.limits = flow.options.limits
        self.notes: list[str] = []
        self.deadline = flow.deadline
        self.candidates = self.make_candidates(pinned)
        self.best_bytes = float("inf")

    def make_candidates(self, pinned: Decisions) -> Candidates:
        """16-bit activations where the user gives time for them, 4-bit ones where bit operations count."""
        latency = self.limits.get("latency")
        widths = [16] if latency is not None and (not latency.relative or latency.value > 1) else []
        widths += [8, *([4] if "bops" in self.limits else [])]

        def of(name: str, most: int) -> tuple[int, ...]:
            if name in pinned.activations:
                return (pinned.activations[name],)
            return tuple(width for width in widths if width <= most)

        return Candidates(
            {
                name: (pinned.weights[name],)
                if name in pinned.weights
                else tuple(dict.fromkeys(map(point.with_kernel, WEIGHT_SCHEMES)))
                for name, point in self.points.weights.items()
            },
            {name: of(name, point.most) for name, point in self.points.activations.items()},
        )

    # --- what is known before anything is solved

    def measure_costs(self) -> None:
        """Compile and time every uniform network that a candidate comes from."""
        variants = variants_of(self.candidates)
        built: dict[tuple[str, int], Compiling] = {}
        with self.flow.progress.stage("cost", len(variants) + cost.ROUNDS) as advance:
            for scheme, width in variants:
                built[scheme, width] = self.flow.branch(
                    self.points, self.uniform(scheme, width), (self.level,), refine=False
                )
                advance()
            emitted = {f"{scheme}a{width}": built[scheme, width].artifact.emitted for scheme, width in variants}
            batch = self.flow.options.batch
            times = cost.measure(emitted, self.level, self.threads, batch, self.flow.cache, advance)
        self.costs = Costs(
            {variant: times[f"{variant[0]}a{variant[1]}"] for variant in variants},
            {s: dict(built[s, width].artifact.emitted.layer_bytes) for s, width in variants if width == BASE[1]},
        )
        self.int8 = built[BASE]
        self.trials = Trials(self.flow, self.points, self.int8, self.level, self.threads)

    def uniform(self, scheme: str, width: int) -> Decisions:
        """The same everywhere; but only layers that the user keeps in float are float, among others of int8."""

        def of(name: str) -> str:
            return BASE[0] if scheme == FLOAT and self.candidates.weights[name] != (FLOAT,) else scheme

        return Decisions(
            {name: point.with_kernel(of(name)) for name, point in self.points.weights.items()},
            {name: min(width, point.most) for name, point in self.points.activations.items()},
        )

    @property
    def base(self) -> Times:
        return self.costs.times[BASE]

    def budgets(self) -> dict[str, float]:
        """The limits in the units of the problem: bytes of weights, sums of time-stamped layers, bit operations."""
        limits: dict[str, float] = {}
        if (size := self.limits.get("size")) is not None:
            weights = self.of_int8(BYTES)
            limits[BYTES] = (
                size.of(weights)
                if size.relative
                else size.value - (self.trials.file_bytes(self.uniform(*BASE)) - weights)
            )
        if (latency := self.limits.get("latency")) is not None:
            limits[LATENCY] = latency.of(self.base.whole) * self.base.sum / self.base.whole
        if (bops := self.limits.get("bops")) is not None:
            limits[BOPS] = bops.of(self.of_int8(BOPS))
        return limits

    # --- the search

    def run(self) -> Found:
        """The widths, and what the report says about how they were found.

        Raises:
            BudgetError: no plan is within the limits; has the nearest.
        """
        self.measure_costs()
        self.sensitivities = self.measure_sensitivities(self.flow.options.sensitivity)
        self.problem = make_problem(self.points, self.candidates, self.sensitivities, self.costs, self.budgets())
        self.axis = next(iter(self.problem.budgets), BYTES)
        try:
            front = self.front_of(self.problem)
            self.flow.best_plan = decisions_of(min(front, key=lambda one: one.loss)).by_layer(self.points)
            if "drop" in self.limits:
                front = self.front_within_limits(front)
                chosen = self.most_frugal(front)
            else:
                chosen = self.at_least_int8(self.within_limits(lambda problem: self.solve(problem, front))[0])
        except Infeasible as error:
            raise self.refusal(error) from error
        self.chosen = chosen
        points = [self.said(one, one.options == chosen.options) for one in front]
        if not any(one["chosen"] for one in points):
            points.append(self.said(chosen, True))
        report = {
            "method": self.sensitivities.method,
            "solver": chosen.solver,
            "objective": self.objective(),
            "budgets": {a: {"asked": one.asked, "limit": self.limit_of(a)} for a, one in self.limits.items()},
            "front": points,
            "notes": [*self.sensitivities.notes, *self.notes],
        }
        return Found(decisions_of(chosen), self.base.predicted(chosen.costs[LATENCY]), report)

    def front_of(self, problem: Problem) -> tuple[Solution, ...]:
        with self.flow.progress.stage("solve"):
            return pareto(problem, self.axis, FRONT_POINTS, self.seconds_left(SOLVER_SECONDS))

    def front_within_limits(self, front: tuple[Solution, ...]) -> tuple[Solution, ...]:
        """The same or another front, whose most precise plan keeps all other limits once it is compiled."""
        _, problem = self.within_limits(
            lambda problem: front[0] if problem is self.problem else ilp(problem, self.seconds_left(SOLVER_SECONDS))
        )
        return front if problem is self.problem else self.front_of(problem)

    def measure_sensitivities(self, method: str) -> Sensitivities:
        """What every candidate costs in accuracy, on the calibration data."""
        flow = self.flow
        return measure(
            method,
            Simulation(self.undecided, best_device()),
            flow.calibration_samples(),
            candidates=self.candidates,
            progress=flow.progress,
            cache=flow.cache,
            deadline=self.deadline,
        )

    def predicted_layers(self, decisions: Decisions) -> dict[str, float]:
        """Nanoseconds of every layer in a time-stamped run, '' for the boundary."""
        with_weights = {layer: point for point in self.points.weights.values() for layer in point.layers}
        predicted = {"": self.base.layers[""][0]}
        for layer in self.base.layers:
            if layer in with_weights:
                point = with_weights[layer]
                scheme, width = decisions.weights[point.name], decisions.activations[point.reads[0]]
                predicted[layer] = self.costs.latency([layer], scheme, width)
                if scheme == FLOAT and layer in self.points.additions:  # which has its own step now
                    addition = self.points.additions[layer]
                    predicted[addition] = self.costs.latency([addition], scheme, width)
            elif layer in self.points.result_of:
                width = decisions.activations[self.points.result_of[layer]]
                predicted[layer] = self.costs.latency([layer], BASE[0], width)
        return predicted

    def objective(self) -> str:
        """What was sought, in one line."""
        asked = " and ".join(f"--max-{axis} {limit.asked}" for axis, limit in self.limits.items() if axis != "drop")
        if "drop" in self.limits:
            by = "" if self.flow.metric is None else f" by {self.flow.metric.name}"
            promise = f"within --max-drop {self.limits['drop'].asked}{by}"
            return f"the cheapest network {promise} and {asked}" if asked else f"the smallest network {promise}"
        return f"the least loss within {asked}"

    def seconds_left(self, most: float) -> float:
        return most if self.deadline is None else max(1.0, min(most, self.deadline - time.monotonic()))

    def solve(self, problem: Problem, front: tuple[Solution, ...]) -> Solution:
        """By the solver that was asked for; `pareto` takes the front's best within the limits."""
        name = self.flow.options.solver
        within = [one for one in front if all(one.along(a) <= b for a, b in problem.budgets.items())]
        if name == "pareto" and within:  # less room than the front was made for can leave none of it
            return min(within, key=lambda one: one.loss)
        return (greedy if name == "greedy" else ilp)(problem, self.seconds_left(SOLVER_SECONDS))

    def within_limits(self, solve: Callable[[Problem], Solution]) -> tuple[Solution, Problem]:
        """What `solve` finds, and for which problem; limits are tightened until the plan keeps them once compiled."""
        problem, broken = self.problem, list[Broken]()
        for _ in range(TRIES):
            chosen = solve(problem)
            self.flow.best_plan = decisions_of(chosen).by_layer(self.points)
            broken = self.broken(chosen, problem.budgets)
            if not broken:
                return chosen, problem
            self.notes += [f"{one.said}; the search went on with less room" for one in broken]
            problem = replace(problem, budgets={**problem.budgets, **{one.axis: one.budget for one in broken}})
        asked = " and ".join(f"--max-{one.name} {self.limits[one.name].asked}" for one in broken)
        raise BudgetError(
            f"no plan was found that keeps {asked} once it is compiled: {', '.join(one.said for one in broken)}",
            self.flow.best_plan,
        )

    def broken(self, plan: Solution, budgets: Mapping[str, float]) -> list[Broken]:
        """The limits that the plan, compiled, does not keep: other widths have other code, predictions err."""
        found, decisions = [], decisions_of(plan)
        size, latency = self.limits.get("size"), self.limits.get("latency")
        if size is not None and not size.relative and (seen := self.trials.file_bytes(decisions)) > size.value:
            least = min(budgets[BYTES], plan.costs[BYTES]) - (seen - size.value)
            found.append(Broken("size", f"a plan made a file of {seen / 1e3:.1f} kB", BYTES, least))
        if latency is not None:
            share, allowed = self.trials.share_of_int8_time(decisions), latency.of(self.base.whole) / self.base.whole
            if share > allowed:
                predicted = plan.costs[LATENCY] / self.base.sum
                said = f"a plan predicted to take {predicted:.3f} of int8's time took {share:.3f}"
                found.append(Broken("latency", said, LATENCY, budgets[LATENCY] * TIGHTENED * allowed / share))
        return found

    def at_least_int8(self, plan: Solution) -> Solution:
        """The plan, or int8 (but for rules) where that keeps every limit and is measured to be nearer to float."""
        eights = options_of(self.uniform(*BASE))
        free = {one.name: eights[one.name] for one in self.problem.choices if eights[one.name] in one.options}
        int8 = solution(self.problem, {**plan.options, **free}, plan.solver)
        if int8.options == plan.options or any(int8.along(a) > limit for a, limit in self.problem.budgets.items()):
            return plan
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.notes.append("time ran out: whether int8 is nearer to float was not asked")
            return plan
        if self.broken(int8, self.problem.budgets):
            return plan
        with self.flow.progress.stage("compare"):
            chosen_db, int8_db = self.trials.sqnr_db([decisions_of(plan), decisions_of(int8)])
        if chosen_db >= int8_db:
            return plan
        self.notes.append(
            f"int8 ships: it keeps every limit, and its outputs are nearer to float's than those of the plan that was "
            f"found ({int8_db:.1f} against {chosen_db:.1f} dB)"
        )
        self.flow.best_plan = decisions_of(int8).by_layer(self.points)
        return int8

    def most_frugal(self, front: tuple[Solution, ...]) -> Solution:
        """The smallest plan of the front that keeps the promise on accuracy, each compiled and asked."""
        limit, evaluator = self.limits["drop"].value, self.flow.evaluator()
        verdicts: dict[int, Verdict] = {}

        def accept(one: Solution) -> bool:
            decisions = decisions_of(one)
            with self.flow.branch(self.points, decisions, (self.level,)).artifact.load(
                self.threads, evaluator.batch
            ) as session:
                seen = verdict(evaluator.judge(session), limit)
            verdicts[id(one)] = seen
            self.notes.append(f"a plan of {one.costs[BYTES] / 1e3:.1f} kB of weights {seen}")
            if seen.accepted and one.costs[BYTES] < self.best_bytes:
                self.flow.best_plan, self.best_bytes = decisions.by_layer(self.points), one.costs[BYTES]
            return seen.accepted

        with self.flow.progress.stage("bisect"):
            left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            found = bisect(front, accept, left)
        if found.interrupted:
            raise KeyboardInterrupt
        if not found.complete:
            self.notes.append("time ran out: smaller plans were not tried")
        chosen = found.best
        if chosen is None:
            safest, metric = min(front, key=lambda one: one.loss), self.flow.metric
            asked = self.limits["drop"].asked if metric is None else f"{measure_value(limit)} of {metric.name}"
            raise BudgetError(
                f"no plan was found that loses {asked} at most: the most precise one "
                f"{verdicts.get(id(safest), 'was not reached in time')}",
                decisions_of(safest).by_layer(self.points),
            )
        return chosen

    def refusal(self, error: Infeasible) -> BudgetError:
        """In the user's words: what was asked, and what there is."""
        names: dict[str, Axis] = {axis: name for name, axis in AXIS_OF.items()}
        said: list[str] = []
        for axis, least in error.possible.items():
            limit = error.budgets[axis]
            if least > limit:
                asked = self.limits[names[axis]].asked
                said.append(f"--max-{names[axis]} {asked} cannot be met: {self.in_words(axis, least)} is the least")
        nearest = self.totals_in_words(error.nearest)
        if not said:
            asked = [f"--max-{names[axis]} {self.limits[names[axis]].asked}" for axis in error.budgets]
            said = [f"no plan is within {' and '.join(asked)} at once"]
        return BudgetError(
            f"{'; '.join(said)}; the nearest plan has {nearest}", decisions_of(error.nearest).by_layer(self.points)
        )

    def in_words(self, axis: str, total: float) -> str:
        share = f"({total / self.of_int8(axis):.3f}x of int8's)"
        if axis == BYTES:
            return f"{total / 1e3:.1f} kB of weights {share}"
        if axis == LATENCY:
            return f"{self.base.predicted(total) / 1e6:.3f} ms {share}"
        return f"{total / 1e9:.3f} G bit operations {share}"

    def totals_in_words(self, solution: Solution) -> str:
        return ", ".join(self.in_words(axis, solution.costs[axis]) for axis in (BYTES, LATENCY, BOPS))

    def said(self, solution: Solution, chosen: bool) -> dict[str, Any]:
        """One point of the front, for the report."""
        return {
            "loss": solution.loss,
            "bytes": round(solution.costs[BYTES]),
            "bops": round(solution.costs[BOPS]),
            "latency_ms": self.base.predicted(solution.costs[LATENCY]) / 1e6,
            "chosen": chosen,
            "command": self.again(solution),
        }

    def limit_of(self, name: Axis) -> float:
        """A limit as people read it: bytes of weights, milliseconds, bit operations, a share of the samples."""
        if name == "drop":
            return self.limits[name].value
        total = self.problem.budgets[AXIS_OF[name]]
        return self.base.predicted(total) / 1e6 if name == "latency" else total

    def again(self, solution: Solution) -> str:
        """The options that lead to a point of the front: its own cost as the limit."""
        name = next(name for name, axis in AXIS_OF.items() if axis == self.axis)
        share = math.ceil(1e4 * solution.costs[self.axis] / self.of_int8(self.axis)) / 1e4
        unasked = {"max_drop": None, "solver": "auto", "compare_plans": 0, "compare_sensitivities": False}
        return self.flow.again(**{f"max_{name}": f"{share:.4f}x"} | unasked)

    def of_int8(self, axis: str) -> float:
        """The cost of uniform int8, in the units of the problem."""
        if axis == BYTES:
            return sum(self.costs.bytes[BASE[0]].values())
        return self.base.sum if axis == LATENCY else sum(64 * point.macs for point in self.points.weights.values())
