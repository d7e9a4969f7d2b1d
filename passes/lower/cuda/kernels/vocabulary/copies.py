"""A requantized copy that a kernel writes beside its result, of numbers that it has in registers: one scale and one
shift for all of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, at, integer, load, signed_wide, sub
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import Rescale, quantized

WORDS = 7  # of the parameters


def pack_copy(start: int, zero_point: int, multiplier: int, shift: int, header: Sequence[int]) -> npt.NDArray[np.int32]:
    """What a kernel reads of a copy.

    start: bytes from the kernel's own result to it. zero_point: of what is copied. header: zero point, low and high of
    the copy.
    """
    return np.array([start, zero_point, multiplier, shift, *header], np.int64).astype(np.int32)


class RequantizedCopy:
    """Of one kernel, whose result begins at `out`; `words` is where its parameters are, `form` how it is rounded."""

    def __init__(self, words: Value, form: str, out: Value) -> None:
        numbers = [load(integer(32), at(words, 4 * k), 4) for k in range(WORDS)]
        start, self.zero_in, multiplier, shift, self.zero_point, self.low, self.high = numbers
        self.rescale = Rescale.of(multiplier, shift, form)
        self.first = at(out, signed_wide(start))

    def of(self, numbers: Sequence[Value]) -> list[Value]:
        """What is written for integers that still have their zero point."""
        rescaled = [self.rescale.rescaled(sub(number, self.zero_in)) for number in numbers]
        return [quantized(one, self.zero_point, self.low, self.high) for one in rescaled]
