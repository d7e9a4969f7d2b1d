"""The interface of a method: what it draws, what it makes of that, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dyadic.compiler.sensitivity.candidates import Candidates
from dyadic.compiler.sensitivity.estimates import Pair
from dyadic.compiler.sensitivity.objective import Objective
from dyadic.compiler.sensitivity.work import Estimates, Work


def no_pairs(_work: Work) -> tuple[Pair, ...]:
    return ()


@dataclass(frozen=True)
class Method:
    """`measure` does units of work until it is done; `estimates` reads what they left, complete or not.

    cost: of one sample, in runs of the network; with it the number of samples follows from the work that is allowed,
    but is at least `least` and at most `most`. labels: whether it would use them.
    """

    name: str
    measure: Callable[[Work], None]
    estimates: Callable[[Work], Estimates]
    cost: Callable[[Candidates], float]
    unit: Callable[[Objective], str] = lambda objective: objective.unit
    pairs: Callable[[Work], tuple[Pair, ...]] = no_pairs
    labels: bool = True
    least: int = 8
    most: int = 512
