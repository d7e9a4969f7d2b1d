"""Add, multiply and rescale element by element where an operand or the result has 16 bits.

Whatever an operand has, it becomes signed words without its zero point: bytes are widened, the two planes of 16-bit
numbers interleaved. From there on there is one form. Sums and products are requantized in 64 bits, as those of layers
are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes, Narrow
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import signed_words, unit_at, units_of
from dyadic.passes.lower.memory.strided import Strided

ADD, MUL, REQUANT = "add", "mul", "requant"
ZERO_A, ZERO_B = 5, 6  # places in the header, behind what `requantize.pack` reads
MOST_LIFTED = 15  # bits that a signed word can be shifted left by and stay below 2^31

Words = tuple[c.Value, c.Value]


@dataclass(frozen=True)
class WideSpec:
    """`qi.add`, `qi.mul` or `qi.requant`, whose operands have been shifted left by `lift`."""

    operation: str
    rows: int
    columns: int
    channels: int
    unit_rows: int
    a: Strided
    out: Strided
    form: str
    lift: int = 0
    b: Strided | None = None  # of a sum or product; its channel may be 0
    outer: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def lift_of(shift: int) -> int:
    """By how much operands are shifted left, and the shift of their sum made larger, so that it is 32: then the high
    half of a product is enough."""
    return 32 - shift if 0 < 32 - shift <= MOST_LIFTED else 0


def pack_params(
    spec: WideSpec, multipliers: list[int], shift: int, zero_points: list[int], header: list[int]
) -> npt.NDArray[np.int32]:
    """One multiplier, or of an addition two; the shift before the lift; header: zero point, low, high of the result."""
    every = np.ones(requantize.LANES, np.int64)
    m, *rest = (every * multiplier for multiplier in multipliers)
    packed = requantize.pack(
        every * 0, m, every * (shift + spec.lift), rest[0] if rest else None, spec.form, [*header, 0, 0, *zero_points]
    )
    return packed


def generate(spec: WideSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        zeros = [c.truncate(c.load(c.integer(32), k.params, 4 * i, align=4), 16) for i in (ZERO_A, ZERO_B)]
        narrow = Narrow.load(k.params, spec.form, wide=spec.out.plane > 0)
        compute = _arithmetic(spec, k.params)

        def unit(index: c.Value) -> None:
            here = unit_at(spec, index)
            views = [here.of(k.input(0), spec.a), here.of(k.out, spec.out)]
            if spec.b is not None:
                views.append(here.of(k.input(1), spec.b))

            def run(at: list[c.Value], length: int) -> None:
                def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                    operands = [signed_words(v, at[0], offset, spec.a, zeros[0])]
                    if spec.b is not None:
                        operands.append(signed_words(v, at[2], offset, spec.b, zeros[1]))
                    v.store_planes(v.pack(compute(v, operands), narrow), at[1], offset, count, spec.out.plane)

                over_run(length, level, vector)

            over_pixels(spec.unit_rows, spec.columns, spec.channels, views, run)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def _arithmetic(spec: WideSpec, params: c.Value) -> Callable[[ByteLanes, list[Words]], list[c.Value]]:
    def compute(v: ByteLanes, operands: list[Words]) -> list[c.Value]:
        by = Requantize(params, c.const(0), spec.form, residual=spec.operation == ADD, lanes=v.dwords)
        if spec.operation == MUL:
            return [by.rounded(product) for product in v.multiply_words(*operands)]
        every = [[c.shift_left(x, spec.lift) for x in v.to_signed_dwords(*words)] for words in operands]
        return [by.rounded(*each) for each in zip(*every, strict=True)]

    return compute
