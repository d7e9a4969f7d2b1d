"""From sums to integers of a result: `clamp(((total * m + 2^(s-1)) >> s) + zero point, low, high)`, as
runtime/fixedpoint.py has it.

From a shift of 32 on, the high half of the product is all that is shifted, and it fits 32 bits: two instructions.
Below, what is shifted has 64 bits and saturates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    clamp_between,
    const,
    integer,
    mul,
    signed_wide,
    sub,
    wide,
)

HIGH_SHIFT = 32
FURTHEST = 1 << 30  # no zero point brings it back between the bounds, and none makes it overflow


def is_high(shifts: Sequence[int]) -> bool:
    """Whether all of them let `rescaled` work on high halves."""
    return min(shifts) >= HIGH_SHIFT


@dataclass(frozen=True)
class Rescale:
    """A dyadic multiplier, ready for several totals."""

    multiplier: Value  # 64 bits
    half: Value
    shift: Value  # less by 32, and of 32 bits, where it is high
    high: bool

    @staticmethod
    def of(multiplier: Value, shift: Value, *, high: bool) -> "Rescale":
        """Both given with 32 bits. high: the shift is 32 or more, and for `is_high` of every one of the spec."""
        half = arith.shli(const(1, 64), wide(sub(shift, 1)))
        return Rescale(signed_wide(multiplier), half, sub(shift, HIGH_SHIFT) if high else wide(shift), high)

    def rescaled(self, total: Value) -> Value:
        """`(total * m + 2^(s-1)) >> s` of 32 bits, in 32 bits; what is beyond +-2^30 is +-2^30."""
        product = add(mul(signed_wide(total), self.multiplier), self.half)
        if self.high:
            return arith.shrsi(arith.trunci(integer(32), arith.shrui(product, const(HIGH_SHIFT, 64))), self.shift)
        shifted = clamp_between(arith.shrsi(product, self.shift), -FURTHEST, FURTHEST)
        return arith.trunci(integer(32), shifted)


def quantized(rounded: Value, zero_point: Value, low: Value, high: Value) -> Value:
    """The integer of a result."""
    return clamp_between(add(rounded, zero_point), low, high)
