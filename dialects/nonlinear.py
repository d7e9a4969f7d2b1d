"""The functions that integer-only transformers were trained with, in place of the exponential and of GELU.

A network that was trained with an approximation has learned to live with it: it wants that one, not a better one.

* I-BERT (Kim et al., 2021): polynomials of degree 2. `exp(p)` for p in (-ln 2, 0] is `0.3585 (p + 1.353)^2 + 0.344`,
  `erf(x)` is `sgn(x) (-0.2888 (min(|x|, 1.769) - 1.769)^2 + 1)`.
* I-ViT (Li and Gu, 2023): shifts. `exp(p)` is `2^-n (1 - r/2)` where `n + r` is `-(p + (p >> 1) - (p >> 4))`, GELU is
  `x` times a sigmoid of these at `x + (x >> 1) + (x >> 3) + (x >> 4)`.

Quotients are what they are in every softmax here: a multiplier with one over the sum, within 2^-15 of it, where those
papers divide integers and round down.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import Any

from dyadic.dialects.integer_softmax import EXPONENTIAL, Curve
from dyadic.dialects.rational import LOG2_E

NONLINEAR = "qd.nonlinear"  # of an attention: the name of its exponential
I_BERT, I_VIT = "i-bert", "i-vit"


@dataclass(frozen=True)
class Exponential:
    """`2^-n * curve(f)`, where n + f is minus the argument times `log2_e`."""

    log2_e: Fraction
    curve: Curve

    def __call__(self, xp: ModuleType, x: Any) -> Any:
        """Of numbers that are not positive, in float."""
        t = -x * float(self.log2_e)
        whole = xp.floor(t)
        f, (one, linear, square) = t - whole, self.curve
        return xp.exp2(-whole) * (one - f * (linear - f * square)) / one


def i_bert() -> Exponential:
    """0.3585 (p + 1.353)^2 + 0.344 at p = -f ln 2, in 65280ths."""
    a, b, c, ln2 = 0.3585, 1.353, 0.344, math.log(2)
    every = (a * b * b + c, 2 * a * b * ln2, a * ln2 * ln2)
    return Exponential(LOG2_E, Curve(*(round(65280 * each) for each in every)))


EXPONENTIALS = {
    "exact": Exponential(LOG2_E, EXPONENTIAL),
    I_BERT: i_bert(),
    I_VIT: Exponential(Fraction(23, 16), Curve(65280, 32640, 0)),
}


def exponential_of(op: Any) -> Exponential:
    """That of an attention; the real one where it does not say."""
    attributes = op.operation.attributes
    return EXPONENTIALS[attributes[NONLINEAR].value if NONLINEAR in attributes else "exact"]


def erf_i_bert(x: Fraction) -> Fraction:
    """
    >>> float(erf_i_bert(Fraction(2))), round(float(erf_i_bert(Fraction(-1))), 3)
    (1.0, -0.829)
    """
    a, b = Fraction("-0.2888"), Fraction("1.769")
    size = a * (min(abs(x), b) - b) ** 2 + 1
    return size if x >= 0 else -size


def exp_i_vit(x: Fraction) -> Fraction:
    """Of a number that is not positive."""
    t = -x * Fraction(23, 16)
    whole = math.floor(t)
    return (1 - (t - whole) / 2) / (1 << min(whole, 200))


def sigmoid_i_vit(x: Fraction) -> Fraction:
    """exp(x - m) / (exp(x - m) + exp(-m)), m the larger of x and 0."""
    one, other = exp_i_vit(min(x, Fraction(0))), exp_i_vit(min(-x, Fraction(0)))
    return one / (one + other)
