"""Pooling: largest or average real cell of each window. Windows are clipped to the image and never read a ring.

The input reference is the first real pixel. Average pooling divides by a dyadic multiplier per number of valid cells
(DESIGN 5).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.units import units_of


@dataclass(frozen=True)
class MaxPoolSpec:
    """Everything the code depends on; strides in bytes."""

    rows: int  # of the result
    columns: int
    channels: int
    unit_rows: int
    in_rows: int  # real pixels of the input
    in_columns: int
    taps_y: int
    taps_x: int
    stride_y: int  # in pixels, as are dilation and padding
    stride_x: int
    dilation_y: int
    dilation_x: int
    pad_top: int
    pad_left: int
    in_column: int  # from one pixel of the input to the next
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


@dataclass(frozen=True)
class AvgPoolSpec:
    """Everything the code depends on; strides in bytes."""

    rows: int  # of the result; global pooling has 1 x 1
    columns: int
    channels: int
    unit_rows: int
    in_rows: int  # real pixels of the input
    in_columns: int
    taps_y: int
    taps_x: int
    stride_y: int  # in pixels, as is padding
    stride_x: int
    pad_top: int
    pad_left: int
    in_column: int  # from one pixel of the input to the next
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int
    form: str  # requantize.WIDE or SMALL_SHIFT
    counts: int  # different numbers of valid cells: entries of the table; with 1 there is no index

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


AVG_HEADER = 16  # int32: zero point, low, high of the result, zero point of the input
AVG_ENTRY = 4  # int32: multiplier, shift (less 32 in the wide form), rounding as i64


def pack_avg_params(
    spec: AvgPoolSpec,
    multiplier: npt.NDArray[np.int64],
    shift: npt.NDArray[np.int64],
    index: npt.NDArray[np.int64],
    header: list[int],
) -> npt.NDArray[np.int32]:
    """Header, one entry per count, and, where there are several counts, the entry's index of every result pixel.

    Args:
        index: [rows, columns], `np.searchsorted(counts, valid_cells(...))`.
        header: zero point, low, high of the result; zero point of the input.
    """
    from dyadic.passes.lower.cpu.kernels import requantize

    assert len(multiplier) == len(shift) == spec.counts and index.shape == (spec.rows, spec.columns)
    head = np.zeros(AVG_HEADER, np.int32)
    head[: len(header)] = header
    entries = np.zeros((spec.counts, AVG_ENTRY), np.int32)
    entries[:, 0] = multiplier
    entries[:, 1] = shift - (32 if spec.form == requantize.WIDE else 0)
    entries[:, 2:] = (np.int64(1) << (shift - 1)).astype(np.int64)[:, None].view(np.int32)
    places = index.reshape(-1) if spec.counts > 1 else index.reshape(-1)[:0]
    return np.concatenate([head, entries.reshape(-1), places.astype(np.int32)])
