"""Depthwise convolution: what its code depends on, and how its weights and parameters are packed for it.

One filter a channel, 64 channels at a time: a block. Four kernel rows of a channel lie together, so that one
`vpdpbusd` does a kernel column. Where rows follow each other, two result rows share their input: the second one's
weights are moved one row down. Weights and parameters are in the order that interleaving makes of channels
(`channel_of`). A last block of at most 32 (16) channels works on 2 (4) stretches of the row at once, lane by lane:
`copies`. A 1x1 depthwise convolution is a per-channel scale and shift.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.units import units_of
from dyadic.passes.lower.cpu.kernels.weights.weight_format import LINE, Format

CHANNELS = 64  # of a block
QUADS = 4  # vectors of 16 int32 that make a block
LANES = 16
TAPS = 4  # kernel rows that one multiplication takes
MOST_WRITTEN = 72  # kernel columns of four rows whose products are written out: 11x11 on two result rows
MOST_WIDENED = 32  # bytes of the widest vectors without VNNI instructions


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
    clamp: bool
    unit_blocks: int  # blocks of 64 channels in a unit
    weights: str = "w8"  # how they are stored: w8, w4 or w2
    in_plane: int = 0  # how far the high bytes of 16-bit numbers lie behind the low ones; 0: 8 bits
    out_plane: int = 0
    acc_shift: int = 0  # of accumulators, with an in_plane

    @property
    def planes(self) -> tuple[int, ...]:
        """Where the bytes of an input lie, from its lowest one on."""
        return (0, self.in_plane) if self.in_plane else (0,)

    @property
    def channel_units(self) -> int:
        """Units with the same rows."""
        return -(-len(self.blocks) // self.unit_blocks)

    @property
    def units(self) -> int:
        """Tiles per image: its rows outside, their channels inside."""
        return units_of(self) * self.channel_units

    @property
    def paired(self) -> bool:
        """Two result rows share their input rows."""
        return self.unit_rows > 1 and self.in_row == self.tap_y

    @property
    def groups(self) -> int:
        """Groups of four kernel rows."""
        return -(-(self.taps_y + self.paired) // TAPS)

    @property
    def long(self) -> bool:
        """Kernels that are loops, since written out they would take LLVM minutes and no registers would hold them."""
        return (1 + self.paired) * self.groups * self.taps_x > MOST_WRITTEN

    @property
    def unrolls(self) -> bool:
        """Whether LLVM may write out loops several times: those over kernel columns are long enough."""
        return not self.long

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
        return self.products * LANES * TAPS

    @property
    def products(self) -> int:
        """Vectors of packed weights of one block."""
        return (1 + self.paired) * self.groups * self.taps_x * QUADS

    @property
    def format(self) -> Format:
        return Format.of(self.weights)

    @property
    def stored_groups(self) -> int:
        """Groups of four kernel rows in weights of fewer bits: those of one result row."""
        return -(-self.taps_y // TAPS)

    @property
    def stored_bytes(self) -> int:
        """Stored weights of one block: as packed, or [group][kernel column][quad][lane][kernel row] in fewer bits."""
        lines = self.format.lines
        return self.block_bytes if lines == 1 else self.stored_groups * self.group_bytes // lines

    @property
    def group_bytes(self) -> int:
        """8-bit weights of one block and four kernel rows."""
        return self.taps_x * QUADS * LINE

    @property
    def widened_bytes(self) -> int:
        """Scratch memory for the weights of a strip as words, at the level that needs most."""
        return 2 * self.products * MOST_WIDENED

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of one thread, at the level that needs most."""
        return self.widened_bytes + (self.block_bytes if self.format.lines > 1 else 0)


def channel_of(copies: int) -> npt.NDArray[np.int64]:
    """[quad, lane]: which channel of its block a lane holds after interleaving."""
    quad, lane = np.arange(QUADS)[:, None], np.arange(LANES)[None, :]
    return lane // 4 % (QUADS // copies) * 16 + 4 * quad + lane % 4


def pack_weights(spec: DepthwiseSpec, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[C, KH, KW, 1] to the packed order."""
    channels, kh, kw, _ = weight.shape
    assert (channels, kh, kw) == (spec.channels, spec.taps_y, spec.taps_x)
    packed = []
    for first, count, copies in spec.blocks:
        block = np.zeros((CHANNELS, 1 + spec.paired, spec.groups * TAPS, kw), weight.dtype)
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
    high_bias: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int32]:
    """`requantize.pack` in interleaved order; header: zero point, low, high of the result."""

    def lanes(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        padded = np.zeros(len(spec.blocks) * CHANNELS, np.int64)
        padded[: spec.channels] = values
        return np.concatenate(
            [padded[CHANNELS * i + channel_of(copies)].reshape(-1) for i, (_, _, copies) in enumerate(spec.blocks)]
        )

    high = None if high_bias is None else lanes(high_bias)
    return requantize.pack(lanes(bias), lanes(multiplier), lanes(shift), None, spec.form, header, high)
