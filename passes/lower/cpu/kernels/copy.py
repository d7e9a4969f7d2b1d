"""Bytes from one place to another where no layout makes that free: transposes, slices, pads, concatenations; constant
fills."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.units import units_of


@dataclass(frozen=True)
class CopySpec:
    """`out[i0, i1, i2, i3] = in[i0, i1, i2, i3]` for four dimensions of bytes (unused ones have size 1)."""

    sizes: tuple[int, ...]  # the first dimension is what units are made of
    in_strides: tuple[int, ...]  # any, zero and negative included
    out_strides: tuple[int, ...]
    in_image: int
    out_image: int
    unit_rows: int

    @property
    def rows(self) -> int:
        return self.sizes[0]

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


@dataclass(frozen=True)
class FillSpec:
    """Every byte of rows x columns x channels gets the value in the parameters; strides in bytes."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    out_column: int
    out_row: int
    out_image: int

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def pack_fill_params(value: int) -> npt.NDArray[np.int32]:
    """One byte of 0..255, for FillSpec and HaloSpec."""
    return np.array([value] + [0] * 15, np.int32)
