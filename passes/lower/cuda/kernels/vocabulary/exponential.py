"""Weights of a softmax from distances to the largest score, and one over their sum: dialects/integer_softmax.py says
what they are, bit for bit. All numbers are unsigned and have 32 bits."""

from dataclasses import dataclass

from torch_mlir.dialects import arith, llvm

from dyadic.dialects import integer_softmax as softmax
from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, add, const, integer, least, mul, sub, wide

QUOTIENT_BITS = 17
WORD = 65535


@dataclass(frozen=True)
class Rule:
    """How a distance becomes -log2 of a weight: `softmax.Distances`, and half a unit of the shift."""

    multiplier: Value
    shift: Value
    half: Value
    farthest: Value

    @staticmethod
    def of(multiplier: Value, shift: Value, farthest: Value) -> "Rule":
        return Rule(multiplier, shift, arith.shrui(arith.shli(const(1), shift), const(1)), farthest)

    def logarithm(self, distance: Value) -> Value:
        """`u` of a distance, which may be any number without a sign."""
        scaled = add(mul(least(distance, self.farthest), self.multiplier), self.half)
        return arith.shrui(scaled, self.shift)


def weight(u: Value, curve: softmax.Curve = softmax.EXPONENTIAL) -> Value:
    """255 * 2^-(u / 2^11), from 0 to 255, of u below 2^16."""
    f = arith.andi(arith.shli(u, const(16 - softmax.FRACTION_BITS)), const(WORD))
    inner = sub(const(curve.linear), arith.shrui(mul(f, curve.square), const(16)))
    e = sub(const(curve.one), arith.shrui(mul(f, inner), const(16)))
    return arith.shrui(add(arith.shrui(e, arith.shrui(u, const(softmax.FRACTION_BITS))), 128), const(8))


def reciprocal(total: Value) -> tuple[Value, Value]:
    """(R, k) of a sum of at least 1 and below 2^31: `R = floor(2^31 / r)`, r the sum shifted to [2^15, 2^16), k its
    log2. Bit by bit: 16 bits of the dividend are one below r or r itself."""
    zeros = leading_zeros(total)
    r = arith.shrui(arith.shli(total, zeros), const(16))
    rest, quotient = const(1 << 15), const(0)
    for bit in range(QUOTIENT_BITS):
        if bit:
            rest, quotient = add(rest, rest), add(quotient, quotient)
        fits = arith.cmpi(arith.CmpIPredicate.uge, rest, r)
        rest = arith.select(fits, sub(rest, r), rest)
        quotient = add(quotient, arith.extui(integer(32), fits))
    return quotient, sub(const(31), zeros)


def leading_zeros(a: Value) -> Value:
    """How many of the upper bits are 0; all of them for 0."""
    return llvm.intr_ctlz(a, False)


def row_multiplier(multiplier: Value, inverse: Value) -> Value:
    """`(m * R) >> 16` of a row, in 64 bits; m is below 2^31."""
    return arith.shrui(mul(wide(multiplier), wide(inverse)), const(16, 64))
