"""A plan that is changed one choice at a time, and what each change would do to every total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dyadic.compiler.solvers.problem import Problem

Numbers = npt.NDArray[np.float64]


class Assignment:
    """`changes[i]` is the difference that choice i's options would make, [axis, option], the others as they are.

    Sums of floats: whoever needs a total exactly asks `problem.evaluate`.
    """

    def __init__(self, problem: Problem, axes: Sequence[str], chosen: Sequence[int]) -> None:
        self.problem, self.chosen = problem, list(chosen)
        self._own = [np.array([c.along(axis) for axis in axes], float) for c in problem.choices]
        index = {c.name: i for i, c in enumerate(problem.choices)}
        self._beside: list[list[tuple[int, Numbers]]] = [[] for _ in problem.choices]
        for pair in problem.pairs:
            i, j = index[pair.first], index[pair.second]
            nothing = np.zeros((len(problem.choices[i].options), len(problem.choices[j].options)))
            matrix = np.array([pair.along(axis) or nothing for axis in axes], float)
            if matrix.any():
                self._beside[i].append((j, matrix))
                self._beside[j].append((i, matrix.transpose(0, 2, 1)))
        self.changes = [self._change(i) for i in range(len(self.chosen))]

    @property
    def options(self) -> dict[str, str]:
        """Option by the name of the choice."""
        return {c.name: c.options[at] for c, at in zip(self.problem.choices, self.chosen, strict=True)}

    def set(self, i: int, option: int) -> None:
        """Take another option for choice `i`, and bring `changes` of it and what it shares a pair with up to date."""
        self.chosen[i] = option
        for j in (i, *(j for j, _ in self._beside[i])):
            self.changes[j] = self._change(j)

    def _change(self, i: int) -> Numbers:
        total = self._own[i].copy()
        for j, matrix in self._beside[i]:
            total += matrix[:, :, self.chosen[j]]
        return total - total[:, [self.chosen[i]]]


def indices(problem: Problem, options: Mapping[str, str]) -> list[int]:
    """Where each choice's option is among its options."""
    return [choice.options.index(options[choice.name]) for choice in problem.choices]
