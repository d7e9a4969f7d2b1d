"""What `qi.layer_norm` makes of rows is the real normalization to the error that docs/arithmetic.md says."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from torch_mlir import ir

from dyadic.dialects import new_context, qi
from dyadic.dialects.qi.norms import largest_normalized, normalized_bits
from dyadic.dialects.reference import main_function

Rows = npt.NDArray[np.int64]


def normalized(rows: Rows, epsilon: int, *, centered: bool) -> tuple[Rows, npt.NDArray[np.float64]]:
    """`xhat` as integers, and what it stands for in the same units. s16, no zero point."""
    n = rows.shape[-1]
    with new_context() as context, context, ir.Location.unknown():
        kind, affine = f"tensor<1x{n}x!quant.uniform<i16:f32, 1.0>>", f"tensor<{n}xi32>"
        module = ir.Module.parse(f"""
        func.func @main(%x: {kind}, %g: {affine}) {{
          %r = "qi.layer_norm"(%x, %g, %g) {{acc = array<i64: 0, 0>, centered = {str(centered).lower()},
            epsilon = {epsilon} : i64, high = 0 : i64, low = 0 : i64, shift = 11 : i64}}
            : ({kind}, {affine}, {affine}) -> {kind}
          return
        }}""")
        op = main_function(module).regions[0].blocks[0].operations[0].opview
        assert isinstance(op, qi.LayerNormOp)
        got = op.normalized(rows.astype(np.int16))
    real = rows.astype(np.longdouble)
    if centered:
        real = real - real.mean(-1, keepdims=True)
    square = (real * real).mean(-1, keepdims=True) + np.longdouble(epsilon) / n**2
    return got, (real / np.sqrt(square) * 2.0 ** normalized_bits(n)).astype(np.float64)


@pytest.mark.parametrize("n", [2, 3, 16, 192, 768, 1023, 1024, 4095])
@pytest.mark.parametrize("centered", [True, False])
def test_ordinary_rows_are_off_by_no_more_than_two_thirds_of_a_step(n: int, centered: bool) -> None:
    """Half a step of rounding, and 2^-15 of the number itself, which is 4 or 5 standard deviations at most."""
    random = np.random.default_rng(n)
    deviations = np.exp(random.uniform(0, np.log(10_000), (200, 1)))
    rows = np.clip(np.rint(random.normal(0, 1, (200, n)) * deviations), -32768, 32767).astype(np.int64)
    got, real = normalized(rows, 1, centered=centered)
    assert np.abs(got - real).max() <= 0.5 + np.abs(real).max() * 2.0**-15 <= 0.67


@pytest.mark.parametrize("n", [1, 2, 192, 1023, 1024, 4095])
@pytest.mark.parametrize("centered", [True, False])
def test_the_worst_rows_fit_16_bits_and_keep_the_bound(n: int, centered: bool) -> None:
    """One number that differs, by as much or as little as there is; the ends of s16; all the same."""
    rows = np.zeros((10, n), np.int64)
    rows[:4, 0] = -32768, 32767, 1, -1
    rows[4] = 32767
    rows[5] = -32768
    rows[5, 0] = 32767
    rows[6, : n // 2] = 32767
    rows[7] = 12345
    rows[8] = 12345
    rows[8, -1] = 12346
    rows[9] = np.arange(n) % 2
    got, real = normalized(rows, 1, centered=centered)
    assert np.abs(got).max() <= largest_normalized(n) <= 32767
    assert (np.abs(got - real) <= 0.5 + np.abs(real) * 2.0**-15).all()
    if n > 1:
        assert np.abs(got).max() >= 2 ** normalized_bits(n) * math.sqrt(n - 1) * (1 - 2.0**-14) - 1


@pytest.mark.parametrize("n", [4096, 30_000, 300_000])
@pytest.mark.parametrize("centered", [True, False])
def test_long_rows_are_as_exact_up_to_32_deviations(n: int, centered: bool) -> None:
    """Their variance has more than 64 bits; the one number that differs is cut off."""
    random = np.random.default_rng(n)
    rows = np.rint(random.normal(3, [[1.5], [3000.0], [0.0]], (3, n))).clip(-32768, 32767).astype(np.int64)
    rows[2] = -32768
    rows[2, 7] = 32767
    got, real = normalized(rows, 1, centered=centered)
    real = real.clip(-32768, 32767)
    assert (np.abs(got - real) <= 0.5 + np.abs(real) * 2.0**-15).all()
    assert got[2, 7] == 32767 or not centered


def test_rows_without_any_difference_are_zero_when_centered() -> None:
    got, _ = normalized(np.full((1, 384), -32768), 1, centered=True)
    assert not got.any()
