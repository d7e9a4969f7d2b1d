"""How long candidates took, and when one of them is taken: only if it clearly beats the static choice."""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

LEAST_GAIN = 0.02  # as share of the static choice's time: less is within what code placement alone does
SIGMAS = 3.0  # ... and so many standard errors
MEDIAN_ERROR = 1.2533  # standard error of a median, in standard deviations / sqrt(count)


@dataclass(frozen=True)
class Timing:
    """Of one candidate. `spread_ns` is a standard deviation, estimated from the middle half of the runs."""

    median_ns: float
    spread_ns: float
    count: int

    @property
    def error_ns(self) -> float:
        return MEDIAN_ERROR * self.spread_ns / self.count**0.5

    def times(self, factor: float) -> "Timing":
        return Timing(self.median_ns * factor, self.spread_ns * factor, self.count)


def to_bytes(timings: Sequence[Timing]) -> bytes:
    """As they are kept in the cache."""
    return json.dumps([astuple(timing) for timing in timings]).encode()


def from_bytes(data: bytes, count: int) -> list[Timing]:
    """Of so many candidates."""
    timings = [Timing(*one) for one in json.loads(data)]
    assert len(timings) == count
    return timings


def best(timings: Sequence[Timing]) -> int:
    """The index of the candidate to take; 0, the static choice, where none is clearly faster.

    Those that were measured less often than the static choice lost the screening.

    >>> best([Timing(100.0, 2.0, 50), Timing(90.0, 2.0, 50), Timing(80.0, 2.0, 9)])
    1
    >>> best([Timing(100.0, 2.0, 50), Timing(99.0, 2.0, 50)])
    0
    >>> best([Timing(100.0, 40.0, 50), Timing(90.0, 40.0, 50)])
    0
    """
    static = timings[0]
    finalists = [i for i, timing in enumerate(timings) if timing.count >= static.count]
    index = min(finalists, key=lambda i: timings[i].median_ns)
    gain = static.median_ns - timings[index].median_ns
    error = (static.error_ns**2 + timings[index].error_ns ** 2) ** 0.5
    return index if gain > max(LEAST_GAIN * static.median_ns, SIGMAS * error) else 0


def waiting(units: int, threads: int) -> float:
    """Time on `threads` over an even share: how much longer it takes since units cannot be divided.

    >>> waiting(8, 4), waiting(9, 4)
    (1.0, 1.3333333333333333)
    """
    return -(-units // threads) * threads / units
