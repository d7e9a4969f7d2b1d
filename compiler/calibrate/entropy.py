"""Represent the range whose histogram in steps tells least from the real one (Kullback-Leibler, as in TensorRT)."""

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.histogram import Histogram

SHARES = np.linspace(0.1, 1.0, 91)


class Entropy(Histogram):
    """Both ends shrink together; clipped values count as the end they are clipped to."""

    def range(self, bits: int = 8) -> tuple[float, float]:
        if self.low == self.high:
            return 0.0, 0.0
        steps = (1 << bits) - 1
        best = min(SHARES, key=lambda share: (self._divergence(self.low * share, self.high * share, steps), -share))
        return float(self.low * best), float(self.high * best)

    def _divergence(self, low: float, high: float, steps: int) -> float:
        centers = self.centers
        inside = (centers >= low) & (centers <= high)
        kept, counts = centers[inside], self.counts[inside]
        if not counts.any():
            return np.inf
        level = np.minimum((kept - low) * (steps / (high - low)), steps - 1).astype(np.int64)
        used = counts > 0
        per_level = np.bincount(level, counts, steps)
        bins_per_level = np.bincount(level[used], minlength=steps)
        quantized = np.where(used, per_level[level] / np.maximum(bins_per_level, 1)[level], 0.0)
        real = counts.copy()
        real[0] += self.counts[centers < low].sum()
        real[-1] += self.counts[centers > high].sum()
        return divergence(real / real.sum(), quantized / quantized.sum())


def divergence(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    """Of q from p; where p has mass and q has none, q counts as a very small mass."""
    some = p > 0
    return float(np.sum(p[some] * np.log(p[some] / np.maximum(q[some], 1e-9))))
