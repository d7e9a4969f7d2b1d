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

ONE_OVER_ROOT_OF_2_PI = Fraction(DIGITS.divide(Decimal(1), DIGITS.sqrt(DIGITS.multiply(Decimal(2), PI))))
FIXED_BITS = 560  # behind the point, of sums that reach 10^87 and are multiplied with 10^-87 then

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

    Taylor's series around 0 (Abramowitz and Stegun, 26.2.11): all terms have one sign. Off by less than 10^-47.

    >>> float(normal_distribution(Fraction(0))), round(float(normal_distribution(Fraction(1))), 12)
    (0.5, 0.841344746069)
    """
    if abs(x) > 20:  # the rest is below 10^-88
        return Fraction(int(x > 0))
    z = (x.numerator << FIXED_BITS) // x.denominator
    square, term, total, n = z * z >> FIXED_BITS, z, z, 1
    while term not in (0, -1):  # -1: what rounding down leaves of negative numbers
        n += 2
        term = (term * square >> FIXED_BITS) // n
        total += term
    density = exp(-x * x / 2) * ONE_OVER_ROOT_OF_2_PI
    return Fraction(1, 2) + Fraction(total, 1 << FIXED_BITS) * density


def exp(x: Fraction) -> Fraction:
    """`exp(x)`; beyond 10000 that of 10000, which is 10^4342.

    >>> float(exp(Fraction(1))), exp(Fraction(0))
    (2.718281828459045, Fraction(1, 1))
    """
    x = clip(x, -10_000, 10_000)
    return Fraction(DIGITS.exp(_decimal(x)))


def log(x: Fraction) -> Fraction:
    """The natural logarithm of a positive number.

    >>> float(log(Fraction(2)))
    0.6931471805599453
    """
    return Fraction(DIGITS.ln(_decimal(x)))


def softplus(x: Fraction) -> Fraction:
    """`log(1 + exp(x))`.

    >>> float(softplus(Fraction(0))), float(softplus(Fraction(-1)))
    (0.6931471805599453, 0.31326168751822286)
    """
    return max(x, Fraction(0)) + log(1 + exp(-abs(x)))


def sqrt(x: Fraction) -> Fraction:
    """The root of a number that is not negative.

    >>> sqrt(Fraction(9, 4))
    Fraction(3, 2)
    """
    return Fraction(DIGITS.sqrt(_decimal(x)))


def power(x: Fraction, exponent: Fraction) -> Fraction:
    """`x ** exponent`; of a negative x with a whole exponent only, of 0 with a positive one.

    >>> power(Fraction(-2), Fraction(3)), float(power(Fraction(2), Fraction(1, 2)))
    (Fraction(-8, 1), 1.4142135623730951)
    """
    if exponent.denominator == 1 and abs(exponent) <= 64:
        return x ** int(exponent)
    if x <= 0:
        odd = exponent.denominator == 1 and int(exponent) % 2
        return Fraction(0) if x == 0 else power(-x, exponent) * (-1 if odd else 1)
    return exp(exponent * log(x))


def sin(x: Fraction) -> Fraction:
    """
    >>> float(sin(Fraction(1))), float(sin(Fraction(-1000)))
    (0.8414709848078965, -0.8268795405320025)
    """
    wide = Context(prec=100)
    z = wide.divide(Decimal(x.numerator), Decimal(x.denominator))
    z = wide.remainder_near(z, wide.multiply(PI, Decimal(2)))
    square, term, total, n = wide.minus(wide.multiply(z, z)), z, z, 1
    while abs(term) > Decimal(10) ** -70:
        n += 2
        term = wide.divide(wide.multiply(term, square), Decimal(n * (n - 1)))
        total = wide.add(total, term)
    return Fraction(total)


def cos(x: Fraction) -> Fraction:
    """
    >>> float(cos(Fraction(1))), cos(Fraction(0)) == 1
    (0.5403023058681398, True)
    """
    return 1 - 2 * sin(x / 2) ** 2


def atan(x: Fraction) -> Fraction:
    """
    >>> float(atan(Fraction(1))), float(atan(Fraction(-100)))
    (0.7853981633974483, -1.5607966601082315)
    """
    wide = Context(prec=100)
    z, halved = wide.divide(Decimal(x.numerator), Decimal(x.denominator)), 0
    while abs(z) > Decimal("0.1"):  # the angle halved: tan(a / 2) = tan(a) / (1 + sqrt(1 + tan(a)^2))
        root = wide.sqrt(wide.add(1, wide.multiply(z, z)))
        z, halved = wide.divide(z, wide.add(1, root)), halved + 1
    square, power_, total, n = wide.minus(wide.multiply(z, z)), z, z, 1
    while abs(power_) > Decimal(10) ** -70:
        n += 2
        power_ = wide.multiply(power_, square)
        total = wide.add(total, wide.divide(power_, Decimal(n)))
    return Fraction(total) * 2**halved


def asin(x: Fraction) -> Fraction:
    """Of a number in [-1, 1].

    >>> float(asin(Fraction(1, 2))), float(asin(Fraction(-1)))
    (0.5235987755982989, -1.5707963267948966)
    """
    if abs(x) == 1:
        return x * Fraction(PI) / 2
    return atan(x / sqrt(1 - x * x))


def _decimal(x: Fraction) -> Decimal:
    return DIGITS.divide(Decimal(x.numerator), Decimal(x.denominator))


def clip(x: Fraction, low: int, high: int) -> Fraction:
    """`min(max(x, low), high)`."""
    return min(max(x, Fraction(low)), Fraction(high))
