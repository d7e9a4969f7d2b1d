"""The words for float32 that kernels of float islands have besides those of `code.py`; no other kernel may use them.

Each is one IEEE operation, rounded by itself: nothing carries a fast-math flag, so LLVM neither fuses a product with a
sum nor changes their order. Constants but zero come from memory: the LLVM that reads the IR has no form for the way in
which the one that writes it says most of them.
"""

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c

OGT, ORD = 2, 7  # arith.cmpf predicates
ROUNDING = 12582912.0  # 1.5 * 2^23: adding it rounds to an integer, half to even, in the low bits


def vec(lanes: int) -> ir.VectorType:
    """The vector type of so many float32."""
    return ir.VectorType.get([lanes], ir.F32Type.get())


def zeros(lanes: int) -> c.Value:
    """A vector of zeros."""
    return arith.constant(vec(lanes), ir.DenseElementsAttr.get_splat(vec(lanes), ir.FloatAttr.get_f32(0.0)))


def load(lanes: int, pointer: c.Value, offset: c.Value | int = 0) -> c.Value:
    """So many float32 from a pointer, which need not be aligned."""
    return c.load(vec(lanes), pointer, offset, align=4)


def load_splat(lanes: int, pointer: c.Value, offset: c.Value | int = 0) -> c.Value:
    """One number in every lane."""
    return vector.broadcast(vec(lanes), c.load(ir.F32Type.get(), pointer, offset, align=4))


def from_integers(a: c.Value) -> c.Value:
    """Signed int32 lanes; exact below 2^24."""
    return arith.sitofp(vec(c.lane_count(a)), a)


def add(a: c.Value, b: c.Value) -> c.Value:
    """`a + b`, rounded once to float32."""
    return arith.addf(a, b)


def mul(a: c.Value, b: c.Value) -> c.Value:
    """`a * b`, rounded once to float32; never joined with an addition."""
    return arith.mulf(a, b)


def div(a: c.Value, b: c.Value) -> c.Value:
    """`a / b`, one IEEE division."""
    return arith.divf(a, b)


def without_nan(a: c.Value) -> c.Value:
    """NaN becomes 0."""
    return arith.select(arith.cmpf(ORD, a, a), a, zeros(c.lane_count(a)))


def clamp(a: c.Value, low: c.Value, high: c.Value) -> c.Value:
    """Between two limits; of numbers only."""
    a = arith.select(arith.cmpf(OGT, a, low), a, low)
    return arith.select(arith.cmpf(OGT, high, a), a, high)


def rounded(a: c.Value, rounding: c.Value) -> c.Value:
    """Nearest integers, halves to even, as int32 whose low 16 bits are right; |a| <= 2^16, `rounding` is `ROUNDING`."""
    return c.bits_as(add(a, rounding), c.lane_count(a), 32)


def products_added(sums: Sequence[c.Value], factors: Sequence[c.Value], weights: Sequence[c.Value]) -> list[c.Value]:
    """`sums[i] + factors[i] * weights[i]`, two roundings each."""
    return [add(s, mul(f, w)) for s, f, w in zip(sums, factors, weights, strict=True)]
