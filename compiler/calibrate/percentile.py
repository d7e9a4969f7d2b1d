"""Represent all but the outermost values: a share of them may be clipped at either end."""

import numpy as np

from dyadic.compiler.calibrate.histogram import BINS, Histogram

CLIPPED = 1e-5


class Percentile(Histogram):
    """To the width of a bin, from outside: never clips more than `clipped`."""

    def __init__(self, clipped: float = CLIPPED) -> None:
        super().__init__()
        self.clipped = clipped

    def range(self, bits: int = 8) -> tuple[float, float]:
        edges = (self.first + np.arange(BINS + 1)) * self.width
        below = np.concatenate([[0.0], np.cumsum(self.counts)]) + self.zeros * (edges > 0)
        total = below[-1]
        low = edges[below <= self.clipped * total][-1]
        high = edges[total - below <= self.clipped * total][0]
        return min(0.0, max(self.low, float(low))), max(0.0, min(self.high, float(high)))
