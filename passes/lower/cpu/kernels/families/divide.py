"""Quotients of two tensors: a multiplication with one over the divisor (`dialects/quotients.py`), rounded once.

`(a * M + 2^(s-1)) >> s` in int32, with M in two parts and s at least 16:

    (a * (M >> 15) + 2^(s-16) + ((a * (M & 32767)) >> 15)) >> (s - 15)

since the lower 15 bits of the sum are those of the second product, and matter by what they carry alone. `|a|` is 2^15
and `|M|` 2^30 at most, so that both products and their sum stay inside int32.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.dialects import quotients as law
from dyadic.passes.lower.cpu.kernels.families.piecewise_linear import line_of
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import SHORT, pack_header
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import signed_words, unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided

ZERO_A, SHIFT, HALF = 3, 4, 5  # places in the header: the zero point of a, s - 15, 2^(s-16)
SPLIT = 15


@dataclass(frozen=True)
class DivideSpec:
    """`out = a / b`, either of them broadcast. The lines are the kernel's weights, [line][start, slope] of int32."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    a: Strided
    b: Strided
    out: Strided
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def pack_params(header: list[int], zero_point: int, shift: int) -> npt.NDArray[np.int32]:
    """Zero point, low and high of the result, and what the arithmetic needs."""
    return pack_header([*header, zero_point, shift - SPLIT, 1 << shift - SPLIT - 1])


def generate(spec: DivideSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        narrow = Narrow.load(k.params, SHORT, wide=spec.out.plane > 0)
        zero, shift, half = (c.load(c.integer(32), k.params, 4 * i, align=4) for i in (ZERO_A, SHIFT, HALF))
        zeros = c.truncate(zero, 16), c.const(0, 16)

        def quotient(a: c.Value, b: c.Value) -> c.Value:
            start, slope, inside = line_of(b, law.BITS, k.weights)
            added = c.shift_right(c.add(c.mul(slope, inside), 1 << law.SLOPE_BITS - 1), law.SLOPE_BITS)
            by, lanes = c.add(start, added), c.lane_count(a)
            lower = c.shift_right(c.mul(a, c.both(by, (1 << SPLIT) - 1)), SPLIT)
            upper = c.add(c.mul(a, c.shift_right(by, SPLIT)), c.splat(half, lanes))
            return c.shift_right(c.add(upper, lower), c.splat(shift, lanes))

        def unit(index: c.Value) -> None:
            here = unit_at(spec, index)

            def run(at: list[c.Value], length: int) -> None:
                def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                    sides = zip(at, (spec.a, spec.b), zeros, strict=False)
                    a, b = (v.to_signed_dwords(*signed_words(v, p, offset, lies, z)) for p, lies, z in sides)
                    values = [quotient(*pair) for pair in zip(a, b, strict=True)]
                    v.store_planes(v.pack(values, narrow), at[2], offset, count, spec.out.plane)

                over_run(length, level, vector)

            views = [here.of(k.input(0), spec.a), here.of(k.input(1), spec.b), here.of(k.out, spec.out)]
            over_pixels(spec.unit_rows, spec.columns, spec.channels, views, run)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)
