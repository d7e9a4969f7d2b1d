"""Softmax from tables: at most a step from the real one rounded, whatever the rows and the scales."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples
from support.row_tensors import rows_of

from dyadic.dialects import tabulated_softmax
from dyadic.runtime.fixedpoint import limited_multiplier

UPPER_HALVES = np.arange(1 << 15, 1 << 16)  # of sums in [2^31, 2^32)
LENGTHS = [1, 2, 3, 17, 197, 1000, 4000]


@pytest.mark.parametrize("step", [Fraction(1, 10**6), Fraction(1, 300), Fraction(3, 7), Fraction(50)])
def test_tables_hold_exponentials(step: Fraction) -> None:
    """To half a unit each; a product of two to a unit and a bit, never rising with the distance."""
    every = np.arange(256)
    narrow, both = (tabulated_softmax.table(step, wide=wide) for wide in (False, True))
    assert (narrow == both[0]).all() and narrow[0] == both[1, 0] == 1 << 30
    assert np.abs(narrow - np.exp(-every * float(step)) * 2**30).max() <= 0.501
    far = np.arange(1 << 16)
    products = tabulated_softmax.weights(both, far)
    assert np.abs(products - np.exp(-far * float(step)) * 2**30).max() <= 1.51
    assert (np.diff(tabulated_softmax.weights(narrow, every)) <= 0).all()


def test_one_over_any_sum() -> None:
    """Never too large, less than 2^-28 too small, and every step in 63 bits."""
    for low in (0, 1, 12345, 32768, 65535):
        r = UPPER_HALVES << 16 | low
        inverse, k = tabulated_softmax.reciprocal(r)
        exact = [(1 << 62) // int(value) for value in r[::997]]
        assert (k == 31).all() and inverse.max() <= 1 << 31
        assert (inverse[::997] <= exact).all()
        assert (inverse[::997] >= np.array(exact) * (1 - 2.0**-28)).all()
        first = tabulated_softmax.FIRST - ((tabulated_softmax.SLOPE * r) >> 32)
        assert int(first.max()) * (1 << 32) < 1 << 63 and (r * first > 0).all()
    for total in (*range(1 << 30, (1 << 30) + 50), *(2**k + d for k in range(31, 53) for d in (-1, 0, 1))):
        inverse, k = (int(v) for v in tabulated_softmax.reciprocal(total))
        assert 2**k <= total < 2 ** (k + 1)
        assert 0 <= 1 - Fraction(inverse * total, 1 << (31 + k)) < Fraction(1, 1 << 27)


def real(x: np.ndarray, step: float, scale: float) -> np.ndarray:
    """The softmax of steps, in steps of `scale`, without rounding."""
    power = np.exp((x - x.max(-1, keepdims=True)) * np.longdouble(step))
    return power / power.sum(-1, keepdims=True) / np.longdouble(scale)


@examples(60)
@given(st.data())
def test_no_result_is_farther_than_a_step_from_the_real_one_rounded(data: st.DataObject) -> None:
    """Input and result of 8 or 16 bits; rows in which all are alike, one is all, or many are next to nothing."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    wide_x, wide_out = data.draw(st.booleans()), data.draw(st.booleans())
    n, low, high = data.draw(st.sampled_from(LENGTHS)), *((-32768, 32767) if wide_x else (0, 255))
    x = rows_of(rng, 3, n, low, high)
    x[-1] = np.where(np.arange(n) % n == 0, high, high - data.draw(st.integers(1, min(high - low, 4000))))
    step, scale = (float(np.float32(10.0 ** data.draw(st.floats(*ends)))) for ends in ((-6, 1), (-6, 0)))
    table = tabulated_softmax.table(Fraction(step), wide=wide_x)
    got = tabulated_softmax.softmax(table, x, *limited_multiplier(1 / Fraction(scale)))
    most = 32767 if wide_out else 255
    exact = np.minimum(real(x, step, scale), most + 10)
    error = np.abs(np.minimum(got, most) - np.minimum(np.floor(exact + 0.5), most))
    assert error.max() <= 1
    if not wide_out and n <= 1000:  # and seldom a step
        assert np.abs(np.minimum(got, most) - np.minimum(exact, most)).max() < 0.51


def test_many_small_ones_count() -> None:
    """One token that stands out of 197: what is 1/256 of it and less makes two fifths of the sum."""
    x = np.array([[255] + [96] * 196])
    table = tabulated_softmax.table(Fraction(357, 10_000), wide=False)  # e^-5.68 = 0.0034
    got = tabulated_softmax.softmax(table, x, *limited_multiplier(Fraction(255)))
    assert got[0, 0] == 153 and set(got[0, 1:].tolist()) == {1}
