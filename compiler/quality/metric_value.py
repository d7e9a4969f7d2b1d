"""A network's value of the user's own metric, beside float's on the same samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dyadic.compiler.quality.acceptance import CONFIDENCE, Verdict, by_metric
from dyadic.compiler.quality.metric import Arrays, Metric
from dyadic.compiler.quality.paired_bootstrap import PairedBootstrap


@dataclass(frozen=True)
class MetricValue:
    """Nothing is drawn before an interval or a verdict is asked for."""

    metric: Metric
    bootstrap: PairedBootstrap
    outputs: Arrays

    @cached_property
    def value(self) -> float:
        """The user's metric of the integer outputs."""
        return self.bootstrap.value_of(self.outputs)

    @property
    def float_value(self) -> float:
        """The user's metric of the float outputs."""
        return self.bootstrap.value

    @property
    def difference(self) -> tuple[float, float, float]:
        """From float's, with its paired 95 % interval."""
        return self.value - self.float_value, *self.bootstrap.interval(self.outputs, CONFIDENCE)

    def verdict(self, limit: float) -> Verdict:
        """Whether no more than so much is lost, with one-sided 95 % confidence."""
        bound = self.bootstrap.bound(self.outputs, CONFIDENCE)
        return by_metric(self.metric.name, self.float_value - self.value, bound, self.bootstrap.samples, limit)
