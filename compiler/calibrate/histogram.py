"""A histogram that grows with what it sees, in constant memory.

Bins are `2^k` wide and lie at multiples of their width, so that growing is merging pairs: nothing is ever guessed, and
the result does not depend on the order of the batches. Zeros, which rectified tensors are full of, are counted apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.observer import extremes

if TYPE_CHECKING:
    import torch

BINS = 4096
# Of a large tensor, a regular sample of about this many values a call is counted; its extremes are known exactly.
SAMPLE = 1 << 16
RUN = 64  # values side by side, for the sake of the caches


class Histogram:
    def __init__(self) -> None:
        self.low = self.high = 0.0  # exact, of all values
        self.zeros = 0
        self.exponent: int | None = None  # bins are 2^exponent wide
        self.first = 0  # bin i covers [first + i, first + i + 1) * 2^exponent
        self.counts = np.zeros(BINS)

    @property
    def width(self) -> float:
        return math.ldexp(1.0, self.exponent or 0)

    @property
    def centers(self) -> npt.NDArray[np.float64]:
        return (np.arange(self.first, self.first + BINS, dtype=np.float64) + 0.5) * self.width

    def see(self, values: torch.Tensor) -> None:
        import torch

        low, high = extremes(values)
        self._grow(min(self.low, low), max(self.high, high))
        if self.exponent is None:
            self.zeros += values.numel()
            return
        flat = sampled(values)
        zeros = int((flat == 0).sum())
        edges = self.first * self.width, (self.first + BINS) * self.width
        if max(-edges[0], edges[1]) > torch.finfo(flat.dtype).max:  # the bin to spare is beyond the largest float
            flat = flat.double()
        counts = torch.histc(flat, BINS, *edges).numpy()
        counts[min(-self.first, BINS - 1)] -= zeros
        self.counts += counts
        self.zeros += zeros

    def _grow(self, low: float, high: float) -> None:
        """Make [low, high] fit, with one bin to spare, merging bins as often as needed."""
        self.low, self.high = low, high
        if low == high == 0.0:
            return
        exponent = math.frexp((high - low) / (BINS - 2))[1]
        if self.exponent is None:
            self.exponent, self.first = exponent, math.floor(math.ldexp(low, -exponent))
            return
        first = self.first
        occupied = np.flatnonzero(self.counts)
        places, counts = occupied + first, self.counts[occupied]
        wider = max(exponent, self.exponent)
        places >>= wider - self.exponent
        self.exponent, self.first = wider, math.floor(math.ldexp(low, -wider))
        self.counts = np.zeros(BINS)
        np.add.at(self.counts, places - self.first, counts)


def sampled(values: torch.Tensor) -> torch.Tensor:
    """Every so many runs of `values`, flat; all of a small tensor."""
    flat = values.flatten()
    if len(flat) <= SAMPLE:
        return flat
    every = len(flat) // SAMPLE | 1  # odd, so that a power-of-two row length is not resonated with
    runs = flat[: len(flat) // RUN * RUN].reshape(-1, RUN)
    return runs[::every].flatten()
