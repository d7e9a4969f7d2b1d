"""What integer-only transformers are trained with: the formulas of the papers, in float and as curves of integers."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import nonlinear

EVERY_U = np.arange(1 << 16)


def i_bert_exp(x: float) -> float:
    """Algorithm 2 of the paper, in real numbers."""
    z = math.floor(-x / math.log(2))
    p = x + z * math.log(2)
    return (0.3585 * (p + 1.353) ** 2 + 0.344) / 2**z


def i_vit_exp(x: float) -> float:
    """Equations 6 to 9 of the paper, in real numbers: x log2 e by shifts, 2^-r by a line."""
    t = -(x + x / 2 - x / 16)
    return (1 - (t - math.floor(t)) / 2) / 2 ** math.floor(t)


PAPERS = {nonlinear.I_BERT: i_bert_exp, nonlinear.I_VIT: i_vit_exp}


@pytest.mark.parametrize("name", PAPERS)
def test_exponentials_are_those_of_the_papers(name: str) -> None:
    x = torch.linspace(-9, 0, 500, dtype=torch.float64)
    got = nonlinear.EXPONENTIALS[name](torch, x)
    at_zero = PAPERS[name](0.0)  # I-BERT's is 1.0003; a softmax does not see it
    wanted = [PAPERS[name](float(each)) / at_zero for each in x]
    np.testing.assert_allclose(got, wanted, atol=2e-4)


@pytest.mark.parametrize("name", nonlinear.EXPONENTIALS)
def test_curves_over_all_logarithms(name: str) -> None:
    """Every product in unsigned 32 bits, never rising, nothing left at 9 * 2^11; within 1.6 of the function itself."""
    one = nonlinear.EXPONENTIALS[name]
    assert one.curve.fits
    got = softmax.weight(EVERY_U, one.curve)
    assert got[0] == 255 and (np.diff(got) <= 0).all() and not got[9 << 11 :].any()
    real = 255 * one(torch, torch.from_numpy(-EVERY_U / 2048 / float(one.log2_e))).numpy()
    assert np.abs(got - real).max() < 1.6


def test_curves_that_do_not_fit() -> None:
    for curve in (softmax.Curve(65280, 70000, 0), softmax.Curve(65500, 43725, 11085), softmax.Curve(65280, 100, 200)):
        assert not curve.fits


def test_gelu_of_the_papers() -> None:
    """Near the real one: I-BERT's within 0.018 (Table 1 of the paper), I-ViT's within 0.06."""
    for kind, most in ((nonlinear.erf_i_bert, 0.019), (None, 0.06)):
        worst = 0.0
        for step in range(-80, 81):
            x = Fraction(step, 16)
            real = float(x) * (1 + math.erf(float(x) / math.sqrt(2))) / 2
            gate: Any = (1 + kind(x * Fraction(math.sqrt(0.5)))) / 2 if kind else nonlinear.sigmoid_i_vit(x * 27 / 16)
            worst = max(worst, abs(float(x * gate) - real))
        assert most / 3 < worst < most
