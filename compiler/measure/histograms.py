"""How often a layer's results have which size, float's beside the integers': what rounding and clipping do to them.

Bins are whole numbers of the integers' steps, with their edges between two of them, so that each holds as many possible
results as any other. They are laid when the first batch goes by; what later ones have beyond goes into the outermost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.compiler.report_schema import Histogram

MOST_BINS = 48
VALUES = 1 << 14  # of each tensor and batch that are counted, spread over it
Array = npt.NDArray[Any]


@dataclass
class Bins:
    """From `first` on, in steps of `scale`, each `width` steps wide."""

    first: float
    width: int
    scale: float
    counts: npt.NDArray[np.int64]  # [2, bins]: of float, of the integers

    def add(self, row: int, steps: Array) -> None:
        place = np.clip((steps - self.first) // self.width, 0, self.counts.shape[1] - 1).astype(np.int64)
        self.counts[row] += np.bincount(place, minlength=self.counts.shape[1])


class Histograms:
    """`add` for every batch and tensor, `of` at the end; by slot of the integer network."""

    def __init__(self) -> None:
        self._bins: dict[int, Bins] = {}

    def add(self, slot: int, wanted: Array, integers: Array, value: ir.Value) -> None:
        """wanted: float's tensor; integers: the same tensor of the integer network, of the type of `value`."""
        kind: Any = ir.RankedTensorType(value.type).element_type
        every = max(1, wanted.size // VALUES)
        pair = [
            wanted.reshape(-1)[::every].astype(np.float64) / kind.scale,
            integers.reshape(-1)[::every].astype(np.float64) - kind.zero_point,
        ]
        if slot not in self._bins:
            self._bins[slot] = laid(pair, kind.scale)
        for row, steps in enumerate(pair):
            self._bins[slot].add(row, steps)

    def of(self, slot: int, layer: str) -> Histogram | None:
        """None where nothing was compared."""
        if (bins := self._bins.get(slot)) is None:
            return None
        float_counts, integer_counts = bins.counts.tolist()
        low = bins.first * bins.scale
        high = low + bins.width * bins.counts.shape[1] * bins.scale
        return Histogram(layer, low, high, tuple(float_counts), tuple(integer_counts))


def laid(pair: list[Array], scale: float) -> Bins:
    """Over all that both hold.

    >>> bins = laid([np.array([-3.2, 100.0]), np.array([-3.0, 96.0])], 0.5)
    >>> bins.first, bins.width, bins.counts.shape
    (-3.5, 4, (2, 26))
    """
    low, high = (round(float(way(way(each) for each in pair))) for way in (min, max))
    width = 1
    while (high - low) // width + 1 > MOST_BINS:
        width *= 2
    return Bins(low - 0.5, width, scale, np.zeros((2, (high - low) // width + 1), np.int64))
