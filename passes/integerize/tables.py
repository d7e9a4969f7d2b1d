"""Functions of one number of at most 8 bits as 256 entries, each the true value rounded once.

Values are computed in decimal arithmetic of 50 digits (exp there is correctly rounded), so that a table is the same on
every machine; a C library's `exp` differs in its last bit from one to the next.
"""

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.passes.integerize.quantization import Activation
from dyadic.runtime.fixedpoint import round_half_up

DIGITS = Context(prec=50)
Real = Fraction


def _sigmoid(x: Real) -> Real:
    # exp of the negative side only: e^-|x| neither overflows nor loses digits
    small = Fraction(DIGITS.exp(DIGITS.divide(Decimal(-abs(x.numerator)), Decimal(x.denominator))))
    return 1 / (1 + small) if x >= 0 else small / (1 + small)


def _clip(x: Real, low: int, high: int) -> Real:
    return min(max(x, Fraction(low)), Fraction(high))


def function_of(op: Any) -> Callable[[Real], Real]:
    """The real function that a `qd` table op stands for."""
    match op:
        case qd.SigmoidOp():
            return _sigmoid
        case qd.TanhOp():
            return lambda x: 2 * _sigmoid(2 * x) - 1
        case qd.SiluOp():
            return lambda x: x * _sigmoid(x)
        case qd.HardSigmoidOp():
            alpha, beta = Fraction(op.alpha.value), Fraction(op.beta.value)
            return lambda x: _clip(alpha * x + beta, 0, 1)
        case qd.HardSwishOp():
            return lambda x: x * _clip(x + 3, 0, 6) / 6
        case qd.LeakyReluOp():
            alpha = Fraction(op.alpha.value)
            return lambda x: x if x >= 0 else alpha * x
    raise TypeError(f"{op.operation.name} is not a function of one number")


TABLE_OPS = (qd.SigmoidOp, qd.TanhOp, qd.SiluOp, qd.HardSigmoidOp, qd.HardSwishOp, qd.LeakyReluOp)


ENTRIES = 256


def table(op: Any, x: Activation, out: Activation, low: int = 0, high: int = 255) -> npt.NDArray[np.integer[Any]]:
    """256 entries: the step of `out` nearest to the function of each step of `x`, halves up, within [low, high].

    Those that a narrower `x` never asks for are 0.
    """
    function = function_of(op)
    entries = []
    for q in range(x.high + 1):
        value = function(x.exact * (q - x.zero_point))
        entries.append(min(max(round_half_up(value / out.exact) + out.zero_point, low), high))
    return np.array(entries + [0] * (ENTRIES - len(entries)), out.storage)


def useful_inputs(op: Any) -> tuple[float, float]:
    """Where a function still changes by what 8 bits can tell: inputs beyond need no steps of their own."""
    unbounded = (float("-inf"), float("inf"))
    match op:
        case qd.HardSwishOp():
            return -3.0, float("inf")
        case qd.HardSigmoidOp() if op.alpha.value > 0:
            return -op.beta.value / op.alpha.value, (1 - op.beta.value) / op.alpha.value
        case qd.SigmoidOp():
            return -6.25, 6.25  # within 1/512 of 0 and 1: half a step of [0, 1]
        case qd.TanhOp():
            return -3.125, 3.125  # within 1/256 of -1 and 1: half a step of [-1, 1]
        case qd.SiluOp():
            return -8.0, float("inf")  # -0.0027 there, and 0 from there on
    return unbounded
