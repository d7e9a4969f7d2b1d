"""The integer softmax over all that it can be given: how far it is from the real one, and that nothing overflows."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.dialects import integer_softmax as softmax

EVERY_U = np.arange(1 << 16)


def test_weights_of_all_logarithms() -> None:
    """Within 1.08 of 255 * 2^-u, never rising, 0 exactly from NOTHING on; every product in unsigned 32 bits."""
    got = softmax.weight(EVERY_U)
    error = np.abs(got - 255 * np.exp2(-EVERY_U / 2048))
    assert 1.07 < error.max() < 1.08
    assert got[0] == 255 and (np.diff(got) <= 0).all()
    assert got[softmax.NOTHING - 1] == 1 and not got[softmax.NOTHING :].any()
    f = (EVERY_U << 5) & 65535
    curve = softmax.EXPONENTIAL
    inner = curve.linear - ((f * curve.square) >> 16)
    e = curve.one - ((f * inner) >> 16)
    assert inner.min() > 0 and (f * inner).max() < 1 << 32
    assert e.min() >= 32650 and e.max() == 65280  # 128 more still fits 16 bits
    assert np.abs(e / (65280 * np.exp2(-f / 65536)) - 1).max() < 0.00272


def test_reciprocals_of_all_sums() -> None:
    """Of every r in [2^15, 2^16), and so of every sum: exact, and R * 2^-(16+k) within 2^-15 of one over it."""
    r = np.arange(1 << 15, 1 << 16)
    got, log2 = softmax.reciprocal(r)
    assert (log2 == 15).all()
    assert (got * r <= 1 << 31).all() and ((got + 1) * r > 1 << 31).all()
    for total in (*range(1, 5000), *(2**k + d for k in range(12, 31) for d in (-1, 0, 1))):
        inverse, k = (int(v) for v in softmax.reciprocal(total))
        assert 2**k <= total < 2 ** (k + 1)
        assert abs(Fraction(inverse * total, 1 << (16 + k)) - 1) < Fraction(1, 1 << 14)


@examples(60)
@given(st.floats(-12, 3), st.integers(1, 1 << 30))
def test_distances_fit_and_are_as_far_apart_as_the_scores(exponent: float, most: int) -> None:
    step = Fraction(10.0**exponent)
    rule = softmax.distances(step, most)
    assert rule.fits and 1 <= rule.farthest <= most
    # what is cut off makes no weight
    assert rule.farthest == most or rule.u(rule.farthest) >= softmax.NOTHING
    ratio = min(step * softmax.LOG2_E * 2048, softmax.NOTHING)
    # within half a unit in the last place of the multiplier, which has 16 bits where scores are far enough apart
    for d in {0, 1, rule.farthest // 3, rule.farthest}:
        assert abs(int(rule.u(d)) - ratio * d) <= Fraction(1, 2) + Fraction(d, 2 << rule.shift)


def test_rows() -> None:
    """By hand: two scores a factor of two apart, one that is not valid though it is the largest, and a row of none."""
    rule = softmax.distances(Fraction(1), 1 << 20)
    two = round(float(1 / softmax.LOG2_E * 1000))  # ln 2 in steps of 1/1000
    fine = softmax.distances(Fraction(1, 1000), 1 << 20)
    weights, total = softmax.weights(np.array([[0, -two]]), np.ones(2), fine)
    assert weights.tolist() == [[255, 128]] and total.tolist() == [[383]]
    scores, valid = np.array([[900, 3, 3], [1, 2, 3]]), np.array([[0, 1, 7], [0, 0, 0]])
    weights, total = softmax.weights(scores, valid, rule)
    assert weights.tolist() == [[0, 255, 255], [0, 0, 0]] and total.tolist() == [[510], [0]]
