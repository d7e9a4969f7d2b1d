"""The one definition of rounding and multipliers, against exact rational arithmetic and values computed by hand."""

import doctest
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyadic.runtime import fixedpoint
from dyadic.runtime.fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    SHIFT_MAX,
    SHIFT_MIN,
    SHORT_MIN,
    WIDE_END,
    WIDE_MIN,
    dequantize,
    limited_multiplier,
    quantize,
    requant,
    round_half_up,
    round_shift,
    short_multiplier,
    wide_multiplier,
)

ratios = st.builds(
    lambda n, d, e: Fraction(n, d) * Fraction(2) ** e,
    st.integers(1, 1 << 60),
    st.integers(1, 1 << 60),
    st.integers(-20, 20),
).filter(lambda r: Fraction(1, 1 << 31) <= r < Fraction(1 << 28))
accumulators = st.integers(INT32_MIN, INT32_MAX)


def test_doctests() -> None:
    assert doctest.testmod(fixedpoint).failed == 0


@given(accumulators, st.integers(0, WIDE_END - 1), st.integers(SHIFT_MIN, SHIFT_MAX), st.integers(0, 255))
def test_requant_is_the_rational_number_rounded_once(acc: int, m: int, s: int, zero_point: int) -> None:
    exact = round_half_up(Fraction(acc * m, 1 << s)) + zero_point
    assert requant(acc, m, s, zero_point, 0, 255) == min(max(exact, 0), 255)


@given(st.integers(-(1 << 62), 1 << 61), st.integers(0, 62))
def test_round_shift_takes_halves_up(value: int, shift: int) -> None:
    assert round_shift(value, shift) == round_half_up(Fraction(value, 1 << shift))


@given(ratios)
def test_a_wide_multiplier_is_the_nearest(ratio: Fraction) -> None:
    m, s = wide_multiplier(ratio)
    assert WIDE_MIN <= m < WIDE_END and SHIFT_MIN <= s <= SHIFT_MAX
    error = abs(Fraction(m, 1 << s) - ratio)
    assert error <= abs(Fraction(m + 1, 1 << s) - ratio)
    assert error <= abs(Fraction(m - 1, 1 << s) - ratio)


def test_a_ratio_that_rounds_to_the_end_is_renormalized() -> None:
    assert wide_multiplier(Fraction(WIDE_END * 2 - 1, 1 << 33)) == (WIDE_MIN, 31)
    assert wide_multiplier(Fraction(WIDE_END * 2 - 2, 1 << 33)) == (WIDE_END - 1, 32)


@pytest.mark.parametrize("ratio", [Fraction(1), Fraction(7, 4), Fraction(1 << 28)])
def test_a_ratio_of_one_and_more_has_a_shift_below_32(ratio: Fraction) -> None:
    m, s = wide_multiplier(ratio)
    assert s < 32 and Fraction(m, 1 << s) == ratio


@pytest.mark.parametrize("ratio", [Fraction(-1, 2), Fraction(1 << 29), Fraction(1, 1 << 33)])
def test_ratios_outside_the_shifts_are_refused(ratio: Fraction) -> None:
    with pytest.raises(ValueError):
        wide_multiplier(ratio)


@given(accumulators, st.integers(-60, 60).map(lambda e: Fraction(2) ** e * Fraction(5, 4)), st.integers(0, 255))
def test_a_limited_multiplier_gives_what_the_ratio_gives(acc: int, ratio: Fraction, zero_point: int) -> None:
    m, s = limited_multiplier(ratio)
    exact = min(max(round_half_up(acc * ratio) + zero_point, 0), 255)
    assert requant(acc, m, s, zero_point, 0, 255) == exact


@given(ratios, st.integers(1, INT32_MAX))
def test_a_short_multiplier_is_rounded_up_and_fits_int32(ratio: Fraction, bound: int) -> None:
    pair = short_multiplier(ratio, bound)
    if pair is None:
        return
    m, s = pair
    assert m >= SHORT_MIN and Fraction(m, 1 << s) >= ratio > Fraction(m - 1, 1 << s)
    assert bound * m + (1 << (s - 1)) <= INT32_MAX
    if s < 30:  # one more bit would not fit
        finer = -((-ratio.numerator << (s + 1)) // ratio.denominator)
        assert bound * finer + (1 << s) > INT32_MAX


def test_the_boundary_is_ieee_and_rounds_half_to_even() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, 300.0, np.nan, np.inf, -np.inf, 3e38], np.float32)
    assert quantize(x, 1.0, 10).tolist() == [10, 12, 12, 10, 255, 10, 255, 0, 255]
    third = float(np.float32(1) / np.float32(3))
    assert dequantize(np.array([4], np.uint8), third, 1)[0] == np.float32(3) * np.float32(third)
