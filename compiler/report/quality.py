"""What a network is judged by in this report: accuracy, a share, or the user's own metric, on a scale of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dyadic.compiler.quality import formats
from dyadic.compiler.report.tables import Row


@dataclass(frozen=True)
class Quality:
    """`key`: where variants and plans have it. `show` a value, `change` a difference of two, which is in `unit`."""

    title: str
    key: str
    show: Callable[[Any], str]
    change: Callable[[Any], str]
    unit: str  # with a blank before it, or nothing

    @property
    def word(self) -> str:
        """Its name within a sentence."""
        return self.title if self.key == "metric" else self.title.lower()

    def difference(self, value: Any) -> str:
        return f"{self.change(value)}{self.unit}"


ACCURACY = Quality("Accuracy", "accuracy", formats.percent, formats.points, " points")


def quality_of(facts: Row) -> Quality:
    """The metric's, where the compile had one."""
    name = (facts.get("comparison") or {}).get("metric")
    return Quality(name, "metric", formats.measure, formats.measure_change, "") if name else ACCURACY
