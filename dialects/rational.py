"""Real functions of rational numbers, exact or to 50 digits: the same on every machine.

A C library's `exp` differs in its last bit from one machine to the next; that of decimal arithmetic is correctly
rounded.
"""

from decimal import Context, Decimal
from fractions import Fraction

DIGITS = Context(prec=50)
PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651"
)

LOG2_E = Fraction(DIGITS.divide(Decimal(1), DIGITS.ln(Decimal(2))))


def sigmoid(x: Fraction) -> Fraction:
    """`1 / (1 + exp(-x))`.

    >>> sigmoid(Fraction(0)), round(float(sigmoid(Fraction(-1000))), 300)
    (Fraction(1, 2), 0.0)
    """
    # exp of the negative side only: e^-|x| neither overflows nor loses digits
    small = Fraction(DIGITS.exp(DIGITS.divide(Decimal(-abs(x.numerator)), Decimal(x.denominator))))
    return 1 / (1 + small) if x >= 0 else small / (1 + small)


def normal_distribution(x: Fraction) -> Fraction:
    """`(1 + erf(x / sqrt(2))) / 2`, the share of a normal distribution below x.

    Taylor's series around 0 (Abramowitz and Stegun, 26.2.11): all terms have one sign, so that nothing is lost.

    >>> float(normal_distribution(Fraction(0))), round(float(normal_distribution(Fraction(1))), 12)
    (0.5, 0.841344746069)
    """
    if abs(x) > 20:  # the rest is below 10^-88
        return Fraction(int(x > 0))
    wide = Context(prec=250)  # the tail of -20 is 10^-89 of a difference of halves
    z = wide.divide(Decimal(x.numerator), Decimal(x.denominator))
    square, term, total, n = wide.multiply(z, z), z, z, 1
    while abs(term) > Decimal(10) ** -150:
        n += 2
        term = wide.divide(wide.multiply(term, square), Decimal(n))
        total = wide.add(total, term)
    density = wide.exp(wide.divide(wide.minus(square), Decimal(2)))
    density = wide.divide(density, wide.sqrt(wide.multiply(Decimal(2), PI)))
    return Fraction(1, 2) + Fraction(wide.multiply(density, total))


def clip(x: Fraction, low: int, high: int) -> Fraction:
    """`min(max(x, low), high)`."""
    return min(max(x, Fraction(low)), Fraction(high))
