"""All that is known before a search begins; the search itself adds no knowledge but what compiled plans tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dyadic.compiler.budget import Axis, Limit
from dyadic.compiler.select.model import BASE, BOPS, BYTES, LATENCY, Costs, make_problem
from dyadic.compiler.sensitivity import Candidates, Sensitivities
from dyadic.compiler.solvers.problem import Problem
from dyadic.compiler.widths.points import Points


@dataclass(frozen=True, eq=False)
class Task:
    """What may be chosen for `points`, what each candidate costs and loses, and the `limits`.

    `solver` is the one that was asked for, `again` the compile as one would type it with some options changed, `metric`
    the name of the user's own measure, empty where that is accuracy.
    """

    points: Points
    candidates: Candidates
    costs: Costs
    sensitivities: Sensitivities
    limits: Mapping[Axis, Limit]
    solver: str
    again: Callable[..., str]
    metric: str = ""

    def of_int8(self, axis: str) -> float:
        """The cost of uniform int8 along an axis, in the units of the problem."""
        if axis == BYTES:
            return sum(self.costs.bytes[BASE[0]].values())
        return self.costs.base.sum if axis == LATENCY else sum(64 * one.macs for one in self.points.weights.values())

    def budgets(self, int8_file_bytes: Callable[[], int]) -> dict[str, float]:
        """The limits in the units of the problem: bytes of weights, sums of time-stamped layers, bit operations.

        int8_file_bytes: the size of int8's whole file, asked for where a limit is on the file.
        """
        limits: dict[str, float] = {}
        if (size := self.limits.get("size")) is not None:
            weights = self.of_int8(BYTES)
            limits[BYTES] = size.of(weights) if size.relative else size.value - (int8_file_bytes() - weights)
        if (latency := self.limits.get("latency")) is not None:
            base = self.costs.base
            limits[LATENCY] = latency.of(base.whole) * base.sum / base.whole
        if (bops := self.limits.get("bops")) is not None:
            limits[BOPS] = bops.of(self.of_int8(BOPS))
        return limits

    def problem(self, budgets: Mapping[str, float]) -> Problem:
        """Within budgets: by axis, in its own units (bytes, ns of the sum of layers, bit operations)."""
        return make_problem(self.points, self.candidates, self.sensitivities, self.costs, budgets)
