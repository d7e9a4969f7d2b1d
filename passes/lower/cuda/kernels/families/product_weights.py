"""Weights of a product as its kernel reads them, and back.

Along k there are runs: one for every tap of a window, or one for a row of them where its pixels follow each other
(`run_pixel` bytes apart). A run begins at a chunk of 16, where weights come in groups at a step of 64. Several groups
of a convolution may share a product (`sharing`): outside of its own group a channel's weights are 0.

Stored are [channels][64 of k, step by step]; of 4 bits, byte i of half a step has k = i low, k = 16 + i high; of 2
bits, byte i of a step has 16 * j + i at bit 2j. So a lane's word is good for as many multiplications. `offset` is
added to steps of fewer bits. Behind all weights, where they have group scales: [groups][steps][of a step][channels,
filled up to 16].

Tiled, they are stored as [eights of channels][16 of k, chunk by chunk][channel][k]: what eight channels have for any
steps is one piece of memory, and as `wgmma` reads it ("core matrices").
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.dialects.weight_groups import factors

CHUNK, STEP = 16, 64  # bytes: of the table of distances, and of k at once
TILE_ROWS = 8  # channels whose chunks lie side by side, where weights are tiled
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Format:
    """The width of stored weights, and how many input channels share a group scale (0: there are none)."""

    bits: int
    group: int = 0

    @staticmethod
    def of(name: str) -> "Format":
        """
        >>> Format.of("w4g32"), Format.of("w2")
        (Format(bits=4, group=32), Format(bits=2, group=0))
        """
        bits, _, group = name.removeprefix("w").partition("g")
        return Format(int(bits), int(group or 0))

    def __str__(self) -> str:
        return f"w{self.bits}g{self.group}" if self.group else f"w{self.bits}"

    @property
    def offset(self) -> int:
        """Of stored steps: one less in groups, whose steps end at 7, so that 18 times it fits a byte."""
        return (1 << (self.bits - 1)) - (1 if self.group else 0)


class Lengths(NamedTuple):
    """Of the runs of weights."""

    runs: int
    taps: int  # of a run
    chunks: int  # of a run, filled up
    used: int  # of these


class Runs:
    """How weights lie along k."""

    channels: int  # of a group of products
    groups: int
    weights: str
    run_pixel: int
    sharing: int

    @property
    def format(self) -> Format:
        return Format.of(self.weights)

    def lengths(self, dims: list[int]) -> Lengths:
        """For weights of `dims` [O, KH, KW, I]."""
        _, kernel_y, kernel_x, depth = dims
        taps = kernel_x if self.run_pixel else 1
        length, fill = (taps - 1) * self.run_pixel + depth * self.sharing, STEP if self.format.group else CHUNK
        return Lengths(kernel_y * kernel_x // taps, taps, -(-length // fill) * fill // CHUNK, -(-length // CHUNK))

    def distances(self, starts: list[int], dims: list[int]) -> list[int]:
        """Of every chunk, for runs that start there, and of as many more as fill a step: those read what is there."""
        lengths = self.lengths(dims)
        found = [start + CHUNK * n * (n < lengths.used) for start in starts for n in range(lengths.chunks)]
        return found + [0] * (-len(found) % (STEP // CHUNK))

    def ordered(self, weight: Array, chunks: int) -> Array:
        """[O, KH, KW, I] as [O, 16 * chunks], of any type; 0 where there is none."""
        made, depth = len(weight), weight.shape[3]
        runs, taps, of_run, _ = self.lengths(list(weight.shape))
        own = self.channels // self.sharing  # channels of a group of the convolution
        part = np.arange(made) % self.channels // own
        table = np.zeros((made, runs, of_run * CHUNK), weight.dtype)
        by_run = weight.reshape(made, runs, taps, depth)
        for share in range(self.sharing):
            mine = part == share
            for tap in range(taps):
                start = tap * self.run_pixel + share * depth
                table[mine, :, start : start + depth] = by_run[mine, :, tap]
        flat = table.reshape(made, -1)
        return np.pad(flat, [(0, 0), (0, chunks * CHUNK - flat.shape[1])])


@dataclass(frozen=True)
class StoredRuns(Runs):
    """The same before there is a spec."""

    channels: int
    groups: int
    weights: str
    run_pixel: int
    sharing: int


class StoredWeights(Runs):
    """What follows for a product's spec from how its weights are stored."""

    chunks: int
    tiled: bool

    @property
    def steps(self) -> int:
        """Of one plane of the input."""
        return self.chunks * CHUNK // STEP

    @property
    def step_scales(self) -> int:
        """Group scales of a channel in a step."""
        return STEP // self.format.group if self.format.group else 0

    @property
    def stored_row(self) -> int:
        """Bytes of a channel's weights."""
        return self.chunks * CHUNK * self.format.bits // 8

    @property
    def scales_start(self) -> int:
        return self.groups * self.channels * self.stored_row

    @property
    def scale_row(self) -> int:
        """Bytes of one scale of every channel of a group."""
        return -(-self.channels // CHUNK) * CHUNK


def pack_weights(spec: StoredWeights, weight: Array, scales: Array | None = None) -> npt.NDArray[np.int8]:
    """[O, KH, KW, I] as they are stored; `scales` [O, KH, KW, groups of a run] of weights in groups."""
    whole = spec.ordered(weight.astype(np.int64), spec.chunks)
    if scales is None:
        return store_steps(spec.format, in_tiles(spec, whole))
    each = spec.ordered(factors(scales, spec.format.group, list(weight.shape)), spec.chunks)
    stored = store_steps(spec.format, whole // np.maximum(each, 1))
    last = np.zeros((spec.groups, spec.steps, spec.step_scales, spec.scale_row), np.int8)
    firsts = each.reshape(spec.groups, spec.channels, spec.steps, spec.step_scales, spec.format.group)[..., 0]
    last[..., : spec.channels] = firsts.transpose(0, 2, 3, 1)
    return np.concatenate([stored, last.ravel()])


def in_tiles(spec: StoredWeights, whole: Array) -> Array:
    """[O, 16 * chunks] in the order in which it is stored, of any type."""
    if not spec.tiled:
        return whole
    return whole.reshape(-1, TILE_ROWS, spec.chunks, CHUNK).swapaxes(1, 2).reshape(whole.shape)


def store_steps(format_: Format, steps: Array) -> npt.NDArray[np.int8]:
    """[O, k] of steps as bytes, several to a byte."""
    if format_.bits == 8:
        return steps.astype(np.int8).ravel()
    fields = 8 // format_.bits
    every = (steps + format_.offset).astype(np.uint8).reshape(-1, fields, CHUNK)
    packed = np.zeros((len(every), CHUNK), np.uint8)
    for n in range(fields):
        packed |= every[:, n] << (format_.bits * n)
    return packed.view(np.int8).ravel()


def unpack_weights(spec: StoredWeights, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The weights [O, 16 * chunks] that the kernel multiplies with; `stored` may go on with others' bytes."""
    made, format_ = spec.groups * spec.channels, spec.format
    steps = stored[: spec.scales_start]
    if format_.bits < 8:
        packed = steps.view(np.uint8).reshape(-1, CHUNK)
        fields = [(packed >> (format_.bits * n)) & ((1 << format_.bits) - 1) for n in range(8 // format_.bits)]
        steps = np.stack(fields, 1).astype(np.int8) - np.int8(format_.offset)
    whole = steps.reshape(made, -1)
    if spec.tiled:
        whole = whole.reshape(-1, spec.chunks, TILE_ROWS, CHUNK).swapaxes(1, 2).reshape(whole.shape)
    if not format_.group:
        return whole
    return whole * np.repeat(_scales(spec, stored), format_.group, 1)


def _scales(spec: StoredWeights, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """[O, steps * scales of a step]."""
    count = spec.groups * spec.steps * spec.step_scales * spec.scale_row
    last = stored[spec.scales_start :][:count].reshape(spec.groups, -1, spec.scale_row)[..., : spec.channels]
    return last.transpose(0, 2, 1).reshape(spec.groups * spec.channels, -1)


def weights_of(
    spec: StoredWeights, stored: npt.NDArray[np.int8], dims: list[int]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8] | None]:
    """(weights of `dims` [O, KH, KW, I], their group scales [O, KH, KW, groups of a run] or None), as before
    `pack_weights`."""
    size = int(np.prod(dims))
    places = spec.ordered(np.arange(1, size + 1).reshape(dims), spec.chunks)
    weight = np.zeros(size, np.int8)
    weight[places[places > 0] - 1] = unpack_weights(spec, stored)[places > 0]
    if not spec.format.group:
        return weight.reshape(dims), None
    runs, _, chunks, _ = spec.lengths(dims)
    each = _scales(spec, stored)[:, : runs * chunks * CHUNK // spec.format.group].reshape(dims[0], runs, -1)
    used = each[..., : -(-dims[3] // spec.format.group)]
    return weight.reshape(dims), np.ascontiguousarray(used).reshape(*dims[:3], -1)
