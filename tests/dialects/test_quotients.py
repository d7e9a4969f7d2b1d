"""Multipliers near one over 16-bit integers."""

from fractions import Fraction

import numpy as np
import pytest

from dyadic.dialects import quotients


@pytest.mark.parametrize("ratio", [Fraction(1, 1 << 15), Fraction(7, 3), Fraction(1, 255)])
def test_multipliers_are_the_inverse_to_16_bits(ratio: Fraction) -> None:
    table, shift = quotients.line_table(ratio)
    assert quotients.fits(table)
    b = np.concatenate([np.arange(-32768, 0), np.arange(1, 32768)])
    exact = float(ratio * (1 << shift)) / b
    off = np.abs(quotients.multipliers(table, b) - exact)
    assert (off <= 1.1 + np.abs(exact) * 2.0**-16).all() and off[np.abs(b) < 256].max() <= 0.501
    assert quotients.multipliers(table, np.array([0, 1]))[0] == quotients.multipliers(table, np.array([1]))[0]


def test_ratios_that_are_large_because_divisors_are() -> None:
    """What no multiplier can say of small divisors is cut off, and nothing else."""
    ratio = Fraction(30_000)
    table, shift = quotients.line_table(ratio)
    b = np.arange(8_000, 32_768)
    exact = float(ratio * (1 << shift)) / b
    assert quotients.fits(table) and shift == 16
    assert (np.abs(quotients.multipliers(table, b) / exact - 1) < 2.0**-15).all()


def test_ratios_that_saturate_anyway_stay_inside_int32() -> None:
    table, shift = quotients.line_table(Fraction(1 << 40))
    assert shift == quotients.SHIFT_MIN and quotients.fits(table)
