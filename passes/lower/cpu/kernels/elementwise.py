"""Add, multiply and requantize element by element (DESIGN 5), as many bytes at a time as a vector holds.

`b` may be broadcast: a zero stride over columns, rows or images, or `b_channel` 0 for one byte a pixel. Where
everything is dense a unit is one long run.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels import requantize
from dyadic.passes.lower.cpu.kernels.units import units_of


@dataclass(frozen=True)
class AddSpec:
    """`clamp((((a-za)*ma + (b-zb)*mb + 2^(s-1)) >> s) + zp, low, high)`; strides in bytes."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    a_column: int
    a_row: int
    a_image: int
    b_column: int
    b_row: int
    b_image: int
    b_channel: int  # 1, or 0: one byte a pixel
    out_column: int
    out_row: int
    out_image: int

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


@dataclass(frozen=True)
class MulSpec:
    """`requant((a-za) * (b-zb), m, s)`; strides in bytes."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    a_column: int
    a_row: int
    a_image: int
    b_column: int
    b_row: int
    b_image: int
    b_channel: int  # 1, or 0: one byte a pixel
    out_column: int
    out_row: int
    out_image: int
    form: str  # requantize.WIDE or SMALL_SHIFT

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


@dataclass(frozen=True)
class RequantSpec:
    """`requant(x - zx, m, s)`; strides in bytes."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    in_column: int
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int
    form: str  # requantize.WIDE or SMALL_SHIFT

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


def pack_requant_params(
    multiplier: int, shift: int, zero_a: int, zero_b: int, form: str, header: list[int]
) -> npt.NDArray[np.int32]:
    """For MulSpec and RequantSpec (zero_b 0); header: zero point, low, high of the result."""
    every = np.ones(requantize.LANES, np.int64)
    return requantize.pack(every * 0, every * multiplier, every * shift, None, form, [*header[:3], zero_a, zero_b])
