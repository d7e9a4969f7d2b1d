"""The larger or the smaller of two integers of one scale, element by element.

Bytes are compared as they are; of 16-bit numbers the two planes are interleaved to signed words and taken apart again.
"""

from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided


@dataclass(frozen=True)
class ExtremeSpec:
    """`max(a, b)` where `largest`, else `min(a, b)`."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    largest: bool
    a: Strided
    b: Strided  # its channel may be 0
    out: Strided
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def generate(spec: ExtremeSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        def unit(index: c.Value) -> None:
            here = unit_at(spec, index)
            views = [here.of(k.input(0), spec.a), here.of(k.input(1), spec.b), here.of(k.out, spec.out)]

            def run(at: list[c.Value], length: int) -> None:
                def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                    planes = [
                        _planes(v, start, offset, side) for start, side in zip(at[:2], (spec.a, spec.b), strict=True)
                    ]
                    v.store_planes(_compared(v, spec, *planes), at[2], offset, count, spec.out.plane)

                over_run(length, level, vector)

            over_pixels(spec.unit_rows, spec.columns, spec.channels, views, run)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def _planes(v: ByteLanes, pointer: c.Value, offset: c.Value | int, operand: Strided) -> list[c.Value]:
    """The bytes of an operand, the low and the high ones where it has 16 bits."""
    places = [c.at(pointer, distance) for distance in ((0, operand.plane) if operand.plane else (0,))]
    return [v.load(at, offset) if operand.channel else c.splat(c.load(c.integer(8), at), v.size) for at in places]


def _compared(v: ByteLanes, spec: ExtremeSpec, a: list[c.Value], b: list[c.Value]) -> list[c.Value]:
    """The planes of the result."""
    if len(a) == 1:
        return [(c.largest_unsigned if spec.largest else c.smallest_unsigned)(a[0], b[0])]
    pick = c.largest if spec.largest else c.smallest
    low, high = (pick(x, y) for x, y in zip(v.from_planes(*a), v.from_planes(*b), strict=True))
    return v.to_planes(low, high)
