"""Represent the range whose steps lose least: what clipping loses against what rounding loses, both squared."""

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.histogram import BINS, Histogram

# Each end is tried at these shares of what was seen; finer where the answer usually is.
SHARES = np.concatenate([np.geomspace(0.02, 0.3, 16, endpoint=False), np.linspace(0.3, 1.0, 57)])
FEW_STEPS = SHARES[::3]  # coarser for both ends together, where each pair is tried on the whole histogram


class Mse(Histogram):
    """The expected squared error is exact for clipping (to a bin) and step^2/12 for rounding, zeros being exact.

    Below 8 bits steps are no longer small beside the distribution, and the error of rounding is exact, too.
    """

    def range(self, bits: int = 8) -> tuple[float, float]:
        steps = (1 << bits) - 1
        if bits < 8:
            return self._few_steps(steps)
        lows = self.low * SHARES if self.low < 0 else np.zeros(1)
        highs = self.high * SHARES if self.high > 0 else np.zeros(1)
        clipped_high, inside_high = self._tail(highs, self.counts, self.centers)
        clipped_low, inside_low = self._tail(-lows, self.counts[::-1], -self.centers[::-1])
        step = (highs[:, None] - lows[None, :]) / steps
        inside = inside_high[:, None] + inside_low[None, :] - self.counts.sum()
        error = clipped_high[:, None] + clipped_low[None, :] + inside * step**2 / 12
        i, j = np.unravel_index(np.argmin(error), error.shape)
        return float(lows[j]), float(highs[i])

    def _few_steps(self, steps: int) -> tuple[float, float]:
        both = self.low < 0 < self.high
        shares = FEW_STEPS if both else SHARES
        lows = self.low * shares if self.low < 0 else np.zeros(1)
        highs = self.high * shares if self.high > 0 else np.zeros(1)
        used = np.flatnonzero(self.counts)
        values, counts = self.centers[used], self.counts[used]
        low, high = (ends.ravel() for ends in np.meshgrid(lows, highs, indexing="ij"))
        step = np.maximum((high - low) / steps, np.finfo(np.float64).tiny)
        zero = np.rint(-low / step)

        def error(i: int) -> float:
            rounded = (np.clip(np.rint(values / step[i]) + zero[i], 0, steps) - zero[i]) * step[i]
            return float((counts * (rounded - values) ** 2).sum())

        return min(
            (error(i), i, (float(low[i]), float(high[i]))) for i in _nearly_least(values, counts, step, zero, steps)
        )[2]

    @staticmethod
    def _tail(
        ends: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], centers: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """For each end: the squared error of clipping what lies above it, and how many values do not."""
        cut = np.searchsorted(centers, ends, side="right")
        moments = [np.concatenate([[0.0], np.cumsum(counts * centers**k)]) for k in range(3)]
        n, sum_1, sum_2 = (moment[BINS] - moment[cut] for moment in moments)
        return sum_2 - 2 * ends * sum_1 + ends**2 * n, moments[0][cut]


def _nearly_least(
    values: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
    zero: npt.NDArray[np.float64],
    steps: int,
) -> list[int]:
    """The grids (step[i] * (0 ... steps - zero[i])) whose squared error is the least but for what sums differ by that
    were taken in another order: those of all numbers below each number, whose differences are sums of a level's."""
    levels = (np.arange(steps + 1) - zero[:, None]) * step[:, None]
    cuts = np.searchsorted(values, levels[:, 1:] - step[:, None] / 2)
    ends = np.pad(cuts, ((0, 0), (1, 1)), constant_values=((0, 0), (0, len(values))))
    moments = (np.concatenate([[0.0], np.cumsum(counts * values**k)]) for k in range(3))
    n, sum_1, sum_2 = (np.diff(moment[ends]) for moment in moments)
    error = (sum_2 - 2 * levels * sum_1 + levels**2 * n).sum(1)
    margin = 1e-6 * error.min() + 1e-9 * float((counts * values**2).sum())
    return np.flatnonzero(error <= error.min() + margin).tolist()
