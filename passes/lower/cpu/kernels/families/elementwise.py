"""Add and multiply bytes element by element (docs/arithmetic.md), as many bytes at a time as a vector holds.

Operands may be broadcast: a zero stride over columns, rows, outer dimensions or images; for `b` also over
channels. Where everything is dense a unit is one long run.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow, uniform
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided


@dataclass(frozen=True)
class AddSpec:
    """`clamp((((a-za)*ma + (b-zb)*mb + 2^(s-1)) >> s) + zp, low, high)`."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    a: Strided
    b: Strided  # its channel may be 0
    out: Strided
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


@dataclass(frozen=True)
class MulSpec:
    """`requant((a-za) * (b-zb), m, s)`."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    a: Strided
    b: Strided  # its channel may be 0
    out: Strided
    form: str  # requantize.HIGH, WIDE or SMALL_SHIFT
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def pack_add_params(
    multiplier_a: int, zero_a: int, multiplier_b: int, zero_b: int, shift: int, header: list[int]
) -> npt.NDArray[np.int32]:
    """Header (zero point, low, high of the result), then both multipliers, the constant part of the sum, the shift."""
    if shift > 26:  # |sum| < 2^25 <= 2^(s-2): every result rounds to 0
        multiplier_a = multiplier_b = 0
        shift = 1
    constant = (1 << shift >> 1) - zero_a * multiplier_a - zero_b * multiplier_b
    pair = (multiplier_a & 0xFFFF) | multiplier_b << 16
    return np.array([*header[:3], pair, constant, shift] + [0] * 10, np.int64).astype(np.int32)


def pack_mul_params(
    multiplier: int, shift: int, zero_a: int, zero_b: int, form: str, header: list[int]
) -> npt.NDArray[np.int32]:
    """For MulSpec; header: zero point, low, high of the result."""
    every = np.ones(requantize.LANES, np.int64)
    return requantize.pack(every * 0, every * multiplier, every * shift, None, form, [*header[:3], zero_a, zero_b])


def generate_add(spec: AddSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def arithmetic(params: c.Value) -> Callable[[ByteLanes, c.Value, c.Value], c.Value]:
        narrow = Narrow.load(params, requantize.SHORT)
        pair, constant, shift = (c.load(c.integer(32), params, 4 * i, align=4) for i in (3, 4, 5))

        def add(v: ByteLanes, a: c.Value, b: c.Value) -> c.Value:
            # bytes of a and b in turn, widened: one multiply-add of word pairs is the whole sum
            quads = [quad for half in v.interleave(a, b, 8) for quad in _widened(v, half)]
            factors, start, by = (c.splat(x, v.dwords) for x in (pair, constant, shift))
            (packed,) = v.pack([c.shift_right(v.add_products(start, q, factors), by) for q in quads], narrow)
            return packed

        return add

    c.kernel(symbol, lambda k: _two_operands(spec, level, k, arithmetic(k.params)))


def _widened(v: ByteLanes, words: c.Value) -> tuple[c.Value, c.Value]:
    """Bytes (in pairs) to words (in pairs): the low and the high pairs of every 128-bit lane."""
    low, high = v.interleave(words, v.zero_bytes(), 8)
    return low, high


def generate_mul(spec: MulSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def arithmetic(params: c.Value) -> Callable[[ByteLanes, c.Value, c.Value], c.Value]:
        narrow, zeros = Narrow.load(params, spec.form), _zero_points(params)

        def mul(v: ByteLanes, a: c.Value, b: c.Value) -> c.Value:
            requant = uniform(params, spec.form, v)
            products = v.multiply_words(_centered(v, a, zeros[0]), _centered(v, b, zeros[1]))
            (packed,) = v.pack([requant.rounded(p) for p in products], narrow)
            return packed

        return mul

    c.kernel(symbol, lambda k: _two_operands(spec, level, k, arithmetic(k.params)))


def _zero_points(params: c.Value) -> list[c.Value]:
    return [c.truncate(c.load(c.integer(32), params, 4 * i, align=4), 16) for i in (3, 4)]


def _centered(v: ByteLanes, a: c.Value, zero: c.Value) -> tuple[c.Value, c.Value]:
    low, high = v.to_words(a)
    middle = c.splat(zero, v.size // 2)
    return c.sub(low, middle), c.sub(high, middle)


def _two_operands(
    spec: AddSpec | MulSpec,
    level: str,
    k: c.KernelArguments,
    arithmetic: Callable[[ByteLanes, c.Value, c.Value], c.Value],
) -> None:
    def unit(index: c.Value) -> None:
        here = unit_at(spec, index)
        views = [here.of(k.input(0), spec.a), here.of(k.input(1), spec.b), here.of(k.out, spec.out)]

        def run(at: list[c.Value], length: int) -> None:
            def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                b = v.load(at[1], offset) if spec.b.channel else c.splat(c.load(c.integer(8), at[1]), v.size)
                v.store(arithmetic(v, v.load(at[0], offset), b), at[2], offset, count)

            over_run(length, level, vector)

        over_pixels(spec.unit_rows, spec.columns, spec.channels, views, run)

    c.loop(k.first, k.last, unit)
