"""Depthwise convolution: one filter a channel, 64 channels at a time, requantized while accumulators are in registers.

Bytes of up to four kernel rows are interleaved to `[y0 y1 y2 y3]` of one channel, so that one `vpdpbusd` does a
kernel column. An interleaved column stays in registers while it slides under all kernel columns. Where rows follow
each other, two result rows share it: the second one's weights are moved one row down. Interleaving works inside
128-bit lanes, and packing the results back is its exact inverse, so channels come out in order; weights and
parameters are packed in the interleaved order (`channel_of`).

A block is 64 channels. A last block of at most 32 (16) channels works on 2 (4) stretches of the row at once, lane by
lane: `copies`. A 1x1 depthwise convolution is a per-channel scale and shift.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels import requantize
from dyadic.passes.lower.cpu.kernels.units import units_of

CHANNELS = 64  # of a block
QUADS = 4  # vectors of 16 int32 that make a block
LANES = 16
TAPS = 4  # kernel rows that one multiplication takes


@dataclass(frozen=True)
class DepthwiseSpec:
    """Everything the code depends on; strides in bytes. The input reference is the first tap of the first result."""

    rows: int  # of the result
    columns: int
    channels: int
    unit_rows: int
    taps_y: int
    taps_x: int
    tap_y: int  # from one kernel row to the next: dilation * row
    tap_x: int
    stride_x: int
    in_column: int  # from the input of one result pixel to that of the next: stride_x * pixel
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int
    form: str

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)

    @property
    def paired(self) -> bool:
        """Two result rows share their input rows."""
        return self.unit_rows > 1 and self.in_row == self.tap_y

    @property
    def groups(self) -> int:
        """Groups of four kernel rows."""
        return -(-(self.taps_y + self.paired) // TAPS)

    @property
    def blocks(self) -> list[tuple[int, int, int]]:
        """(first channel, channels, copies) of each block."""
        every = []
        for first in range(0, self.channels, CHANNELS):
            count = min(CHANNELS, self.channels - first)
            every.append((first, count, 4 if count <= 16 else 2 if count <= 32 else 1))
        return every

    @property
    def block_bytes(self) -> int:
        """Packed weights of one block: [second row of a pair][group][kernel column][quad][lane][kernel row]."""
        return (1 + self.paired) * self.groups * self.taps_x * QUADS * LANES * TAPS


def channel_of(copies: int) -> npt.NDArray[np.int64]:
    """[quad, lane]: which channel of its block a lane holds after interleaving."""
    quad, lane = np.arange(QUADS)[:, None], np.arange(LANES)[None, :]
    return lane // 4 % (QUADS // copies) * 16 + 4 * quad + lane % 4


def pack_weights(spec: DepthwiseSpec, weight: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """[C, KH, KW, 1] to the packed order."""
    channels, kh, kw, _ = weight.shape
    assert (channels, kh, kw) == (spec.channels, spec.taps_y, spec.taps_x)
    packed = []
    for first, count, copies in spec.blocks:
        block = np.zeros((CHANNELS, 1 + spec.paired, spec.groups * TAPS, kw), np.int8)
        for row in range(1 + spec.paired):
            block[:count, row, row : row + kh] = weight[first : first + count, :, :, 0]
        lanes = block[channel_of(copies)]  # [quad, lane, pair, tap, kw]
        split = lanes.reshape(QUADS, LANES, 1 + spec.paired, spec.groups, TAPS, kw)
        packed.append(split.transpose(2, 3, 5, 0, 1, 4).reshape(-1))
    return np.concatenate(packed)


def pack_params(
    spec: DepthwiseSpec,
    bias: npt.NDArray[np.int64],
    multiplier: npt.NDArray[np.int64],
    shift: npt.NDArray[np.int64],
    header: list[int],
) -> npt.NDArray[np.int32]:
    """`requantize.pack` in interleaved order; header: zero point, low, high of the result."""

    def lanes(values: npt.NDArray[np.int64], filler: int) -> npt.NDArray[np.int64]:
        padded = np.full(len(spec.blocks) * CHANNELS, filler, np.int64)
        padded[: spec.channels] = values
        return np.concatenate(
            [padded[CHANNELS * i + channel_of(copies)].reshape(-1) for i, (_, _, copies) in enumerate(spec.blocks)]
        )

    filler = 32 if spec.form == requantize.WIDE else 2
    return requantize.pack(lanes(bias, 0), lanes(multiplier, 0), lanes(shift, filler), None, spec.form, header)
