"""From sums to integers of a result: `clamp(((total * m + 2^(s-1)) >> s) + zero point, low, high)`, as
runtime/fixedpoint.py has it.

From a shift of 32 on (`HIGH`) the high half of the product is all that is shifted, and it fits 32 bits: two
instructions. Where everything is proven to fit 32 bits (`SHORT`) there is no wide product at all. Else (`FULL`) what is
shifted has 64 bits, and saturates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
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

HIGH, FULL, SHORT = "high", "full", "short"
HIGH_SHIFT = 32
FURTHEST = 1 << 30  # no zero point brings it back between the bounds, and none makes it overflow


def form_of(multiplier: Sequence[int], shift: Sequence[int], *, short: bool = False) -> str:
    """Which computation these allow. A multiplier of 0 makes 0 with any shift."""
    if short:
        return SHORT
    return HIGH if all(s >= HIGH_SHIFT or m == 0 for m, s in zip(multiplier, shift, strict=True)) else FULL


def shifts_for(form: str, multiplier: Sequence[int], shift: Sequence[int]) -> npt.NDArray[np.int64]:
    """The shifts that a kernel of this form reads: those beside a multiplier of 0 are ones that it knows."""
    known = {HIGH: HIGH_SHIFT, FULL: 2, SHORT: 2}[form]
    return np.where(np.asarray(multiplier, np.int64) == 0, known, np.asarray(shift, np.int64))


@dataclass(frozen=True)
class Rescale:
    """A dyadic multiplier, ready for several totals."""

    multiplier: Value  # 64 bits, but for SHORT
    half: Value
    shift: Value  # 32 bits, less by 32, for HIGH; as wide as the multiplier else
    form: str

    @staticmethod
    def of(multiplier: Value, shift: Value, form: str) -> "Rescale":
        """Both given with 32 bits; the form is `form_of` all that a launch may give."""
        if form == SHORT:
            return Rescale(multiplier, arith.shli(const(1), sub(shift, 1)), shift, form)
        half = arith.shli(const(1, 64), wide(sub(shift, 1)))
        return Rescale(signed_wide(multiplier), half, sub(shift, HIGH_SHIFT) if form == HIGH else wide(shift), form)

    def rescaled(self, total: Value, more: Value | None = None) -> Value:
        """`(total * m + more + 2^(s-1)) >> s` of 32 bits, `more` of 64 but not for SHORT, in 32 bits; what is beyond
        +-2^30 may be +-2^30."""
        if self.form == SHORT:
            return arith.shrsi(add(mul(total, self.multiplier), self.half), self.shift)
        product = add(mul(signed_wide(total), self.multiplier), self.half)
        product = product if more is None else add(product, more)
        if self.form == HIGH:
            return arith.shrsi(arith.trunci(integer(32), arith.shrui(product, const(HIGH_SHIFT, 64))), self.shift)
        shifted = clamp_between(arith.shrsi(product, self.shift), -FURTHEST, FURTHEST)
        return arith.trunci(integer(32), shifted)


def quantized(rounded: Value, zero_point: Value, low: Value, high: Value) -> Value:
    """The integer of a result."""
    return clamp_between(add(rounded, zero_point), low, high)
