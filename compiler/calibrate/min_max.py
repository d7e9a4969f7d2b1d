"""Represent everything that was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyadic.compiler.calibrate.observer import extremes

if TYPE_CHECKING:
    import torch


class MinMax:
    """The smallest and the largest value."""

    def __init__(self) -> None:
        self.low = self.high = 0.0

    def see(self, values: torch.Tensor) -> None:
        low, high = extremes(values)
        self.low, self.high = min(self.low, low), max(self.high, high)

    def range(self, bits: int = 8) -> tuple[float, float]:
        return self.low, self.high
