"""Rows of integers for kernels that work along a row, and where they lie in memory."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from dyadic.passes.lower.memory.strided import Strided
from dyadic.runtime import fixedpoint

Rows = npt.NDArray[np.int64]


def rows_of(rng: np.random.Generator, count: int, n: int, low: int, high: int) -> Rows:
    """Rows [count, n] of integers in [low, high]: ordinary ones, and those at the ends of what sums can hold."""
    kinds: list[Rows] = []
    for _ in range(count):
        kind = rng.integers(0, 9)
        row = np.full(n, rng.integers(low, high + 1))
        if kind == 1:  # one that differs
            row[rng.integers(0, n)] = rng.choice([low, high])
        elif kind == 2:  # by one
            row[rng.integers(0, n)] = np.clip(row[0] + rng.choice([-1, 1]), low, high)
        elif kind == 3:
            row = rng.choice([low, high], n)
        elif kind == 4:
            row = np.where(np.arange(n) < n // 2, low, high)
        elif kind == 5:
            row[:] = rng.choice([low, high])
        elif kind == 6:
            row = rng.integers(low, high + 1, n)
        elif kind >= 7:
            row = np.rint(rng.normal(rng.uniform(low, high), 2.0 ** rng.uniform(-1, 12), n))
        kinds.append(np.clip(row, low, high).astype(np.int64))
    return np.stack(kinds)


class Tensor:
    """Rows in memory: bytes, or two planes of them (three with a copy), with gaps that are random."""

    def __init__(
        self, draw: Any, rng: np.random.Generator, sizes: tuple[int, int, int, int], wide: bool, copied: bool = False
    ) -> None:
        images, outer, rows, n = sizes
        gap = st.sampled_from([0, 0, 1, 4, 64])
        row = n + draw(gap)
        around = rows * row + draw(gap)
        plane = outer * around + draw(gap) if wide else 0
        image = plane * (1 + copied) + outer * around + 3 * draw(gap)
        self.sizes, self.offset = sizes, draw(st.sampled_from([0, 9]))
        self.strided = Strided(n, row, image, plane=plane, outer=(around,))
        self.bytes = rng.integers(0, 256, self.offset + images * image + 2 * plane + 64, np.uint8)

    def write(self, view: Any, values: Rows, wide: bool) -> None:
        for i, plane in enumerate(fixedpoint.planes(values.astype(np.int16 if wide else np.uint8))):
            self.write_plane(view, i, plane)

    def write_plane(self, view: Any, number: int, plane: npt.NDArray[Any]) -> None:
        """One byte of every number; plane 2 is the copy."""
        kind = self.strided
        place = self.offset + number * kind.plane
        view(self.bytes, place, self.sizes, (kind.image, *kind.outer, kind.row, 1))[:] = plane
