"""What an attention kernel's code depends on, and what it reads besides."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from dyadic.dialects.integer_softmax import EXPONENTIAL, Distances
from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.gathered import gathered_bytes
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import MOST_SHARED_BYTES
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL
from dyadic.passes.lower.cuda.kernels.vocabulary.staged import STEP, Columns, Rows
from dyadic.passes.lower.memory.strided import Strided

WARP_ROWS = 16
TILE = 64  # keys at once
STAGES = 2
MOST_DEPTH = 256  # whose rows fit a lane's registers


@dataclass(frozen=True)
class AttentionSpec:
    """One kernel. Operands say what rows and what is around them are apart; images are arguments.

    Raises ValueError where there is no such kernel.
    """

    rows: int
    keys: int
    depth: int
    width: int
    q: Strided
    k: Strided
    v: Strided
    out: Strided
    outer: tuple[int, ...] = ()  # sizes of the dimensions around matrices
    valid: Strided | None = None  # a fourth operand, of a byte a key
    bias: Strided | None = None  # a table of words in the weights: row 0 is the same for all rows
    curve: tuple[int, ...] = tuple(EXPONENTIAL)
    q_granule: int = 16  # as `staged.Rows` and `staged.Columns` have them
    k_granule: int = 16
    v_granule: int = 4
    store_bytes: int = 4  # 1, 2, 4, 8 or 16; it divides every address of the result, and the width
    key_sums: bool = True  # zq is not 0
    form: str = FULL  # of requantization
    warps: int = 4
    block_width: int = 64

    def __post_init__(self) -> None:
        checks = {
            "stores have 1, 2, 4, 8 or 16 bytes": self.store_bytes in (1, 2, 4, 8, 16),
            "stores divide the width": self.width % self.store_bytes == 0,
            "blocks are 32, 64, 96 or 128 wide": self.block_width in (32, 64, 96, 128),
            "a block has 1, 2 or 4 warps": self.warps in (1, 2, 4),
            f"at most {MOST_DEPTH} deep": self.depth <= MOST_DEPTH,
            "shared memory suffices": self.shared_bytes <= MOST_SHARED_BYTES,
        }
        require("attention", self, checks)

    @property
    def inputs(self) -> int:
        return 3 + (self.valid is not None)

    @property
    def threads(self) -> int:
        return 32 * self.warps

    @property
    def block_rows(self) -> int:
        return WARP_ROWS * self.warps

    @property
    def tiles(self) -> int:
        """Of keys."""
        return -(-self.keys // TILE)

    @property
    def depth_steps(self) -> int:
        return -(-self.depth // STEP)

    @property
    def keys_bytes(self) -> int:
        """Of a stage: keys, by steps of their depth; values are behind."""
        return self.depth_steps * Rows.size(TILE)

    @property
    def stage_bytes(self) -> int:
        return self.keys_bytes + Columns.size(self.block_width)

    @property
    def terms_bytes(self) -> int:
        """A word a key, in front of all stages."""
        return 4 * self.tiles * TILE

    @property
    def shared_bytes(self) -> int:
        planes = 2 if self.out.plane else 1
        gathered = planes * gathered_bytes(self.block_rows, self.block_width)
        queries = self.depth_steps * Rows.size(self.block_rows)
        return self.terms_bytes + max(STAGES * self.stage_bytes, gathered, queries)

    @property
    def items(self) -> int:
        """Blocks of rows of an image."""
        return -(-self.rows // self.block_rows)

    @property
    def block_items(self) -> int:
        return 1

    @property
    def width_blocks(self) -> int:
        return -(-self.width // self.block_width)

    @property
    def grid_y(self) -> int:
        return self.width_blocks * prod(self.outer)


def pack_params(
    spec: AttentionSpec, rule: Distances, multiplier: int, shift: int, zeros: Sequence[int], header: Sequence[int]
) -> npt.NDArray[np.int32]:
    """What the kernel reads. zeros: zero points of q, k and v; header: that of the result, low, high."""
    numbers = [*header, multiplier, shift, *zeros, spec.depth * zeros[0] * zeros[1], *rule]
    return np.array(numbers, np.int64).astype(np.int32)  # sums wrap; the rule's multiplier has no sign
