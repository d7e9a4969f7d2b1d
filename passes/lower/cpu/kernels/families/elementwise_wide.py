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
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import View, over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, place, units_of

ADD, MUL, REQUANT = "add", "mul", "requant"
ZERO_A, ZERO_B = 5, 6  # places in the header, behind what `requantize.pack` reads
MOST_LIFTED = 15  # bits that a signed word can be shifted left by and stay below 2^31

Words = tuple[c.Value, c.Value]


@dataclass(frozen=True)
class WideSpec:
    """`qi.add`, `qi.mul` or `qi.requant`, whose operands have been shifted left by `lift`; strides in bytes.

    A plane is how far the high bytes of 16-bit numbers lie behind the low ones, 0 for 8 bits.
    """

    operation: str
    rows: int
    columns: int
    channels: int
    unit_rows: int
    a_column: int
    a_row: int
    a_image: int
    a_plane: int
    out_column: int
    out_row: int
    out_image: int
    out_plane: int
    form: str
    lift: int = 0
    b_column: int = 0
    b_row: int = 0
    b_image: int = 0
    b_plane: int = 0
    b_channel: int = 1  # or 0: one number a pixel

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
        narrow = Narrow.load(k.params, spec.form, wide=spec.out_plane > 0)
        compute = _arithmetic(spec, k.params)

        def unit(index: c.Value) -> None:
            image, row = image_and_row(spec, index)
            views = [
                View(place(k.input(0), image, spec.a_image, row, spec.a_row), spec.a_row, spec.a_column),
                View(place(k.out, image, spec.out_image, row, spec.out_row), spec.out_row, spec.out_column),
            ]
            if spec.operation != REQUANT:
                start = place(k.input(1), image, spec.b_image, row, spec.b_row)
                views.append(View(start, spec.b_row, spec.b_column, spec.b_channel))

            def run(at: list[c.Value], length: int) -> None:
                def vector(v: ByteLanes, offset: c.Value | int, count: int) -> None:
                    operands = [_words(v, at[0], offset, spec.a_plane, 1, zeros[0])]
                    if len(at) > 2:
                        operands.append(_words(v, at[2], offset, spec.b_plane, spec.b_channel, zeros[1]))
                    v.store_planes(v.pack(compute(v, operands), narrow), at[1], offset, count, spec.out_plane)

                over_run(length, level, vector)

            over_pixels(spec.unit_rows, spec.columns, spec.channels, views, run)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def _words(
    v: ByteLanes, pointer: c.Value, offset: c.Value | int, plane: int, channel: int, zero_point: c.Value
) -> Words:
    """An operand without its zero point."""

    def byte(distance: int) -> c.Value:
        at = c.at(pointer, distance)
        return v.load(at, offset) if channel else c.splat(c.load(c.integer(8), at), v.size)

    if plane:
        return v.from_planes(byte(0), byte(plane))
    middle = c.splat(zero_point, v.size // 2)
    low, high = v.to_words(byte(0))
    return c.sub(low, middle), c.sub(high, middle)


def _arithmetic(spec: WideSpec, params: c.Value) -> Callable[[ByteLanes, list[Words]], list[c.Value]]:
    def compute(v: ByteLanes, operands: list[Words]) -> list[c.Value]:
        by = Requantize(params, c.const(0), spec.form, residual=spec.operation == ADD, lanes=v.dwords)
        if spec.operation == MUL:
            return [by.rounded(product) for product in v.multiply_words(*operands)]
        every = [[c.shift_left(x, spec.lift) for x in v.to_signed_dwords(*words)] for words in operands]
        return [by.rounded(*each) for each in zip(*every, strict=True)]

    return compute
