"""A problem as an integer program, and HiGHS asked about it.

Each choice has a binary variable an option, which sum to one. A pair has a variable `y[a, b] >= 0` for each two options
with `sum_b y[a, b] = x[a]` and `sum_a y[a, b] = z[b]`: with whole x and z it is their product, and no other linear
description of one pair is tighter. The last variable is the excess over the budgets, as a share of them.

HiGHS compares within absolute tolerances. So all numbers are shifted to start at zero and scaled to a common size, and
a plan that it gives is held against the budgets in exact sums: where one is exceeded within the tolerance, that plan
is forbidden by name and HiGHS asked again. Its presolve is off, which has called plans impossible that just meet their
budgets, and saves no time here; budgets are told as a little more than they are, since scaling rounds them.
"""

from __future__ import annotations

import ctypes
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from dyadic.compiler.solvers.problem import Problem, evaluate, step

LARGEST = 1e4  # of the scaled numbers: far above HiGHS's tolerances (1e-7, 1e-6), far below where doubles are coarse
SLACK = 1e-5  # of the scaled budgets: more than their sums lose by rounding
FORBIDDEN = 32  # so many plans may be over a budget by less than a tolerance before we give up
OPTIMAL, INFEASIBLE = 0, 2  # scipy's status

Row = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """`options`: the best plan found, None if none. `bound`: no plan has less of what was minimised. `certain`: the
    plan is optimal, or that there is none is proven."""

    options: dict[str, str] | None
    bound: float | None
    certain: bool


@dataclass
class Rows:
    """A sparse matrix with its right hand side, one row after the other."""

    at: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)

    def add(self, columns: list[int], values: list[float], right: float) -> None:
        """A row: the sum of `values` times variables `columns`, held against `right`."""
        self.at += [len(self.right)] * len(columns)
        self.columns += columns
        self.values += values
        self.right.append(right)

    def matrix(self, width: int) -> csr_array:
        """All rows, [rows, width], sparse."""
        return csr_array((self.values, (self.at, self.columns)), shape=(len(self.right), width))


