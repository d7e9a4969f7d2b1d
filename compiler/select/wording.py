"""What a search says to people: limits as they were asked for, plans in bytes, milliseconds and operations."""

from __future__ import annotations

import math

from dyadic.compiler.budget import Axis, Limit
from dyadic.compiler.formats import measure
from dyadic.compiler.select.model import AXIS_OF, BOPS, BYTES, LATENCY
from dyadic.compiler.select.task import Task
from dyadic.compiler.solvers.problem import Infeasible, Problem, Solution

NAMES: dict[str, Axis] = {axis: name for name, axis in AXIS_OF.items()}
UNASKED = {"max_drop": None, "solver": "auto", "compare_plans": 0, "compare_sensitivities": False}


def objective(task: Task) -> str:
    """What was sought, in one line."""
    asked = " and ".join(f"--max-{axis} {limit.asked}" for axis, limit in task.limits.items() if axis != "drop")
    if "drop" in task.limits:
        promise = f"within --max-drop {task.limits['drop'].asked}{f' by {task.metric}' if task.metric else ''}"
        return f"the cheapest network {promise} and {asked}" if asked else f"the smallest network {promise}"
    return f"the least loss within {asked}"


def refusal(task: Task, error: Infeasible) -> str:
    """What was asked, and what there is."""
    said = [
        f"--max-{NAMES[axis]} {task.limits[NAMES[axis]].asked} cannot be met: "
        f"{of_file(task, error, least) if axis == BYTES else amount(task, axis, least)} is the least"
        for axis, least in error.possible.items()
        if least > error.budgets[axis]
    ]
    if not said:
        asked = [f"--max-{NAMES[axis]} {task.limits[NAMES[axis]].asked}" for axis in error.budgets]
        said = [f"no plan is within {' and '.join(asked)} at once"]
    nearest = ", ".join(
        of_file(task, error, cost) if axis == BYTES else amount(task, axis, cost)
        for axis, cost in ((axis, error.nearest.costs[axis]) for axis in (BYTES, LATENCY, BOPS))
    )
    return f"{'; '.join(said)}; the nearest plan has {nearest}"


def of_file(task: Task, error: Infeasible, weights: float) -> str:
    """So many bytes of weights, as the limit on sizes was asked for: of the whole file where that was."""
    limit, said = task.limits.get("size"), amount(task, BYTES, weights)
    if limit is None or limit.relative or BYTES not in error.budgets:
        return said
    return f"a file of {(weights + limit.value - error.budgets[BYTES]) / 1e3:.1f} kB with {said}"


def drop(limit: Limit, metric: str) -> str:
    """A limit on a drop, as it was asked for or in what the metric is in."""
    return f"{measure(limit.value)} of {metric}" if metric else limit.asked


def amount(task: Task, axis: str, total: float) -> str:
    """A total along an axis with its unit, and as a ratio to int8's."""
    share = f"({total / task.of_int8(axis):.3f}x of int8's)"
    if axis == BYTES:
        return f"{total / 1e3:.1f} kB of weights {share}"
    if axis == LATENCY:
        return f"{task.costs.base.predicted(total) / 1e6:.3f} ms {share}"
    return f"{total / 1e9:.3f} G bit operations {share}"


def limit_of(task: Task, problem: Problem, name: Axis) -> float:
    """A limit as people read it: bytes of weights, milliseconds, bit operations, a share of the samples."""
    if name == "drop":
        return task.limits[name].value
    total = problem.budgets[AXIS_OF[name]]
    return task.costs.base.predicted(total) / 1e6 if name == "latency" else total


def command(task: Task, axis: str, plan: Solution) -> str:
    """The options that lead to a point of the front: its own cost as the limit."""
    share = math.ceil(1e4 * plan.costs[axis] / task.of_int8(axis)) / 1e4
    return task.again(**{f"max_{NAMES[axis]}": f"{share:.4f}x"} | UNASKED)
