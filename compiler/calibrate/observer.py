"""What every observer of a tensor's values is: it sees values batch by batch and then says which range to represent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class Observer(Protocol):
    """Bounded memory, however much it sees. The range always contains 0, which padding needs to be exact."""

    def see(self, values: torch.Tensor) -> None:
        """Take note of some finite values."""
        ...

    def range(self, bits: int = 8) -> tuple[float, float]:
        """(low, high) with low <= 0 <= high, to be represented with so many bits."""
        ...


def extremes(values: torch.Tensor) -> tuple[float, float]:
    """The smallest and the largest; NaN or infinity among the values is a `FloatingPointError`."""
    low, high = map(float, values.aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise FloatingPointError
    return low, high
