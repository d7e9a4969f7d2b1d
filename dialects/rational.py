"""Real functions of rational numbers, exact or to 50 digits: the same on every machine.

A C library's `exp` differs in its last bit from one machine to the next; that of decimal arithmetic is correctly
rounded.
"""

from decimal import Context, Decimal
from fractions import Fraction

DIGITS = Context(prec=50)


def sigmoid(x: Fraction) -> Fraction:
    """`1 / (1 + exp(-x))`.

    >>> sigmoid(Fraction(0)), round(float(sigmoid(Fraction(-1000))), 300)
    (Fraction(1, 2), 0.0)
    """
    # exp of the negative side only: e^-|x| neither overflows nor loses digits
    small = Fraction(DIGITS.exp(DIGITS.divide(Decimal(-abs(x.numerator)), Decimal(x.denominator))))
    return 1 / (1 + small) if x >= 0 else small / (1 + small)


def clip(x: Fraction, low: int, high: int) -> Fraction:
    """`min(max(x, low), high)`."""
    return min(max(x, Fraction(low)), Fraction(high))
