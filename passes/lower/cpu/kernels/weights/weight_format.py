"""How weights of 4 and 2 bits are stored, so that unpacking them takes few instructions.

What kernels multiply with is the same for all widths: lines of 64 bytes, four of K for each of 16 channels. Two lines
of 4-bit weights are stored in one, the first one's in the low halves of its bytes, and four lines of 2-bit weights;
`largest` is added, so that nothing is negative. With groups, a byte for each channel and group follows all weights.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LANES = 16
LINE = 64  # bytes: one dword of K for 16 channels
TILE_DWORDS = 16  # K of one AMX tile


@dataclass(frozen=True)
class Format:
    """The width of stored weights, and how many input channels share a group scale (0: there are none)."""

    bits: int
    group: int = 0

    @staticmethod
    def of(name: str) -> "Format":
        """
        >>> Format.of("w4g32"), str(Format.of("w2"))
        (Format(bits=4, group=32), 'w2')
        """
        bits, _, group = name.removeprefix("w").partition("g")
        return Format(int(bits), int(group or 0))

    def __str__(self) -> str:
        return f"w{self.bits}g{self.group}" if self.group else f"w{self.bits}"

    @property
    def lines(self) -> int:
        """Lines of 8-bit weights in a stored one."""
        return 8 // self.bits

    @property
    def largest(self) -> int:
        """The largest step."""
        return (1 << (self.bits - 1)) - 1

    @property
    def group_dwords(self) -> int:
        return self.group // 4


class StoredWeights:
    """What follows for a convolution's spec from how its weights are stored."""

    weights: str
    rows: int
    columns: int
    groups: int
    unit_vectors: int
    taps_y: int
    taps_x: int
    run_dwords: int
    packed_dwords: int
    pixels_outer: bool
    vectors: int | property
    vector_bytes: int | property

    @property
    def format(self) -> Format:
        return Format.of(self.weights)

    @property
    def stored_dwords(self) -> int:
        """Dwords of K of a stored run."""
        lines = self.format.lines
        return self.packed_dwords if lines == 1 else -(-self.run_dwords // lines) * lines

    @property
    def stored_bytes(self) -> int:
        """Stored weights of 16 channels, without the scales of groups."""
        return self.taps_y * self.taps_x * self.stored_dwords * LINE // self.format.lines

    @property
    def run_groups(self) -> int:
        """Groups in a run."""
        return -(-self.run_dwords // self.format.group_dwords) if self.format.group else 0

    @property
    def scale_bytes(self) -> int:
        """Group scales of 16 channels."""
        return self.taps_y * self.taps_x * self.run_groups * LANES

    @property
    def scales_start(self) -> int:
        """Where group scales begin, behind all weights."""
        return self.groups * self.vectors * self.stored_bytes

    @property
    def streams(self) -> bool:
        """Every weight is used once, so unpacked ones are not kept."""
        return self.format.lines > 1 and self.rows * self.columns == 1

    @property
    def slice_dwords(self) -> int:
        """What is then unpacked at a time: whole groups and whole AMX tiles."""
        return min(math.lcm(TILE_DWORDS, self.format.group_dwords or TILE_DWORDS), self.packed_dwords)

    @property
    def unpacked_bytes(self) -> int:
        """Scratch memory for unpacked weights: of all blocks where they come in turn, else of one."""
        if self.format.lines == 1:
            return 0
        if self.streams:
            return self.unit_vectors * self.slice_dwords * LINE
        return (self.groups * self.vectors if self.pixels_outer else self.unit_vectors) * self.vector_bytes


def pack_lines(format_: Format, steps: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """Steps [..., lines, 64] as they are stored, [..., lines / format.lines, 64]."""
    every = (steps + format_.largest).astype(np.uint8)
    every = every.reshape(*steps.shape[:-2], -1, format_.lines, LINE)
    packed = np.zeros((*every.shape[:-2], LINE), np.uint8)
    for i in range(format_.lines):
        packed |= every[..., i, :] << (format_.bits * i)
    return packed.view(np.int8)


def unpack_lines(format_: Format, packed: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The inverse: [..., stored lines, 64] to [..., lines, 64]."""
    mask = (1 << format_.bits) - 1
    every = np.stack([packed.view(np.uint8) >> (format_.bits * i) & mask for i in range(format_.lines)], -2)
    return (every.astype(np.int8) - np.int8(format_.largest)).reshape(*packed.shape[:-2], -1, LINE)
