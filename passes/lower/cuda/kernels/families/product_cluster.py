"""Weights of a product whose blocks are in clusters, on their way to shared memory, for sm_90a.

The two blocks of a cluster have other rows and the same columns. Each copies a half of a round's weights to both, so
that the second cache is asked once for what both multiply with. Since weights are stored as `wgmma` reads them
(`product_weights.py`), what eight channels have in a round is one piece, and copied as such.

Each block has two barriers for every place of the ring. `full`: all weights of a round are here; the one arrival is
that of the thread which says how many bytes there will be. `empty`: the other block is done with what lay there, so
that this one may write to both; it arrives once a round, when all its warps are. A block that is late holds the other
one back while that has products to go on with. Phases of both change once a turn around the ring.

Every arrival and every byte is waited for by the block that it comes to, so that a block may end when it is done.
"""

from torch_mlir.dialects import llvm

from dyadic.passes.lower.cuda.kernels.families.product_staging import Staging
from dyadic.passes.lower.cuda.kernels.families.product_weights import STEP, TILE_ROWS
from dyadic.passes.lower.cuda.kernels.vocabulary.clusters import (
    BARRIER_BYTES,
    arrive,
    at_block,
    copy_to_all,
    expect,
    make_barrier,
    meet,
    show_barriers,
    wait_for,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    div,
    integer,
    mul,
    rem,
    when,
    wide,
    xor,
)


class ClusterWeights:
    """Of one block; `round_` is the number of a round, of `at_once` steps."""

    def __init__(self, staging: Staging) -> None:
        block, spec = staging.block, staging.spec
        self.block, self.spec = block, spec
        self.places = spec.stages // spec.wgmma  # of rounds in the ring
        self.memory = llvm.ptrtoint(integer(32), block.ring)
        self.full = add(self.memory, spec.barriers_at)
        self.empty = add(self.full, BARRIER_BYTES * self.places)
        self.bytes = TILE_ROWS * STEP * spec.wgmma  # of a piece
        self.pieces = spec.block_columns // TILE_ROWS // spec.cluster  # that this block copies
        piece = add(mul(block.rank, self.pieces), block.thread)
        row = add(add(mul(block.group, spec.channels), block.first_column), mul(piece, TILE_ROWS))
        self.source = at(block.arguments.weights, mul(wide(row), spec.stored_row))
        self.target = add(self.memory, add(mul(piece, self.bytes), staging.weights_at))

    def begin(self) -> None:
        """Barriers are there, in all blocks."""

        def make() -> None:
            for place in range(self.places):
                make_barrier(add(self.full, BARRIER_BYTES * place), 1)
                make_barrier(add(self.empty, BARRIER_BYTES * place), self.spec.cluster - 1)
            show_barriers()

        when(below(self.block.thread, 1), make)
        meet()

    def wait(self, round_: Value) -> None:
        """Until the weights of a round are here."""
        wait_for(self._at(self.full, round_), self._parity(round_))

    def release(self, later: Value) -> None:
        """Say to the other block that the place of a later round may be written to, after a barrier of this block."""
        when(
            below(self.block.thread, 1), lambda: arrive(at_block(self._at(self.empty, later), xor(self.block.rank, 1)))
        )

    def copy(self, later: Value, stage: Value, round_: Value | None = None) -> None:
        """Begin to copy those of a later round to `stage`; in a round, not before the other block is done with it."""
        barrier = self._at(self.full, later)

        def begin() -> None:
            if round_ is not None:
                wait_for(self._at(self.empty, later), self._parity(round_))
            all_bytes = self.bytes * self.pieces * self.spec.cluster
            when(below(self.block.thread, 1), lambda: expect(barrier, all_bytes))
            source = at(self.source, wide(mul(later, self.bytes)))
            copy_to_all(add(self.target, stage), source, self.bytes, barrier, self.spec.cluster)

        when(below(self.block.thread, self.pieces), begin)

    def _at(self, barriers: Value, round_: Value) -> Value:
        return add(barriers, mul(rem(round_, self.places), BARRIER_BYTES))

    def _parity(self, round_: Value) -> Value:
        return rem(div(round_, self.places), 2)
