"""A requantized copy that a kernel writes beside its result, of bytes that it has at hand: one scale and one shift for
all of them.

A byte less its zero point has room above it in 32 bits. Shifted to the left there, it is rounded in the short way that
is for shifts of 32 and more (`requantize.py`), whatever the shift is.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, at, integer, load, signed_wide, sub
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import HIGH, HIGH_SHIFT, Rescale, quantized

WORDS = 8  # of the parameters
LEAST_SHIFT = 9  # with which numbers of nine bits, shifted to the left, still fit


def pack_copy(start: int, zero_point: int, multiplier: int, shift: int, header: Sequence[int]) -> npt.NDArray[np.int32]:
    """What a kernel reads of a copy.

    start: bytes from the kernel's own result to it. zero_point: of what is copied. header: zero point, low and high of
    the copy.
    """
    left = max(0, HIGH_SHIFT - shift)
    return np.array([start, zero_point, left, multiplier, shift + left, *header], np.int64).astype(np.int32)


class RequantizedCopy:
    """Of one kernel, whose result begins at `out`; `words` is where its parameters are."""

    def __init__(self, words: Value, out: Value) -> None:
        numbers = [load(integer(32), at(words, 4 * k), 4) for k in range(WORDS)]
        start, self.zero_in, self.left, multiplier, shift, self.zero_point, self.low, self.high = numbers
        self.rescale = Rescale.of(multiplier, shift, HIGH)
        self.first = at(out, signed_wide(start))

    def of(self, numbers: Sequence[Value]) -> list[Value]:
        """What is written for bytes, given as integers that still have their zero point."""
        moved = [arith.shli(sub(number, self.zero_in), self.left) for number in numbers]
        return [quantized(self.rescale.rescaled(one), self.zero_point, self.low, self.high) for one in moved]
