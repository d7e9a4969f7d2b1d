"""What a network is judged by in this report: accuracy, a share, or the user's own metric, on a scale of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dyadic.compiler import formats
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report_schema import Comparison, PlanPoint, Variant


@dataclass(frozen=True)
class Quality:
    """`of` finds it in variants and plans. `show` a value, `change` a difference of two, which is in `unit`."""

    title: str
    own: bool  # the user's
    show: Callable[[Any], str]
    change: Callable[[Any], str]
    unit: str  # with a blank before it, or nothing

    @property
    def word(self) -> str:
        """Its name within a sentence."""
        return self.title if self.own else self.title.lower()

    def of(self, one: Variant | PlanPoint) -> float | None:
        return one.metric if self.own else one.accuracy

    def of_float(self, c: Comparison) -> float | None:
        return c.float_metric if self.own else c.float_accuracy

    def of_artifact(self, c: Comparison) -> float | None:
        return c.int8_metric if self.own else c.int8_accuracy

    def difference(self, value: Any) -> str:
        return f"{self.change(value)}{self.unit}"


ACCURACY = Quality("Accuracy", False, formats.percent, formats.points, " points")


def quality_of(facts: Facts) -> Quality:
    """The metric's, where the compile had one."""
    name = facts.report.comparison.metric if facts.report.comparison is not None else None
    return Quality(name, True, formats.measure, formats.measure_change, "") if name else ACCURACY
