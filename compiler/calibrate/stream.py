"""Represent a residual stream: with 16 bits all that was seen, and room for more.

A stream's largest values carry on through every layer behind them, so that none may be clipped; other samples reach
further than those of the calibration, and 16 bits have steps to spare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyadic.compiler.calibrate.min_max import MinMax

if TYPE_CHECKING:
    import torch

    from dyadic.compiler.calibrate.observer import Observer

HEADROOM = 1.25
WIDE = 16


class Stream:
    """What another observer says, but of 16 bits."""

    def __init__(self, narrow: Observer) -> None:
        self.narrow, self.wide = narrow, MinMax()

    def see(self, values: torch.Tensor) -> None:
        self.narrow.see(values)
        self.wide.see(values)

    def range(self, bits: int = 8) -> tuple[float, float]:
        if bits != WIDE:
            return self.narrow.range(bits)
        low, high = self.wide.range()
        return HEADROOM * low, HEADROOM * high
