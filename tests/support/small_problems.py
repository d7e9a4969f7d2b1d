"""Random problems of choice that are small enough to look at every plan."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dyadic.compiler.solvers.problem import LOSS, Choice, Pair, Problem, evaluate

AXES = ("bytes", "bops", "latency_ns")


@dataclass(frozen=True)
class Every:
    """Every plan of a problem with its totals."""

    plans: list[tuple[dict[str, str], dict[str, float]]]

    def within(self, budgets: Mapping[str, float]) -> list[dict[str, float]]:
        return [t for _, t in self.plans if all(t[axis] <= limit for axis, limit in budgets.items())]

    def best(self, budgets: Mapping[str, float], axis: str = LOSS) -> float:
        return min(totals[axis] for totals in self.within(budgets))

    def front(self, budgets: Mapping[str, float], axis: str) -> list[tuple[float, float]]:
        """(axis, loss) of every plan that no other is as good as along both, from the least loss to the most."""
        points = {(t[axis], t[LOSS]) for t in self.within(budgets)}
        kept = [p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)]
        return sorted(kept, key=lambda point: point[1])


def every_plan(problem: Problem) -> Every:
    names = [choice.name for choice in problem.choices]
    plans = []
    for options in itertools.product(*(choice.options for choice in problem.choices)):
        plan = dict(zip(names, options, strict=True))
        plans.append((plan, evaluate(problem, plan)))
    return Every(plans)


def random_problem(seed: int, most_choices: int = 5, most_options: int = 4, magnitudes: float = 3.0) -> Problem:
    """Whole numbers or numbers of several magnitudes, some pairs, some of them with negative losses; no budgets."""
    rng = np.random.default_rng(seed)
    whole = bool(rng.integers(2))

    def numbers(*shape: int, signed: bool = False) -> np.ndarray:
        values = rng.integers(0, 30, shape) if whole else 10 ** rng.uniform(-magnitudes, 1, shape)
        return values * rng.choice([-1.0, 1.0], shape) if signed else values * 1.0

    def matrix(*shape: int, signed: bool = False) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(map(float, row)) for row in numbers(*shape, signed=signed))

    choices = []
    for i in range(int(rng.integers(1, most_choices + 1))):
        count = int(rng.integers(1, most_options + 1))
        costs = {axis: matrix(1, count)[0] for axis in AXES if rng.random() < 0.8}
        choices.append(Choice(f"layer{i}", tuple(f"w{b}" for b in range(count)), matrix(1, count)[0], costs))
    pairs = []
    for a, b in itertools.combinations(choices, 2):
        if rng.random() < 0.5:
            shape = len(a.options), len(b.options)
            costs = {axis: matrix(*shape) for axis in AXES[1:] if rng.random() < 0.7}
            pairs.append(Pair(a.name, b.name, matrix(*shape, signed=True) if rng.random() < 0.4 else (), costs))
    return Problem(tuple(choices), tuple(pairs), {}, {"bytes": float(rng.integers(100))})


def random_budgets(problem: Problem, every: Every, seed: int) -> dict[str, float]:
    """One to three, each what some plan exactly needs: a tolerance would let others in."""
    rng = np.random.default_rng(seed)
    axes = [axis for axis in AXES if axis in problem.axes]
    chosen = rng.permutation(axes)[: int(rng.integers(1, len(axes) + 1))]
    return {str(axis): every.plans[int(rng.integers(len(every.plans)))][1][str(axis)] for axis in chosen}
