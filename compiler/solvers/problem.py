"""What there is to choose, what it costs, and what it may cost: all that a solver knows.

Numbers only. What a choice stands for (the weights of a layer, the activations that share a width) and where the
numbers come from is others' business. Choices that must be equal are one choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Matrix = tuple[tuple[float, ...], ...]
LOSS = "loss"  # is an axis like any other: it can be bounded, and a cost be minimised instead


@dataclass(frozen=True)
class Choice:
    """One decision. `loss` and `costs` hold one number an option; an axis that is missing costs nothing."""

    name: str
    options: tuple[str, ...]
    loss: tuple[float, ...]
    costs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.options or len(set(self.options)) != len(self.options):
            raise ValueError(f'"{self.name}" needs options with different names, not {self.options}')
        for axis, values in (*self.costs.items(), (LOSS, self.loss)):
            if len(values) != len(self.options) or not all(map(math.isfinite, values)):
                raise ValueError(f'"{self.name}" needs a finite {axis} for each of {self.options}, not {values}')

    def along(self, axis: str) -> tuple[float, ...]:
        """One number an option."""
        return self.loss if axis == LOSS else self.costs.get(axis, (0.0,) * len(self.options))


@dataclass(frozen=True)
class Pair:
    """What two choices cost together, besides what each costs alone: `[option of first][option of second]`.

    The operations of a layer depend on the widths of its weights and of its input; losses of layers that make up for
    each other are negative. Empty: nothing.
    """

    first: str
    second: str
    loss: Matrix = ()
    costs: Mapping[str, Matrix] = field(default_factory=dict)

    def along(self, axis: str) -> Matrix:
        """A matrix, or empty where the two have nothing to do with each other."""
        return self.loss if axis == LOSS else self.costs.get(axis, ())


@dataclass(frozen=True)
class Problem:
    """`budgets` bound totals, `fixed_costs` are in the totals whatever is chosen. Loss can have both, too."""

    choices: tuple[Choice, ...]
    pairs: tuple[Pair, ...] = ()
    budgets: Mapping[str, float] = field(default_factory=dict)
    fixed_costs: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes = {choice.name: len(choice.options) for choice in self.choices}
        if len(sizes) != len(self.choices):
            raise ValueError("choices need different names")
        for pair in self.pairs:
            if pair.first == pair.second or not {pair.first, pair.second} <= sizes.keys():
                raise ValueError(f'a pair needs two choices, not "{pair.first}" and "{pair.second}"')
            for matrix in filter(len, (pair.loss, *pair.costs.values())):
                shape = len(matrix), {len(row) for row in matrix}
                if shape != (sizes[pair.first], {sizes[pair.second]}) or not all(
                    math.isfinite(x) for r in matrix for x in r
                ):
                    raise ValueError(f'"{pair.first}" and "{pair.second}" need a finite number for each two options')
        for axis, value in (*self.budgets.items(), *self.fixed_costs.items()):
            if not math.isfinite(value):
                raise ValueError(f"{axis} must be a finite number, not {value}")

    @property
    def axes(self) -> tuple[str, ...]:
        """Every axis that something is said about, the loss first."""
        said = [*self.fixed_costs, *self.budgets]
        said += [axis for one in (*self.choices, *self.pairs) for axis in one.costs]
        return tuple(dict.fromkeys([LOSS, *said]))


@dataclass(frozen=True)
class Solution:
    """An option for each choice, and what they come to.

    `bound`: what was minimised cannot be less than this in any plan; None: nobody knows. `optimal`: it is proven that
    no plan is better.
    """

    options: Mapping[str, str]
    loss: float
    costs: Mapping[str, float]
    solver: str
    optimal: bool = False
    bound: float | None = None

    def along(self, axis: str) -> float:
        """The loss or a cost, in the units of the axis."""
        return self.loss if axis == LOSS else self.costs[axis]


class Infeasible(Exception):
    """No plan is within the budgets: `nearest` exceeds them by the smallest share of a budget, and among such plans has
    the least loss. `possible` is the least of each bounded axis, the other budgets aside. `proven`: that there is none
    is certain; otherwise time ran out."""

    def __init__(
        self, budgets: Mapping[str, float], nearest: Solution, possible: Mapping[str, float], proven: bool
    ) -> None:
        self.budgets, self.nearest, self.possible, self.proven = dict(budgets), nearest, dict(possible), proven
        beyond = [axis for axis, limit in budgets.items() if possible.get(axis, -math.inf) > limit]
        if beyond:
            said = [
                f"{axis} cannot be less than {possible[axis]:g} where {budgets[axis]:g} is asked" for axis in beyond
            ]
        else:
            limits = [f"{axis} {limit:g}" for axis, limit in budgets.items()]
            said = [f"no plan {'is' if proven else 'was found'} within {' and '.join(limits)} at once"]
        super().__init__("; ".join(said))


def evaluate(problem: Problem, options: Mapping[str, str]) -> dict[str, float]:
    """The total along every axis, the loss too, rounded once: the order of the choices does not matter."""
    chosen = {choice.name: choice.options.index(options[choice.name]) for choice in problem.choices}
    return {axis: math.fsum(terms(problem, chosen, axis)) for axis in problem.axes}


def terms(problem: Problem, chosen: Mapping[str, int], axis: str) -> Iterator[float]:
    """What adds up to the total along one axis. chosen: the index of its option by choice."""
    yield problem.fixed_costs.get(axis, 0.0)
    for choice in problem.choices:
        yield choice.along(axis)[chosen[choice.name]]
    for pair in problem.pairs:
        if matrix := pair.along(axis):
            yield matrix[chosen[pair.first]][chosen[pair.second]]


def solution(
    problem: Problem, options: Mapping[str, str], solver: str, optimal: bool = False, bound: float | None = None
) -> Solution:
    """The plan with its totals; options in the order of the choices."""
    totals = evaluate(problem, options)
    ordered = {choice.name: options[choice.name] for choice in problem.choices}
    return Solution(ordered, totals.pop(LOSS), totals, solver, optimal, bound)


def excess(totals: Mapping[str, float], budgets: Mapping[str, float]) -> float:
    """How far the worst total is beyond its budget, as a share of the budget; 0: all are within."""
    return max((max(0.0, totals[axis] - limit) / step(limit) for axis, limit in budgets.items()), default=0.0)


def step(limit: float) -> float:
    """What an excess over a budget is measured in: the budget, or 1 where that is nothing."""
    return abs(limit) or 1.0
