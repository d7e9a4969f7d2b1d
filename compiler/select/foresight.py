"""What cannot be met, told before the long work: by the widths that are tried, then by what they were seen to cost.

Nothing is refused here that could be met. What is, is refused with the nearest plan, as the search would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from dyadic.compiler.budget import Axis, Limit
from dyadic.compiler.formats import size as bytes_said
from dyadic.compiler.select import wording
from dyadic.compiler.select.model import bits_of, decisions_of
from dyadic.compiler.select.task import Task
from dyadic.compiler.sensitivity import Candidates, Estimate, Sensitivities
from dyadic.compiler.solvers.greedy import greedy
from dyadic.compiler.solvers.problem import Infeasible
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.widths.points import Points
from dyadic.runtime.errors import BudgetError

SURELY = 4  # packing may take less of few bits than their share, by far less than this
SECONDS = 10.0
NOTHING = Estimate(0.0, 0.0, 0.0)


def refuse_hopeless(points: Points, candidates: Candidates, limits: Mapping[Axis, Limit]) -> None:
    """Before anything is compiled: weights of the fewest bits alone are too large, or take too many operations.

    Raises:
        BudgetError: has the plan of fewest bits.
    """
    fewest = Decisions(
        {name: min(schemes, key=bits_of) for name, schemes in candidates.weights.items()},
        {name: min(widths) for name, widths in candidates.activations.items()},
    )
    weights = sum(prod(one.shape) * bits_of(fewest.weights[one.name]) / 8 for one in points.weights.values())
    int8 = sum(prod(one.shape) for one in points.weights.values())
    operations = sum(
        one.macs * bits_of(fewest.weights[one.name]) * fewest.activations[one.reads[0]]
        for one in points.weights.values()
    )
    size, bops = limits.get("size"), limits.get("bops")
    said = []
    if size is not None and (weights > size.value if not size.relative else weights > SURELY * size.value * int8):
        about = bytes_said(weights) if not size.relative else f"about {weights / int8:.2f}x of int8's"
        said.append(
            f"--max-size {size.asked} cannot be met: at the fewest bits that are tried, weights alone are {about}"
        )
    macs = 64 * sum(one.macs for one in points.weights.values())
    if bops is not None and operations > bops.of(macs):
        least = f"{operations / 1e9:.3f} G bit operations ({operations / macs:.3f}x of int8's)"
        said.append(f"--max-bops {bops.asked} cannot be met: {least} is the least")
    if said:
        raise BudgetError("; ".join(said), fewest.by_layer(points))


def refuse_impossible(task: Task, int8_file_bytes: Callable[[], int]) -> None:
    """Once costs are known, before losses are (`no_losses`): no plan is within the limits, whatever it would lose.

    Raises:
        BudgetError: has the nearest plan.
    """
    if not (budgets := task.budgets(int8_file_bytes)):
        return
    try:
        greedy(task.problem(budgets), SECONDS)
    except Infeasible as error:
        if error.proven:
            plan = decisions_of(error.nearest).by_layer(task.points)
            raise BudgetError(wording.refusal(task, error), plan) from error


def no_losses(candidates: Candidates) -> Sensitivities:
    """What stands in for sensitivities while nobody knows them."""
    return Sensitivities(
        "",
        "",
        {name: dict.fromkeys(schemes, NOTHING) for name, schemes in candidates.weights.items()},
        {name: dict.fromkeys(widths, NOTHING) for name, widths in candidates.activations.items()},
    )
