"""Convolutions and linear layers on tensor cores: one template, an implicit matrix product of u8 and s8.

    out[m, n] = clamp(((sum_k in[m, k] * w[n, k] + bias[n]) * multiplier[n] + 2^(shift[n]-1) >> shift[n]) + zp, lo, hi)

Row m is a pixel of the result, n a channel of it. What it is multiplied with is a list of 16-byte chunks, whose
distances from the pixel's first byte of input are a table: so kernel size, stride, dilation and the plain matrix
product are one code, and since tensors have their padding around them, nothing is asked about borders. Weights are
[channels][16 * chunks]; where a chunk reaches beyond its taps they are 0, and any byte may lie there.

A block walks along k in steps of four chunks. `cp.async` brings the next steps into a ring of shared memory while one
is multiplied; chunks lie there swapped by `chunk ^ row / 2 % 4`, so that eight rows of `ldmatrix` meet no bank twice.
Sums are requantized in registers and gathered in shared memory, so that stores are wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, scf

from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    clamp_between,
    const,
    div,
    integer,
    least,
    load,
    mul,
    rem,
    signed_wide,
    store,
    sub,
    when,
    wide,
    xor,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import (
    MOST_SHARED_BYTES,
    Arguments,
    block,
    kernel,
    ring,
    thread,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.tensor_cores import (
    commit,
    copy_async,
    load_matrices,
    multiply,
    wait,
)

CHUNK, STEP = 16, 64  # bytes: of the table's entries, and of k at once
MARGIN = 16  # between gathered rows, so that they start in different banks
Array = npt.NDArray[np.integer[Any]]
HEADER = 3  # words: zero point, low, high


@dataclass(frozen=True)
class ProductSpec:
    """One kernel. Distances are in bytes; `in` counts from the first byte that pixel (0, 0) is multiplied with.

    Raises ValueError where the template has no such kernel.
    """

    rows: int  # of the result's image
    columns: int
    channels: int
    in_pixel: int  # from a pixel of the result to the next one, in the input: stride times the pixel
    in_row: int
    out_pixel: int
    out_row: int
    chunks: int
    granule: int = 16  # of copies: 4, 8 or 16; it divides every address of the input
    store_bytes: int = 4  # 1, 2, 4, 8 or 16; it divides every address of the result, and the channels
    block_rows: int = 64
    block_columns: int = 64
    warps_down: int = 2
    warps_across: int = 2
    stages: int = 3

    def __post_init__(self) -> None:
        rows, columns = self.block_rows / self.warps_down, self.block_columns / self.warps_across
        checks = {
            "chunks come in fours": self.chunks > 0 and self.chunks % 4 == 0,
            "copies have 4, 8 or 16 bytes": self.granule in (4, 8, 16),
            "stores have 1, 2, 4, 8 or 16 bytes": self.store_bytes in (1, 2, 4, 8, 16),
            "stores divide the channels": self.channels % self.store_bytes == 0,
            "a warp has tiles of 16 x 16": rows % 16 == 0 and columns % 16 == 0,
            "threads copy whole rows": all(n * 4 % self.threads == 0 for n in (self.block_rows, self.block_columns)),
            "there is something to overlap": self.stages >= 2,
            "shared memory suffices": self.shared_bytes <= MOST_SHARED_BYTES,
        }
        for claim, holds in checks.items():
            if not holds:
                raise ValueError(f"no product kernel of this kind ({claim}): {self}")

    @property
    def threads(self) -> int:
        return 32 * self.warps_down * self.warps_across

    @property
    def pitch(self) -> int:
        """From one gathered row of results to the next."""
        return self.block_columns + MARGIN

    @property
    def shared_bytes(self) -> int:
        """That a launch needs."""
        return max(self.stages * STEP * (self.block_rows + self.block_columns), self.block_rows * self.pitch)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def items(self) -> int:
        """Pixels of an image."""
        return self.rows * self.columns

    @property
    def block_items(self) -> int:
        return self.block_rows

    @property
    def grid_y(self) -> int:
        return -(-self.channels // self.block_columns)


def pack_params(
    distances: Sequence[int], bias: Array, multiplier: Array, shift: Array, zero_point: int, low: int, high: int
) -> npt.NDArray[np.int32]:
    """What the kernel reads: a header, where each chunk is, then three numbers a channel."""
    parts = [np.array([zero_point, low, high, *distances]), bias, multiplier, shift]
    return np.concatenate([np.asarray(part).astype(np.int32) for part in parts])


def generate(spec: ProductSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: _Product(spec, arguments).write())


class _Product:
    """The parts of one kernel, and the values that they share."""

    def __init__(self, spec: ProductSpec, arguments: Arguments) -> None:
        self.spec = spec
        (self.source,), (self.in_image,) = arguments.inputs, arguments.in_images
        self.target, self.out_image, self.weights = arguments.out, arguments.out_image, arguments.weights
        self.pixels = mul(arguments.batch, spec.items)
        words = [0, 1, 2, HEADER, *(HEADER + spec.chunks + n * spec.channels for n in range(3))]
        zero_point, low, high, *tables = (at(arguments.params, 4 * word) for word in words)
        self.header = [load(integer(32), place, 4) for place in (zero_point, low, high)]
        self.distances, self.bias, self.multiplier, self.shift = tables
        self.thread, self.ring = thread(), ring()
        self.lane, warp = rem(self.thread, 32), div(self.thread, 32)
        self.first_row = mul(block(gpu.Dimension.x), spec.block_rows)
        self.first_column = mul(block(gpu.Dimension.y), spec.block_columns)
        self.warp_rows = spec.block_rows // spec.warps_down
        self.warp_columns = spec.block_columns // spec.warps_across
        self.warp_row = mul(div(warp, spec.warps_across), self.warp_rows)  # within the block
        self.warp_column = mul(rem(warp, spec.warps_across), self.warp_columns)
        self.stage_bytes = STEP * (spec.block_rows + spec.block_columns)
        self.weights_at = STEP * spec.block_rows  # within a stage

    def write(self) -> None:
        sums = self.multiplied()
        gpu.barrier()  # all have read the ring, where the results go
        self.gather(sums)
        gpu.barrier()
        self.store()

    def place(self, pixel: Value, image: Value, row: int, step: int) -> Value:
        """Where a pixel of the batch is, from the first one's place: 64 bits."""
        each = self.spec.rows * self.spec.columns
        inside = rem(pixel, each)
        y, x = div(inside, self.spec.columns), rem(inside, self.spec.columns)
        return add(wide(add(mul(y, row), mul(x, step))), mul(wide(div(pixel, each)), wide(image)))

    @staticmethod
    def swapped(row: Value, chunk: Value) -> Value:
        """Where a chunk of a row lies in a stage."""
        return add(mul(row, STEP), mul(xor(chunk, rem(div(row, 2), 4)), CHUNK))

    def copies(self) -> list[tuple[Value, Value, Value, bool]]:
        """What this thread copies in every step: source, place in a stage, 1 (0 for a row that is not there: nothing is
        read, and its bytes become zeros), whether it is of the input."""
        spec, copies = self.spec, []
        row, self.chunk = div(self.thread, 4), rem(self.thread, 4)
        for part in range(spec.block_rows * 4 // spec.threads):
            local = add(row, part * spec.threads // 4)
            pixel = add(self.first_row, local)
            inside = below(pixel, self.pixels)
            source = self.place(arith.select(inside, pixel, const(0)), self.in_image, spec.in_row, spec.in_pixel)
            read = arith.select(inside, const(1), const(0))
            copies.append((at(self.source, source), self.swapped(local, self.chunk), read, True))
        for part in range(spec.block_columns * 4 // spec.threads):
            local = add(row, part * spec.threads // 4)
            channel = add(self.first_column, local)
            inside = below(channel, spec.channels)
            source = mul(wide(arith.select(inside, channel, const(0))), spec.chunks * CHUNK)
            read = arith.select(inside, const(1), const(0))
            place = add(self.swapped(local, self.chunk), self.weights_at)
            copies.append((at(self.weights, source), place, read, False))
        return copies

    def copy(self, copies: Sequence[tuple[Value, Value, Value, bool]], step: Value, stage: Value) -> None:
        """One step into the stage at this offset."""
        number = add(mul(step, 4), self.chunk)
        distance = load(integer(32), at(self.distances, wide(mul(number, 4))), 4)
        for source, place, read, of_input in copies:
            target = at(self.ring, add(stage, place))
            if of_input:
                start, size = at(source, signed_wide(distance)), self.spec.granule
            else:
                start, size = at(source, wide(mul(number, CHUNK))), CHUNK
            for piece in range(0, CHUNK, size):
                copy_async(at(target, piece), at(start, piece), size, mul(read, size))

    def multiplied(self) -> list[Value]:
        """The sums of this lane, by tiles of 16 rows, of 8 columns, then as mma has them."""
        spec = self.spec
        copies = self.copies()
        steps, ahead = spec.chunks // 4, spec.stages - 1
        for step in range(ahead):
            if step < steps:
                self.copy(copies, const(step), const(step * self.stage_bytes))
            commit()
        down, across = self.warp_rows // 16, self.warp_columns // 8
        row = add(self.warp_row, rem(self.lane, 16))
        column = add(self.warp_column, add(rem(self.lane, 8), mul(div(self.lane, 16), 8)))
        halves = range(2)  # of a step: two chunks, or one mma, each
        left = [self.swapped(row, add(div(self.lane, 16), 2 * half)) for half in halves]
        right = [
            add(self.swapped(column, add(rem(div(self.lane, 8), 2), 2 * half)), self.weights_at) for half in halves
        ]
        start = [const(0)] * (down * across * 4) + [const(0), const(ahead * self.stage_bytes)]
        loop = scf.ForOp(const(0), const(steps), const(1), start)
        with ir.InsertionPoint(loop.body):
            *sums, reads, writes = loop.inner_iter_args
            step = loop.induction_variable
            wait(ahead - 1)  # this step is here, for this thread
            gpu.barrier()  # and for all, and all are done with the stage that is overwritten now
            next_step = add(step, ahead)
            when(below(next_step, steps), lambda: self.copy(copies, next_step, writes))
            commit()
            for half in halves:
                rows, columns = at(self.ring, add(reads, left[half])), at(self.ring, add(reads, right[half]))
                a = [load_matrices(at(rows, tile * 16 * STEP)) for tile in range(down)]
                pairs = [load_matrices(at(columns, pair * 16 * STEP)) for pair in range(across // 2)]
                b = [words for pair in pairs for words in (pair[:2], pair[2:])]
                for y in range(down):
                    for x in range(across):
                        first = (y * across + x) * 4
                        sums[first : first + 4] = multiply(a[y], b[x], sums[first : first + 4])
            scf.yield_([*sums, self.next_stage(reads), self.next_stage(writes)])
        return list(loop.results)[:-2]

    def next_stage(self, stage: Value) -> Value:
        following = add(stage, self.stage_bytes)
        return arith.select(below(following, self.spec.stages * self.stage_bytes), following, const(0))

    def gather(self, sums: Sequence[Value]) -> None:
        """Requantize, and put bytes where the block's rows are whole."""
        spec = self.spec
        down, across = self.warp_rows // 16, self.warp_columns // 8
        row = add(self.warp_row, div(self.lane, 4))
        first = add(self.warp_column, mul(rem(self.lane, 4), 2))
        zero_point, low, high = self.header
        for x in range(across):
            constants = []
            for j in range(2):
                channel = least(add(add(self.first_column, first), 8 * x + j), spec.channels - 1)
                offset = wide(mul(channel, 4))
                bias, multiplier, shift = (
                    load(integer(32), at(base, offset), 4) for base in (self.bias, self.multiplier, self.shift)
                )
                half = arith.shli(const(1, 64), wide(sub(shift, 1)))
                constants.append((bias, signed_wide(multiplier), half, wide(shift)))
            for y in range(down):
                for h in range(2):
                    results = []
                    for j, (bias, multiplier, half, shift) in enumerate(constants):
                        total = add(sums[(y * across + x) * 4 + 2 * h + j], bias)
                        scaled = arith.shrsi(add(mul(signed_wide(total), multiplier), half), shift)
                        moved = add(arith.trunci(integer(32), scaled), zero_point)
                        results.append(clamp_between(moved, low, high))
                    both = arith.trunci(integer(16), arith.ori(results[0], mul(results[1], 256)))
                    place = add(mul(add(row, 16 * y + 8 * h), spec.pitch), add(first, 8 * x))
                    store(both, at(self.ring, place), 2)

    def store(self) -> None:
        spec, width = self.spec, self.spec.store_bytes
        pieces = spec.block_columns // width  # of a row
        kind = integer(8 * width) if width <= 8 else ir.VectorType.get([width // 4], integer(32))
        loop = scf.ForOp(self.thread, const(spec.block_rows * pieces), const(spec.threads))
        with ir.InsertionPoint(loop.body):
            row, column = div(loop.induction_variable, pieces), mul(rem(loop.induction_variable, pieces), width)
            pixel, channel = add(self.first_row, row), add(self.first_column, column)

            def move() -> None:
                value = load(kind, at(self.ring, add(mul(row, spec.pitch), column)), width)
                place = add(self.place(pixel, self.out_image, spec.out_row, spec.out_pixel), wide(channel))
                store(value, at(self.target, place), width)

            when(arith.andi(below(pixel, self.pixels), below(channel, spec.channels)), move)
            scf.yield_([])
