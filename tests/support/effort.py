"""How much a test tries: enough by day; every night more, from other seeds.

DYADIC_TEST_SEED is the night's seed. Without it every run is the same.
"""

import os
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import Phase, settings

SEED = os.environ.get("DYADIC_TEST_SEED")


def examples(count: int, by_night: int | None = None) -> settings:
    """Settings of hypothesis: `count` examples, always the same; by night `by_night` (8 * count) of the night's seed.

    Nothing is shrunk: an example of kernels takes seconds, and its failure names the level and the spec.
    """
    most = count if SEED is None else by_night or 8 * count
    return settings(max_examples=most, deadline=None, derandomize=SEED is None, phases=[Phase.generate])


def slow(values: Iterable[Any]) -> list[Any]:
    """Parameters of long cases."""
    marks = pytest.mark.slow
    return [pytest.param(*(v if isinstance(v, tuple) else (v,)), marks=marks) for v in values]


def seeds(usual: Iterable[int], by_night: int) -> list[Any]:
    """These, and `by_night` others among the long cases."""
    return [*usual, *slow(night_seeds(by_night))]


def night_seeds(count: int) -> range:
    """Seeds for long cases, others every night."""
    first = 1000 * int(SEED or 1)
    return range(first, first + count)
