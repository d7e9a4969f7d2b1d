"""What a product kernel's code depends on, and what it reads besides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cuda.kernels.families.layer_norm import LayerNormSpec
from dyadic.passes.lower.cuda.kernels.families.product_weights import CHUNK, STEP, TILE_ROWS, StoredWeights
from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.clusters import BARRIER_BYTES
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import WORDS
from dyadic.passes.lower.cuda.kernels.vocabulary.gathered import gathered_bytes
from dyadic.passes.lower.cuda.kernels.vocabulary.items import WIDTHS
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import MOST_SHARED_BYTES, MOST_SHARED_BYTES_90
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, SHORT

HEADER = 5  # words: zero point, low, high, zero point of the residual, residual_shift
ADDED = 7  # words of an addition: `product_added.py`
WARP_SCALES = 32 * CHUNK  # bytes of a stage, more than all scales
PART = 6  # words of a part: zero point, low, high, bytes from the first part to it, of a pixel and of a row
TABLE = 256  # bytes
ANY_ADDRESS = 1  # granule of inputs whose pixels are packed
Array = npt.NDArray[np.integer[Any]]


class CopyPlace(NamedTuple):
    """How a requantized copy lies (`product_copies.py`)."""

    first: int  # channel of all results
    channels: int
    store_bytes: int  # as of a spec, of the copy
    pixel: int
    row: int


@dataclass(frozen=True)
class ProductSpec(StoredWeights):
    """One kernel. Distances are in bytes; `in` counts from the first byte that pixel (0, 0) is multiplied with.

    Raises ValueError where the template has no such kernel.
    """

    rows: int  # of the result's image
    columns: int
    channels: int  # of a group
    in_pixel: int  # from a pixel of the result to the next one, in the input: stride times the pixel
    in_row: int
    out_pixel: int
    out_row: int
    chunks: int
    granule: int = 16  # of copies: 4, 8 or 16, which divides every address of the input; or 1
    store_bytes: int = 4  # 1, 2, 4, 8 or 16; it divides every address of the result, and the channels
    groups: int = 1
    in_group: int = 0  # from a group's channels to the next one's
    in_plane: int = 0  # from low bytes to high ones; 0 where numbers have 8 bits
    out_plane: int = 0
    acc_shift: int = 0  # of accumulators, with an in_plane
    form: str = FULL  # of requantization, as `vocabulary/requantize.py` has it
    residual: bool = False
    residual_pixel: int = 0
    residual_row: int = 0
    residual_plane: int = 0
    residual_bytes: int = 1  # as store_bytes, of the residual
    residual_from: int = 0  # the first channel that it has; the others are one number
    residual_channels: int = 0  # how many it has; 0: all
    weights: str = "w8"  # w8, w4, w2, w4g64 or w4g32: how they are stored
    run_pixel: int = 0  # how weights lie along k (`product_weights.py`); no part of the code
    sharing: int = 1
    tiled: bool = False  # weights lie as `product_weights.py` says
    cells: tuple[int, ...] = ()  # of windows whose largest bytes are multiplied: from the first pixel; () for pixels
    table: bool = False  # what is stored of a result is what stands under it among 256 bytes
    added: bool = False  # the residual, to what would be stored, which is rounded for itself before
    norm_bits: int = 0  # of a norm of the results' rows, which are whole blocks' then; 0: there is none
    norm_centered: bool = True
    norm_uniform: bool = False  # one gain and one bias for all
    norm_pixel: int = 0
    norm_row: int = 0
    norm_plane: int = 0
    norm_width: int = 4  # of its stores: 1, 2 or 4
    window_rows: int = 0  # of the windows whose largest results are stored, side by side; 0: there are none
    window_columns: int = 0
    pool_pixel: int = 0  # of what is stored of windows
    pool_row: int = 0
    pool_plane: int = 0
    pool_width: int = 1  # as store_bytes
    copies: tuple[int, ...] = ()  # of results: a `CopyPlace` of each, one behind the other
    stored: bool = True  # results, where there is a norm, windows or copies of them
    parts: tuple[int, ...] = ()  # channels of several results, each with a place and a header of its own; () for one
    block_rows: int = 64
    block_columns: int = 64
    warps_down: int = 2
    warps_across: int = 2
    warps_deep: int = 1  # that share a tile of the block: each has some of the steps along k, and all add their sums
    stages: int = 3
    wgmma: int = 0  # 1 or 2 steps side by side that groups of four warps multiply (sm_90a); 0: each by itself
    cluster: int = 1  # blocks with other rows that share their weights; 1 or, of four warps, 2

    def __post_init__(self) -> None:
        rows, columns = self.block_rows / self.warps_down, self.block_columns / self.warps_across
        checks = {
            "chunks come in fours": self.chunks > 0 and self.chunks % 4 == 0,
            "copies have 1, 4, 8 or 16 bytes": self.granule in (ANY_ADDRESS, 4, 8, 16),
            "windows of the input have bytes": not (self.cells and self.in_plane),
            "stores have 1, 2, 4, 8 or 16 bytes": {self.store_bytes, self.residual_bytes} <= {1, 2, 4, 8, 16},
            "stores divide the channels": self.channels % self.store_bytes == self.channels % self.residual_bytes == 0,
            "a residual begins and ends between stores": self.residual_from % self.residual_bytes == 0
            and self.residual_channels % self.residual_bytes == 0,
            "a warp has tiles of 16 x 16": rows % 16 == 0 and columns % 16 == 0,
            "2-bit weights come in tiles of 32": self.format.bits != 2 or columns % 32 == 0,
            "threads copy whole rows": self.block_rows * 4 % self.slice_threads == 0,
            "slices have the same steps": self.steps % self.warps_deep == 0,
            "slices are of warps that multiply by themselves": self.warps_deep == 1 or not self.wgmma,
            "a scale is for half a step or all of it": self.format.group in (0, 32, 64),
            "a table is of bytes": not (self.table and self.out_plane),
            "bytes are added to bytes": not self.added
            or (self.residual and not (self.out_plane or self.residual_plane or self.parts or self.norm_bits)),
            "parts are whole blocks": all(n % self.block_columns == 0 for n in self.parts),
            "parts are all channels": sum(self.parts) in (0, self.channels * self.groups),
            "a norm is of whole rows": self.norm_bits == 0
            or (self.groups == 1 and self.channels <= self.block_columns and not self.parts),
            "windows are whole, and whole ones in a block": self.window == 0
            or (
                self.block_rows % self.window == self.rows % self.window_rows == self.columns % self.window_columns == 0
            ),
            "stores of windows have 1, 2, 4, 8 or 16 bytes, and divide the channels": self.pool_width in WIDTHS
            and self.channels % self.pool_width == 0,
            "windows are of one result, and have no norm": self.window == 0 or not (self.parts or self.norm_bits),
            "copies are of bytes of one result, which has no norm": not self.copies
            or not (self.out_plane or self.parts or self.norm_bits),
            "something is stored": self.stored or self.norm_bits > 0 or self.window > 0 or self.copies != (),
            "sums are narrowed by 8 bits at most": 0 <= self.acc_shift <= (8 if self.in_plane else 0),
            "a residual needs a wide sum": self.form != SHORT or not self.residual or self.added,
            "there is something to overlap": self.stages >= 2,
            "tiles are of eight channels and bytes": not self.tiled
            or (self.channels % TILE_ROWS == 0 and self.format.bits == 8),
            "two blocks share whole tiles": self.cluster == 1 or self._shares_weights(),
            "four warps multiply 64 rows of bytes": self.wgmma == 0 or self._multiplies_together(),
            "shared memory suffices": self.shared_bytes <= (MOST_SHARED_BYTES_90 if self.wgmma else MOST_SHARED_BYTES),
        }
        require("product", self, checks)

    def _multiplies_together(self) -> bool:
        whole = self.steps % self.wgmma == self.stages % self.wgmma == 0 and self.stages // self.wgmma > 2
        warps = self.warps_across == 1 and self.warps_down % 4 == 0 and self.block_rows == 16 * self.warps_down
        copied = self.granule != ANY_ADDRESS and not self.cells and self.format.bits == 8
        copied &= self.wgmma <= 2 and self.block_rows * 4 * self.wgmma % self.threads == 0
        return whole and warps and copied and not (self.acc_shift or self.norm_bits) and self.block_columns <= 256

    def _shares_weights(self) -> bool:
        whole = self.channels % self.block_columns == self.block_columns % (TILE_ROWS * self.cluster) == 0
        return self.cluster == 2 and self.wgmma > 0 and self.tiled and whole and not self.in_plane

    @property
    def threads(self) -> int:
        return self.slice_threads * self.warps_deep

    @property
    def slice_threads(self) -> int:
        """Of those that have the same steps along k."""
        return 32 * self.warps_down * self.warps_across

    @property
    def rounds(self) -> int:
        """In each of which every slice has a step, of one plane of the input."""
        return self.steps // self.warps_deep

    @property
    def stage_bytes(self) -> int:
        """Of a round in shared memory."""
        return self.step_bytes * self.warps_deep

    @property
    def step_bytes(self) -> int:
        """Of a step: rows of the input, then of weights, then scales."""
        weights = STEP * self.format.bits // 8 * self.block_columns
        return STEP * self.block_rows + weights + (WARP_SCALES if self.step_scales else 0)

    @property
    def shared_bytes(self) -> int:
        """That a launch needs."""
        barriers = 2 * (self.stages // max(1, self.wgmma)) if self.cluster > 1 else 0
        return self.barriers_at + BARRIER_BYTES * barriers

    @property
    def barriers_at(self) -> int:
        """Where barriers lie in shared memory, of blocks in clusters: behind all else, since nothing may take their
        place."""
        return self.table_at + (TABLE if self.table else 0)

    @property
    def table_at(self) -> int:
        """Where a table lies in shared memory: behind the ring, and what comes after it."""
        return max(self.stages * self.stage_bytes, self.sums_at + self.sums_bytes)

    @property
    def sums_at(self) -> int:
        """Where sums of slices lie in shared memory: behind the results."""
        planes = 2 if self.out_plane or (self.residual and self.residual_plane) else 1
        return planes * gathered_bytes(self.block_rows, self.block_columns)

    @property
    def sums_bytes(self) -> int:
        """Of all slices."""
        sums = 2 if self.acc_shift else 1  # of each result
        return 4 * sums * self.block_rows * self.block_columns * self.warps_deep if self.warps_deep > 1 else 0

    @property
    def inputs(self) -> int:
        return 1 + self.residual

    @property
    def planes(self) -> int:
        """Of the input."""
        return 2 if self.in_plane else 1

    @property
    def window(self) -> int:
        """Pixels of a window."""
        return self.window_rows * self.window_columns

    @property
    def items(self) -> int:
        """Pixels of an image."""
        return self.rows * self.columns

    @property
    def block_items(self) -> int:
        """Of the blocks of a cluster, which are side by side in y."""
        return self.block_rows * self.cluster

    @property
    def group_blocks(self) -> int:
        """Blocks along the channels of a group."""
        return -(-self.channels // self.block_columns)

    @property
    def grid_y(self) -> int:
        return self.groups * self.group_blocks * self.cluster

    @property
    def tables(self) -> list[int]:
        """At which word of the parameters begin: distances, bias, multiplier, shift, multiplier of the residual, bias
        of the sums of high bytes."""
        every = HEADER + self.chunks * self.planes
        return [HEADER, *(every + n * self.groups * self.channels for n in range(5))]

    @property
    def parts_word(self) -> int:
        """At which word the headers of parts begin; the words of a table follow."""
        numbers = 5 if self.acc_shift else 4 if self.residual and not self.added else 3  # of each channel
        return self.tables[1] + numbers * self.groups * self.channels

    @property
    def fills_word(self) -> int:
        """At which word is what a residual is where it has no channels: four bytes of each plane."""
        return self.parts_word + PART * len(self.parts) + (TABLE // 4 if self.table else 0)

    @property
    def added_word(self) -> int:
        """At which word is what an addition has."""
        return self.fills_word + (2 if self.residual_channels else 0)

    @property
    def copy_places(self) -> list[CopyPlace]:
        """How each copy lies."""
        size = len(CopyPlace._fields)
        return [CopyPlace(*self.copies[k : k + size]) for k in range(0, len(self.copies), size)]

    @property
    def copies_word(self) -> int:
        """At which word is what copies have."""
        return self.added_word + (ADDED if self.added else 0)

    @property
    def norm_word(self) -> int:
        """At which word is where the results of a norm, or of windows, begin, from the others' on; what a norm's own
        kernel has follows 16 bytes later."""
        return -(-(self.copies_word + WORDS * len(self.copy_places)) // 4) * 4

    @property
    def norm(self) -> LayerNormSpec:
        """Of a warp's row in shared memory."""
        plane = gathered_bytes(self.block_rows, self.block_columns) if self.out_plane else 0
        return LayerNormSpec(
            (1,), (0,), (0,), self.channels, plane, self.norm_plane, self.norm_width, 32,
            self.norm_bits, self.norm_centered, self.norm_uniform,
        )  # fmt: skip


