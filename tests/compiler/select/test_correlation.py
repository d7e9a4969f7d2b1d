"""Spearman's rank correlation against scipy's, and its interval against how often it holds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from dyadic.compiler.select.correlation import rank_correlation

VALUES = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=20)


@given(VALUES)
def test_ties_share_their_rank_as_in_scipy(values: list[tuple[int, int]]) -> None:
    first, second = ({f"l{i}": float(v[side]) for i, v in enumerate(values)} for side in (0, 1))
    found = rank_correlation(first, second)
    if len(set(first.values())) == 1 or len(set(second.values())) == 1:
        assert found is None
        return
    assert found is not None and found.layers == len(values)
    expected: Any = spearmanr(list(first.values()), list(second.values()))
    assert found.rho == pytest.approx(expected.statistic)
    assert -1 - 1e-9 <= found.low <= found.high <= 1 + 1e-9


def test_the_same_order_is_one_whatever_the_values() -> None:
    found = rank_correlation({"a": 1.0, "b": 2.0, "c": 30.0, "d": 4e5}, {"d": 9.0, "c": 8.0, "b": 7.0, "a": 6.0})
    assert found is not None and (found.rho, found.high) == (pytest.approx(1.0), pytest.approx(1.0))


def test_layers_that_one_side_does_not_know_are_left_out() -> None:
    first = {"a": 1.0, "b": 2.0, "c": 3.0, "only here": -5.0}
    found = rank_correlation(first, {"a": 3.0, "b": 2.0, "c": 1.0})
    assert found is not None and found.layers == 3 and found.rho == pytest.approx(-1.0)
    assert rank_correlation(first, {"a": 3.0, "b": 2.0}) is None


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of a bivariate normal distribution, rho is 6/pi asin(r/2)."""
    rng = np.random.default_rng(0)
    held, truth = 0, 6 / np.pi * np.arcsin(0.6 / 2)
    for _ in range(50):
        x, noise = rng.standard_normal((2, 60))
        y = 0.6 * x + 0.8 * noise
        found = rank_correlation({str(i): v for i, v in enumerate(x)}, {str(i): v for i, v in enumerate(y)})
        assert found is not None
        held += found.low <= truth <= found.high
    assert 44 <= held <= 50
