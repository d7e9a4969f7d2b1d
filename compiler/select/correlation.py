"""How well one ranking of the layers agrees with another, such as a sensitivity with measured accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dyadic.compiler.report_schema import Correlation

RESAMPLES = 2000
FEWEST = 3  # layers: less say nothing

Numbers = npt.NDArray[np.float64]


def rank_correlation(first: Mapping[str, float], second: Mapping[str, float], seed: int = 0) -> Correlation | None:
    """Of the layers that both know; None where they are too few, or one side calls them all equal."""
    names = [name for name in first if name in second]
    a, b = np.array([first[name] for name in names], float), np.array([second[name] for name in names], float)
    if len(names) < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    drawn = np.random.default_rng(seed).integers(len(names), size=(RESAMPLES, len(names)))
    low, high = np.percentile(rhos(a[drawn], b[drawn]), [2.5, 97.5])
    return Correlation(float(rhos(a[None], b[None])[0]), float(low), float(high), len(names))


def rhos(a: Numbers, b: Numbers) -> Numbers:
    """Spearman's rho of each row: Pearson's of the ranks, equal values sharing theirs. Rows without one are left out: a
    draw of one layer again and again has no ranking."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=1) for values in (a, b)]
    x, y = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    spread = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return (x * y).sum(axis=1)[spread > 0] / spread[spread > 0]
