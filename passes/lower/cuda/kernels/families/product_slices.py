"""Slices of k: several sets of warps have the same tile of a block, each multiplies some of the steps, and all sums are
added in shared memory, in 32 bits that wrap, so that their order is no matter. Each slice then requantizes a share.

So a product of few rows, which few blocks of a GPU can share, waits less: it has as many times fewer rounds, no second
launch and no memory besides.
"""

from collections.abc import Callable, Sequence
from math import gcd
from typing import NamedTuple

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from dyadic.passes.lower.cuda.kernels.families.product_staging import Block
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    integer,
    load,
    mul,
    rem,
    when,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.staged import store_four

FOUR = 4  # sums of a lane in a tile of 16 rows and 8 columns
BYTES = 4 * FOUR


class Share(NamedTuple):
    """Of a warp's results: where it begins in the block, and how many tiles of 16 rows and of 8 columns it has."""

    row: Value
    column: Value
    down: int
    across: int


class Slices:
    """Of one block; sums are by tiles of 16 rows, of 8 columns, then as mma has them."""

    def __init__(self, block: Block) -> None:
        self.block, self.deep = block, block.spec.warps_deep
        self.down, self.across = block.warp_rows // 16, block.warp_columns // 8
        self.shares_across = gcd(self.across, self.deep)
        self.shares_down = gcd(self.down, self.deep // self.shares_across)

    def give(self, sums: Sequence[Sequence[Value]]) -> None:
        """To all slices, for after the next barrier."""
        if self.deep == 1:
            return
        for which, each in enumerate(sums):
            for tile in range(self.down * self.across):
                store_four(each[FOUR * tile :][:FOUR], self._place(self.block.slice, which, const(tile)))

    def each_share(self, sums: Sequence[Sequence[Value]], body: Callable[..., None]) -> None:
        """`body(share, *sums)` in every thread that has some, with the sums of all slices."""
        block = self.block
        if self.deep == 1:
            body(Share(block.warp_row, block.warp_column, self.down, self.across), *sums)
            return
        down, across = self.down // self.shares_down, self.across // self.shares_across
        y, x = mul(div(block.slice, self.shares_across), down), mul(rem(block.slice, self.shares_across), across)

        def take() -> None:
            share = Share(add(block.warp_row, mul(y, 16)), add(block.warp_column, mul(x, 8)), down, across)
            body(share, *(self._added(which, y, x, share) for which in range(len(sums))))

        shares = self.shares_down * self.shares_across
        take() if shares == self.deep else when(below(block.slice, shares), take)

    def _added(self, which: int, y: Value, x: Value, share: Share) -> list[Value]:
        first = add(mul(y, self.across), x)
        found: list[Value] = []
        for row in range(share.down):
            for column in range(share.across):
                tile = add(first, row * self.across + column)
                every = [load(_four(), self._place(const(one), which, tile), BYTES) for one in range(self.deep)]
                total = every[0]
                for one in every[1:]:
                    total = arith.addi(total, one)
                found += [llvm.extractelement(total, const(n)) for n in range(FOUR)]
        return found

    def _place(self, one: Value, which: int, tile: Value) -> Value:
        """Where this lane's sums of a tile are, of a slice: all lanes' side by side."""
        spec = self.block.spec
        tiles = self.down * self.across
        number = add(add(mul(one, tiles), which * self.deep * tiles), tile)
        return at(
            self.block.ring, add(mul(add(mul(number, spec.slice_threads), self.block.member), BYTES), spec.sums_at)
        )


def _four() -> ir.Type:
    return ir.VectorType.get([FOUR], integer(32))
