"""An addition behind a product: results, which are bytes already, and a residual are rescaled, summed and rounded once.

    out = clamp((((result - za) * ma + (residual - zb) * mb + 2^(s-1)) >> s) + zp, low, high)

as `qi.add` has it of 8 bits, where all of that fits 32.
"""

from collections.abc import Sequence

from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.families.product_spec import ADDED
from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, add, at, integer, load, mul
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import quantized


def pack_addition(multipliers: Sequence[int], zero_point: int, shift: int, header: Sequence[int]) -> list[int]:
    """The words that a kernel has of it. zero_point: the results'; header: zero point, low and high of the sum."""
    own, other = multipliers
    return [own, other, (1 << shift >> 1) - zero_point * own, shift, *header]


class Addition:
    """What a kernel has read of one."""

    def __init__(self, words: Value) -> None:
        numbers = [load(integer(32), at(words, 4 * n), 4) for n in range(ADDED)]
        self.own, self.other, self.start, self.shift, self.zero_point, self.low, self.high = numbers

    def sum(self, result: Value, rest: Value) -> Value:
        """Of a result, and a residual less its zero point."""
        total = add(add(mul(result, self.own), self.start), mul(rest, self.other))
        return quantized(arith.shrsi(total, self.shift), self.zero_point, self.low, self.high)
