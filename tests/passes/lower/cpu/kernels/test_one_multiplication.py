"""What is found makes the same bytes of all 65,536 numbers, and norms as networks have them find something."""

import numpy as np
import pytest

from dyadic.passes.lower.cpu.kernels.vocabulary.one_multiplication import Copy, one_multiplication

EVERY = np.arange(-32768, 32768)


def wanted(a: int, b: int, s: int, zero_point: int) -> np.ndarray:
    return (((EVERY.astype(object) * a + b) >> s) + zero_point).clip(0, 255).astype(np.int64)


def check(a: np.ndarray, b: np.ndarray, s: np.ndarray, zero_point: int) -> Copy | None:
    copy = one_multiplication(a, b, s, zero_point)
    if copy is not None:
        assert (copy.factor < 1 << 30).all() and (copy.factor >= 0).all()
        assert (copy.start % (1 << 15) == 0).all() and (np.abs(copy.start) < 1 << 45).all() and copy.shift >= 15
        for i in range(len(a)):
            got = ((EVERY * copy.factor[i] + copy.start[i]) >> copy.shift).clip(0, 255)
            np.testing.assert_array_equal(got, wanted(int(a[i]), int(b[i]), int(s[i]), zero_point), f"channel {i}")
    return copy


def scale_and_shift(
    rng: np.random.Generator, channels: int, spread: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `balance-norms` leaves them: weights of 127, multipliers of 31 bits, biases inside the range of results."""
    m = rng.integers(1 << 30, 1 << 31, channels)
    s = np.rint(45 - rng.uniform(0, spread, channels)).astype(np.int64)
    bias = rng.integers(-(1 << 20), 1 << 20, channels)
    return 127 * m, bias * m + (np.int64(1) << (s - 1)), s


@pytest.mark.parametrize("seed", range(3))
def test_every_number_becomes_the_same_byte(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert check(*scale_and_shift(rng, 24, 3), int(rng.integers(0, 256))) is not None


def test_one_scale_for_all_channels() -> None:
    a, s = np.full(3, 1_518_500_250), np.full(3, 38)
    assert check(a, np.int64(1) << (s - 1), s, 128) is not None


@pytest.mark.parametrize("zero_point", [0, 131, 255])
def test_constant_channels_and_those_that_saturate(zero_point: int) -> None:
    a = np.array([0, 0, 0, 1 << 37, 1 << 37, 1 << 30])
    s = np.full(6, 40)
    b = np.array([0, 1 << 45, -(1 << 45), 1 << 47, -(1 << 47), 0])
    assert check(a, b, s, zero_point) is not None


def test_what_falls_or_is_out_of_reach_is_left_alone() -> None:
    s = np.array([45])
    assert one_multiplication(np.array([-(1 << 37)]), np.array([0]), s, 128) is None
    assert one_multiplication(np.array([0]), np.array([0]), s, 128) is None
    assert one_multiplication(np.array([1 << 37]), np.array([0]), np.array([10]), 128) is None


def test_a_thousand_channels_find_something() -> None:
    rng = np.random.default_rng(7)
    assert all(one_multiplication(*scale_and_shift(rng, 1024, 2), 127) is not None for _ in range(10))