def pack_params(
    spec: ProductSpec,
    distances: Sequence[int],
    bias: Array,
    multiplier: Array,
    shift: Array,
    header: Sequence[int],
    residual_multiplier: Array | None = None,
    high_bias: Array | None = None,
    parts: Sequence[Sequence[int]] = (),
    table: Array | None = None,
    fills: Sequence[int] = (),
    added: Sequence[int] = (),
    copies: Sequence[Array] = (),
    norm: tuple[int, Array] | None = None,
    pool: int = 0,
) -> npt.NDArray[np.int32]:
    """What the kernel reads: a header, where each chunk is, numbers of every channel, then parts, a table, fills, an
    addition.

    header: zero point, low, high, and of a residual its zero point and shift.
    bias: what the sum of an input's (low) bytes starts at; high_bias that of high bytes.
    parts: what `PART` says of each. table: 256 bytes. fills: a byte of each plane of a residual that has a part of the
    channels. added: as `pack_addition` has it. copies: as `pack_copy` has each. norm: where its results begin, from the
    others' on, and the parameters of its own kernel. pool: the same place of windows' results.
    """
    every = [*header, 0, 0][:HEADER]
    where = list(distances)
    if spec.in_plane:
        where = [each + spec.in_plane for each in where] + where
    none = np.zeros(len(bias), np.int64)
    high = none if high_bias is None else np.asarray(high_bias, np.int64) << (8 - spec.acc_shift)
    low = np.asarray(bias, np.int64)
    if not spec.acc_shift:  # one sum is of both
        low, high = low + high, none
    every_part = [np.array([*every, *where]), low, multiplier, shift]
    if residual_multiplier is not None or spec.acc_shift:
        every_part.append(none if residual_multiplier is None else residual_multiplier)
    if spec.acc_shift:
        every_part.append(high)
    every_part += [np.array(part) for part in parts]
    if table is not None:
        every_part.append(np.ascontiguousarray(table, np.uint8).view(np.int32))
    every_part += [np.array([*fills], np.int64) * 0x01010101, np.array([*added], np.int64), *copies]
    packed = np.concatenate([np.asarray(part, np.int64).astype(np.int32) for part in every_part])  # wraps, as sums do
    if norm is None and not spec.window:
        return packed
    start, more = norm or (pool, np.zeros(0, np.int32))
    place = np.array([start, 0, 0, 0], np.int32)
    return np.concatenate([np.pad(packed, (0, spec.norm_word - len(packed))), place, more.astype(np.int32)])
