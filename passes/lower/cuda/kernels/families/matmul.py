"""Products of two computed matrices on tensor cores, one for each head: u8 times u8.

    out[m, n] = clamp(((acc[m, n] * multiplier + 2^(shift-1)) >> shift) + zp, low, high)
    acc[m, n] = sum_k (a[m, k] - za) * (b[k, n] - zb)
              = sum_k a*b - zb * sum_k a[m, k] - za * sum_k b[k, n] + K * za * zb

Sums wrap at 32 bits, which the whole is proven to fit. A block has some rows and columns of one head of an image, and
walks along k as `vocabulary/staged.py` brings it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, scf

from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    mul,
    rem,
    signed_wide,
    sub,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.gathered import Gathered, gathered_bytes
from dyadic.passes.lower.cuda.kernels.vocabulary.items import coordinates, distance, param
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import (
    MOST_SHARED_BYTES,
    Arguments,
    block,
    kernel,
    ring,
    thread,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.lanes import from_lane, over_four
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.staged import STEP, Columns, Rows, swapped
from dyadic.passes.lower.cuda.kernels.vocabulary.tensor_cores import commit, load_matrices, multiply, wait
from dyadic.passes.lower.cuda.kernels.vocabulary.words import dot
from dyadic.passes.lower.memory.strided import Strided

ONES = 0x01010101
STAGES = 3


@dataclass(frozen=True)
class MatmulSpec:
    """One kernel. Operands say what rows and what is around them are apart; images are arguments.

    Raises ValueError where there is no such kernel.
    """

    rows: int
    depth: int
    columns: int
    a: Strided
    b: Strided
    out: Strided
    outer: tuple[int, ...] = ()  # sizes of the dimensions around matrices
    a_granule: int = 16  # as `staged.Rows` and `staged.Columns` have them
    b_granule: int = 4
    store_bytes: int = 4  # 1, 2, 4, 8 or 16; it divides every address of the result, and the columns
    left_moved: bool = True  # za is not 0
    right_moved: bool = True
    form: str = FULL  # of requantization
    block_rows: int = 64
    block_columns: int = 64
    warps_down: int = 2
    warps_across: int = 2

    def __post_init__(self) -> None:
        rows, columns = self.block_rows / self.warps_down, self.block_columns / self.warps_across
        checks = {
            "stores have 1, 2, 4, 8 or 16 bytes": self.store_bytes in (1, 2, 4, 8, 16),
            "stores divide the columns": self.columns % self.store_bytes == 0,
            "a warp has tiles of 16 x 8": rows % 16 == 0 and columns % 8 == 0,
            "columns come in 32": self.block_columns % 32 == 0,
            "threads copy whole rows": self.block_rows * 4 % self.threads == 0,
            "threads turn whole words": self.block_columns * 4 % self.threads == 0,
            "shared memory suffices": self.shared_bytes <= MOST_SHARED_BYTES,
        }
        require("matmul", self, checks)

    @property
    def inputs(self) -> int:
        return 2

    @property
    def threads(self) -> int:
        return 32 * self.warps_down * self.warps_across

    @property
    def stage_bytes(self) -> int:
        """Rows of a, then columns of b."""
        return Rows.size(self.block_rows) + Columns.size(self.block_columns)

    @property
    def shared_bytes(self) -> int:
        planes = 2 if self.out.plane else 1
        return max(STAGES * self.stage_bytes, planes * gathered_bytes(self.block_rows, self.block_columns))

    @property
    def items(self) -> int:
        """Blocks of rows of an image."""
        return -(-self.rows // self.block_rows)

    @property
    def block_items(self) -> int:
        return 1

    @property
    def column_blocks(self) -> int:
        return -(-self.columns // self.block_columns)

    @property
    def grid_y(self) -> int:
        return self.column_blocks * int(np.prod(self.outer, dtype=int))


def pack_params(
    spec: MatmulSpec, multiplier: int, shift: int, zero_a: int, zero_b: int, header: Sequence[int]
) -> npt.NDArray[np.int32]:
    """What the kernel reads; header: zero point, low, high."""
    numbers = [*header, multiplier, shift, zero_a, zero_b, spec.depth * zero_a * zero_b]
    return np.array(numbers, np.int64).astype(np.int32)  # the last wraps, as sums do


def generate(spec: MatmulSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: _Matmul(spec, arguments).write())


class _Matmul:
    """One kernel's parts, and the values that they share."""

    def __init__(self, spec: MatmulSpec, arguments: Arguments) -> None:
        self.spec, self.arguments = spec, arguments
        self.thread, self.ring = thread(), ring()
        self.lane, warp = rem(self.thread, 32), div(self.thread, 32)
        across, down = block(gpu.Dimension.y), block(gpu.Dimension.x)
        self.image, self.head = div(down, spec.items), coordinates(div(across, spec.column_blocks), spec.outer or (1,))
        self.first_row = mul(rem(down, spec.items), spec.block_rows)
        self.first_column = mul(rem(across, spec.column_blocks), spec.block_columns)
        self.warp_rows, self.warp_columns = spec.block_rows // spec.warps_down, spec.block_columns // spec.warps_across
        self.warp_row = mul(div(warp, spec.warps_across), self.warp_rows)
        self.warp_column = mul(rem(warp, spec.warps_across), self.warp_columns)
        self.steps = -(-spec.depth // STEP)
        a, b = (self.of_head(n, lies) for n, lies in enumerate((spec.a, spec.b)))
        copied = (self.thread, spec.threads)
        self.a = Rows(a, spec.a.row, spec.rows, spec.depth, spec.a_granule, self.first_row, spec.block_rows, *copied)
        self.b = Columns(
            b, spec.b.row, spec.columns, spec.depth, spec.b_granule, self.first_column, spec.block_columns, *copied
        )
        self.b_at = Rows.size(spec.block_rows)  # within a stage

    def of_head(self, number: int, lies: Strided) -> Value:
        """Where an operand's matrix begins."""
        start = mul(wide(self.image), wide(self.arguments.in_images[number]))
        inside = signed_wide(distance(self.head, lies.outer or (0,)))
        return at(self.arguments.inputs[number], add(start, inside))

    def write(self) -> None:
        sums, left, right = self.multiplied()
        gpu.barrier()  # all have read the ring, where the results go
        gathered = Gathered(self.ring, self.thread, self.spec.threads, self.spec.block_rows, self.spec.block_columns)
        self.gather(gathered, sums, [over_four(each) for each in left], [over_four(each) for each in right])
        gpu.barrier()
        self.store(gathered)

    def multiplied(self) -> tuple[list[Value], list[Value], list[Value]]:
        """Sums of products, and this lane's part of the sums of rows (two a tile) and of columns."""
        spec = self.spec
        down, across = self.warp_rows // 16, self.warp_columns // 8
        ahead = STAGES - 1
        for step in range(ahead):
            stage = at(self.ring, step * spec.stage_bytes)
            if step < self.steps:
                self.a.begin(const(step), stage)
                self.a.finish(self.a.loaded(const(step)), stage)
                self.b.finish(self.b.loaded(const(step)), at(stage, self.b_at))
            commit()
        row = add(self.warp_row, rem(self.lane, 16))
        counts = [down * across * 4, 2 * down * spec.right_moved, across * spec.left_moved]
        start = [const(0)] * sum(counts) + [const(0), const(ahead * spec.stage_bytes)]
        loop = scf.ForOp(const(0), const(self.steps), const(1), start)
        with ir.InsertionPoint(loop.body):
            *totals, reads, writes = loop.inner_iter_args
            sums, left, right = _split(totals, counts)
            wait(ahead - 1)
            gpu.barrier()
            later = add(loop.induction_variable, ahead)
            target, source = at(self.ring, writes), at(self.ring, reads)
            when(below(later, self.steps), lambda: self.a.begin(later, target))
            commit()
            clamped = arith.minui(later, const(self.steps - 1))  # what is copied once too often, nobody reads
            pending = self.a.loaded(clamped), self.b.loaded(clamped)
            for half in range(2):
                rows = at(source, swapped(row, add(div(self.lane, 16), 2 * half)))
                a = [load_matrices(at(rows, tile * 16 * STEP)) for tile in range(down)]
                b = [
                    self.b.fragment(at(source, self.b_at), self.lane, add(self.warp_column, 8 * x), half)
                    for x in range(across)
                ]
                for y in range(down):
                    for x in range(across):
                        place = (y * across + x) * 4
                        sums[place : place + 4] = multiply(a[y], b[x], sums[place : place + 4], "u8")
                    for h in range(2 * spec.right_moved):
                        left[2 * y + h] = dot(a[y][h + 2], ONES, dot(a[y][h], ONES, left[2 * y + h]))
                for x in range(across * spec.left_moved):
                    right[x] = dot(b[x][1], ONES, dot(b[x][0], ONES, right[x]))
            self.a.finish(pending[0], target)
            self.b.finish(pending[1], at(target, self.b_at))
            scf.yield_([*sums, *left, *right, self.next_stage(reads), self.next_stage(writes)])
        sums, left, right = _split(list(loop.results)[:-2], counts)
        return sums, left, right

    def next_stage(self, stage: Value) -> Value:
        following = add(stage, self.spec.stage_bytes)
        return arith.select(below(following, STAGES * self.spec.stage_bytes), following, const(0))

    def gather(self, gathered: Gathered, sums: list[Value], left: list[Value], right: list[Value]) -> None:
        """Requantize. left: sums of a's rows, right: of b's columns."""
        spec = self.spec
        zero_point, low, high, multiplier, shift, zero_a, zero_b, both = (param(self.arguments, n) for n in range(8))
        rescale = Rescale.of(multiplier, shift, spec.form)
        down, across = self.warp_rows // 16, self.warp_columns // 8
        row = add(self.warp_row, div(self.lane, 4))
        first = mul(rem(self.lane, 4), 2)
        of_rows = [sub(both, mul(each, zero_b)) for each in left] or [both] * (2 * down)
        for x in range(across):
            of_columns = [const(0)] * 2
            if right:  # a lane has that of column lane / 4
                of_columns = [mul(from_lane(right[x], mul(add(first, j), 4)), zero_a) for j in range(2)]
            for y in range(down):
                for h in range(2):
                    results = []
                    for j in range(2):
                        total = add(sums[(y * across + x) * 4 + 2 * h + j], of_rows[2 * y + h])
                        total = sub(total, of_columns[j])
                        results.append(quantized(rescale.rescaled(total), zero_point, low, high))
                    place = gathered.at(add(row, 16 * y + 8 * h), add(add(self.warp_column, first), 8 * x))
                    gathered.put(results, place, wide=spec.out.plane > 0)

    def store(self, gathered: Gathered) -> None:
        spec = self.spec
        start = mul(wide(self.image), wide(self.arguments.out_image))
        out = at(self.arguments.out, add(start, signed_wide(distance(self.head, spec.out.outer or (0,)))))
        gathered.store(out, spec.out, (self.first_row, self.first_column), (spec.rows, spec.columns), spec.store_bytes)


def _split(values: Sequence[Value], counts: Sequence[int]) -> list[list[Value]]:
    """So many of them each."""
    found, first = [], 0
    for count in counts:
        found.append(list(values[first : first + count]))
        first += count
    return found
