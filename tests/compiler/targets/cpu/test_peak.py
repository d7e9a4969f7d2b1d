"""What the machine can do at most: peaks that make sense, at every level that it has."""

import os

from dyadic.compiler.targets.cpu import peak
from dyadic.runtime.cpu import levels


def test_peaks_are_of_the_right_order() -> None:
    processor = (min(os.sched_getaffinity(0)),)
    best = {level: peak.peak_gmacs(level, processor, 0.002) for level in levels.usable()}
    assert best["x86-64"] > 1
    for level, times_as_fast in (("avx2", 1.3), ("avx512vnni", 4.0), ("amx", 20.0)):
        if level in best:
            assert best[level] > times_as_fast * best["x86-64"], best


def test_threads_of_a_peak_leave_the_caller_where_it_was() -> None:
    allowed = os.sched_getaffinity(0)
    peak.peak_gmacs("x86-64", (min(allowed),), 0.001)
    assert os.sched_getaffinity(0) == allowed


def test_reading_from_a_cache_is_no_slower_than_from_memory() -> None:
    """Of a size that takes much longer to read than a call takes."""
    near, far = (peak.bandwidth_gbytes("x86-64", size, 0.01) for size in (1 << 18, 1 << 26))
    assert 0 < far < 1.5 * near
