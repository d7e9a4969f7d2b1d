"""Any function of 16 bits that is straight lines: the number's leading bits find its line (`dialects` has the law)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.dialects import piecewise_linear as law
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import SHORT
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided

PAIR = 8  # bytes of a line


@dataclass(frozen=True)
class PiecewiseLinearSpec:
    """`out = line(x)`, x of two planes. The lines are the kernel's weights, [line][start, slope] of int32."""

    bits: int  # behind the highest one that say which line
    rows: int
    columns: int
    channels: int
    unit_rows: int
    x: Strided
    out: Strided
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def pack_lines(table: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
    """[lines, 2] as the weights of the kernel."""
    return np.ascontiguousarray(table, "<i4").reshape(-1).view(np.int8)


def generate(spec: PiecewiseLinearSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        narrow = Narrow.load(k.params, SHORT, wide=spec.out.plane > 0)

        def unit(index: c.Value) -> None:
            here = unit_at(spec, index)

            def run(at: list[c.Value], length: int) -> None:
                def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                    planes = (v.load(c.at(at[0], i * spec.x.plane), offset) for i in range(2))
                    numbers = v.to_signed_dwords(*v.from_planes(*planes))
                    values = [line(x, spec.bits, k.weights) for x in numbers]
                    v.store_planes(v.pack(values, narrow), at[1], offset, count, spec.out.plane)

                over_run(length, level, vector)

            views = [here.of(k.input(0), spec.x), here.of(k.out, spec.out)]
            over_pixels(spec.unit_rows, spec.columns, spec.channels, views, run)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def line(x: c.Value, bits: int, table: c.Value) -> c.Value:
    """`law.values` of a vector of int32."""
    start, slope, inside = line_of(x, bits, table)
    value = c.add(c.add(start, c.mul(slope, inside)), 1 << law.FRACTION_BITS - 1)
    return c.shift_right(value, law.FRACTION_BITS)


def line_of(x: c.Value, bits: int, table: c.Value) -> tuple[c.Value, c.Value, c.Value]:
    """`law.line_of` of a vector of int32."""
    sign = c.shift_right(x, 31)
    place = c.exclusive(x, sign)
    exponent = c.largest(c.sub(c.fill(31 - bits, c.lane_count(x), 32), c.leading_zeros(place)), 0)
    lead = c.shift_right_logical(place, exponent)
    index = c.add(c.add(c.shift_left(exponent, bits), lead), c.both(sign, law.lines(bits)))
    start, slope = (c.gather(c.at(table, 4 * i), index, PAIR) for i in range(2))
    # 2^e - 1 by a shift to the right: to the left, by vectors, SSE2 computes powers in float
    every = c.fill((1 << 31) - 1, c.lane_count(x), 32)
    inside = c.both(place, c.shift_right_logical(every, c.sub(c.fill(31, c.lane_count(x), 32), exponent)))
    return start, slope, inside