class Program:
    """The variables and equations of a problem, for questions along `axes`.

    Pairs that cost nothing along any of them are left out.
    """

    def __init__(self, problem: Problem, axes: tuple[str, ...]) -> None:
        self.problem = problem
        self._first: dict[str, int] = {}  # variable of each choice's first option
        self._size = 0
        for choice in problem.choices:
            self._first[choice.name] = self._size
            self._size += len(choice.options)
        self._binaries = self._size
        rows = Rows()
        for choice in problem.choices:
            rows.add(self._columns(choice.name, len(choice.options)), [1.0] * len(choice.options), 1.0)
        self._pairs = [p for p in problem.pairs if any(any(map(any, p.along(axis))) for axis in axes)]
        self._pair_first: list[int] = []
        sizes = {choice.name: len(choice.options) for choice in problem.choices}
        for pair in self._pairs:
            y = self._size + np.arange(sizes[pair.first] * sizes[pair.second]).reshape(sizes[pair.first], -1)
            for name, lines in ((pair.first, y), (pair.second, y.T)):
                for option, columns in enumerate(lines.tolist()):
                    rows.add([*columns, self._first[name] + option], [1.0] * len(columns) + [-1.0], 0.0)
            self._pair_first.append(self._size)
            self._size += y.size
        self._excess = self._size
        self._size += 1
        right: Any = np.array(rows.right)
        self._equations = LinearConstraint(rows.matrix(self._size), right, right)

    def minimise(self, axis: str, budgets: Mapping[str, float], time_limit: float | None = None) -> Answer:
        """The plan with the least of `axis` within the budgets."""
        deadline = math.inf if time_limit is None else time.monotonic() + time_limit
        objective, offset, scale = self._row(axis)
        rows = [self._row(one) for one in budgets]
        bounds = [(row, (limit - at) * by + SLACK) for (row, at, by), limit in zip(rows, budgets.values(), strict=True)]
        for _ in range(FORBIDDEN):
            answer = self._ask(objective, bounds, 0.0, deadline)
            bound = None if answer.bound is None else offset + answer.bound / scale
            if answer.options is None:
                return Answer(None, bound, answer.certain)
            totals = evaluate(self.problem, answer.options)
            if all(totals[one] <= limit for one, limit in budgets.items()):
                return Answer(answer.options, bound and min(bound, totals[axis]), answer.certain)
            bounds.append(self._forbidding(answer.options))
        return Answer(None, None, False)

    def least_excess(self, budgets: Mapping[str, float], time_limit: float | None = None) -> Answer:
        """The plan whose worst excess over a budget, as a share of that budget, is least."""
        deadline = math.inf if time_limit is None else time.monotonic() + time_limit
        objective = np.zeros(self._size)
        objective[self._excess] = LARGEST
        bounds: list[tuple[Row, float]] = []
        for axis, limit in budgets.items():
            row, offset, scale = self._row(axis)
            row[self._excess] = -step(limit) * scale
            bounds.append((row, (limit - offset) * scale))
        return self._ask(objective, bounds, math.inf, deadline)

    def _columns(self, name: str, count: int) -> list[int]:
        return list(range(self._first[name], self._first[name] + count))

    def _row(self, axis: str) -> tuple[Row, float, float]:
        """(coefficients, offset, scale) with `total = offset + coefficients @ x / scale`, coefficients >= 0."""
        row, offset = np.zeros(self._size), self.problem.fixed_costs.get(axis, 0.0)
        blocks = [(self._first[choice.name], choice.along(axis)) for choice in self.problem.choices]
        for first, pair in zip(self._pair_first, self._pairs, strict=True):
            blocks.append((first, tuple(x for line in pair.along(axis) for x in line)))
        for first, values in blocks:
            if values:
                row[first : first + len(values)] = np.array(values) - min(values)
                offset += min(values)
        scale = LARGEST / (float(row.max()) or 1.0)
        return row * scale, offset, scale

    def _forbidding(self, options: Mapping[str, str]) -> tuple[Row, float]:
        """At least one choice is another."""
        row = np.zeros(self._size)
        for choice in self.problem.choices:
            row[self._first[choice.name] + choice.options.index(options[choice.name])] = 1.0
        return row, len(options) - 1.0

    def _ask(self, objective: Row, bounds: list[tuple[Row, float]], excess: float, deadline: float) -> Answer:
        whole, upper = np.zeros(self._size), np.ones(self._size)
        whole[: self._binaries], upper[self._excess] = 1, excess
        most: Any = upper
        constraints = [self._equations]
        if bounds:
            matrix = csr_array(np.array([row for row, _ in bounds]))
            right: Any = np.array([right for _, right in bounds])
            constraints.append(LinearConstraint(matrix, -np.inf, right))
        settings: dict[str, Any] = {"mip_rel_gap": 0.0, "presolve": False}
        if deadline < math.inf:
            settings["time_limit"] = max(0.01, deadline - time.monotonic())
        with silenced():
            found = milp(
                objective, integrality=whole, bounds=Bounds(0, most), constraints=constraints, options=settings
            )
        bound = found.mip_dual_bound
        bound = float(bound) if bound is not None and math.isfinite(bound) else None
        if found.x is None:
            return Answer(None, bound, found.status == INFEASIBLE)
        chosen = {}
        for choice in self.problem.choices:
            at = np.argmax(found.x[self._columns(choice.name, len(choice.options))])
            chosen[choice.name] = choice.options[at]
        return Answer(chosen, bound, found.status == OPTIMAL)


@contextmanager
def silenced() -> Iterator[None]:
    """Nothing on standard output: HiGHS 1.12 prints a line of its own debugging there, whatever it is told."""
    flush = ctypes.CDLL(None).fflush  # C's buffer, which outlives the descriptor it was meant for
    flush(None)
    try:
        kept = os.dup(1)
    except OSError:  # there is no standard output
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
