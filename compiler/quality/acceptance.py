"""Whether a plan keeps a promise on accuracy: the one-sided 95 % upper bound of what it loses is within the limit.

With labels, what is lost is accuracy, image by image against float (exact McNemar). Without, it is the share of samples
that are put in another class than by float. With a metric of the user's own it is that (`paired_bootstrap.py`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from scipy.special import betaincinv

from dyadic.compiler.formats import significant

CONFIDENCE = 0.95
EXACT, MOST_TIMES = 1.02, 1e4  # how exactly, and how far, a sufficient number of samples is looked for


@dataclass(frozen=True)
class Verdict:
    """`drop` was seen, `bound` is what it may be, `bound_of` that of so many times as many samples. Shares of 1, or on
    the scale of the metric of that name."""

    samples: int
    drop: float
    bound: float
    limit: float
    bound_of: Callable[[float], float] = field(repr=False, compare=False)
    metric: str = ""

    @property
    def needed(self) -> int | None:
        """About how many samples prove a drop as seen to be within the limit; None where no number does."""
        if self.accepted or self.drop >= self.limit:
            return self.samples if self.accepted else None
        low, high = 1.0, 2.0
        while self.bound_of(high) > self.limit:
            if high > MOST_TIMES:
                return None
            low, high = high, 2 * high
        while high / low > EXACT:
            middle = (low + high) / 2
            low, high = (middle, high) if self.bound_of(middle) > self.limit else (low, middle)
        return math.ceil(self.samples * high)

    @property
    def accepted(self) -> bool:
        """Whether the bound on the drop is within the limit."""
        return self.bound <= self.limit

    def __str__(self) -> str:
        size, gained = abs(self.drop), self.drop < 0
        if self.metric:
            drop, bound = f"{significant(size)} of {self.metric}", significant(self.bound)
            allowed = f"{significant(self.limit)} is allowed"
        else:
            drop, bound = f"{100 * size:.2f} points", f"{100 * self.bound:.2f}"
            allowed = f"{100 * self.limit:.2f} are allowed"
        verb, most = ("gains", "and loses at most") if gained else ("loses", "at most")
        said = f"{verb} {drop} on {self.samples:,} samples, {most} {bound} with 95 % confidence; {allowed}"
        if not self.accepted and self.needed is not None:
            needed = two_digits(self.needed) if self.metric else self.needed
            said += f" (a drop like this could be accepted on about {needed:,} samples)"
        return said


def by_accuracy(gained: int, lost: int, samples: int, limit: float) -> Verdict:
    """`lost` samples are right in float alone, `gained` in integers alone.

    >>> by_accuracy(45, 50, 5000, 0.005).accepted, by_accuracy(4, 5, 500, 0.005).accepted
    (True, False)
    """

    def bound(times: float) -> float:
        """Had all counts been so many times larger."""
        g, b, n = times * gained, times * lost, times * samples
        # exact McNemar: of those that differ, the share that is lost; and, where few differ, how many more may be lost
        by_differing = (g + b) / n * (2 * largest_share(b, g + b) - 1) if g + b else 0.0
        return max(by_differing, largest_share(b, n) - g / n)

    return Verdict(samples, (lost - gained) / samples, bound(1), limit, bound)


def by_agreement(other: int, samples: int, limit: float) -> Verdict:
    """`other` samples are in another class than in float.

    >>> by_agreement(0, 1000, 0.01).accepted, by_agreement(20, 1000, 0.01).accepted
    (True, False)
    """

    def bound(times: float) -> float:
        return largest_share(times * other, times * samples)

    return Verdict(samples, other / samples, bound(1), limit, bound)


def by_metric(metric: str, drop: float, bound: float, samples: int, limit: float) -> Verdict:
    """What was lost of a metric of the user's own, and the bootstrap's bound of it.

    More samples bring the bound nearer to the drop, by the root of their number: what a spread does; what a loss that
    no sample showed adds to it vanishes faster. So the number of samples that would do is rather said too large.
    """
    return Verdict(samples, drop, bound, limit, lambda times: drop + (bound - drop) / math.sqrt(times), metric)


def two_digits(count: int) -> int:
    """What is not known better, rounded up.

    >>> two_digits(7813), two_digits(88), two_digits(1900)
    (7900, 88, 1900)
    """
    step = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step


def largest_share(count: float, samples: float) -> float:
    """Clopper and Pearson's one-sided upper bound of a share.

    >>> round(largest_share(0, 100), 4)
    0.0295
    """
    return 1.0 if count >= samples else float(betaincinv(count + 1, samples - count, CONFIDENCE))
