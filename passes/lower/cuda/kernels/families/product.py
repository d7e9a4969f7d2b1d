"""Convolutions and linear layers on tensor cores: one template, an implicit matrix product of u8 and s8.

    out[m, n] = clamp(((acc[m, n] * multiplier[n] + rest[m, n]) + 2^(shift[n]-1) >> shift[n]) + zp, low, high)
    acc[m, n] = sum_k in[m, k] * w[n, k] + bias[n]
    rest[m, n] = ((residual[m, n] - zero point) << residual_shift) * residual_multiplier[n]

Row m is a pixel of the result, n a channel of it. What it is multiplied with is a list of 16-byte chunks, whose
distances from the pixel's first byte of input are a table: so kernel size, stride, dilation and the plain matrix
product are one code, and since tensors have their padding around them, nothing is asked about borders. Weights are
[channels][16 * chunks]; where a chunk reaches beyond its taps they are 0, and any byte may lie there. Groups of
channels are blocks of the grid.

A block walks along k in steps of four chunks (`product_staging.py`), several at once where its warps are slices of k
(`product_slices.py`), and requantizes its sums at the end (`product_results.py`), some results once more for a place of
their own (`product_copies.py`). Of inputs of 16 bits it walks along the high bytes first, then along the low ones. How
weights of fewer bits are stored says `product_weights.py`.
"""

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, scf

from dyadic.passes.lower.cuda.kernels.families.product_copies import write_copies
from dyadic.passes.lower.cuda.kernels.families.product_norm import normalize
from dyadic.passes.lower.cuda.kernels.families.product_pool import store_windows
from dyadic.passes.lower.cuda.kernels.families.product_results import Results
from dyadic.passes.lower.cuda.kernels.families.product_slices import Slices
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec
from dyadic.passes.lower.cuda.kernels.families.product_staging import Block, Staging
from dyadic.passes.lower.cuda.kernels.families.product_warpgroups import multiplied_together
from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, const
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import RESIDENT, Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.tensor_cores import load_matrices, multiply


def generate(spec: ProductSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    resident = 1 if spec.wgmma else RESIDENT // spec.threads
    cluster = (1, spec.cluster, 1) if spec.cluster > 1 else ()
    kernel(spec, symbol, lambda arguments: _write(spec, arguments), resident, cluster)


def _write(spec: ProductSpec, arguments: Arguments) -> None:
    block = Block(spec, arguments)
    sums = [multiplied_together(block)] if spec.wgmma else _multiplied(block)
    results = Results(block)
    if spec.table:
        results.stage_table()
    gpu.barrier()  # all have read the ring, where the results go
    if spec.residual:
        results.stage_residual()
    slices = Slices(block)
    slices.give(sums)
    if spec.residual or spec.warps_deep > 1:
        gpu.barrier()
    slices.each_share(sums, results.gather)
    gpu.barrier()
    if spec.stored:
        results.store()
    if spec.copies:
        write_copies(results)
    if spec.norm_bits:
        normalize(results)
    if spec.window:
        store_windows(results)


def _multiplied(block: Block) -> list[list[Value]]:
    """The sums of this lane, by tiles of 16 rows, of 8 columns, then as mma has them; with `acc_shift` those of low
    bytes, then of high ones."""
    spec, staging = block.spec, Staging(block)
    down, across, rounds = block.warp_rows // 16, block.warp_columns // 8, block.spec.rounds
    ahead = spec.stages - 1
    staging.start(ahead)
    none = [const(0)] * (down * across * 4)
    state = [const(0), const(ahead * spec.stage_bytes)]
    if not spec.in_plane:
        sums, _ = _walk(staging, 0, rounds, none, state)
        return [sums]
    high, state = _walk(staging, 0, rounds, none, state)
    if spec.acc_shift:
        low, _ = _walk(staging, rounds, 2 * rounds, none, state)
        return [low, high]
    sums, _ = _walk(staging, rounds, 2 * rounds, [arith.shli(each, const(8)) for each in high], state)
    return [sums]


def _walk(
    staging: Staging, first: int, last: int, sums: list[Value], state: list[Value]
) -> tuple[list[Value], list[Value]]:
    """Some rounds: (sums, [the stage that is read next, the one that is written next])."""
    block = staging.block
    down, across = block.warp_rows // 16, block.warp_columns // 8
    loop = scf.ForOp(const(first), const(last), const(1), [*sums, *state])
    with ir.InsertionPoint(loop.body):
        *totals, reads, writes = loop.inner_iter_args
        pending = staging.copy_ahead(loop.induction_variable, writes)
        weights = staging.weights(reads)
        for half in range(2):  # of a step: two chunks, or one mma, each
            rows = staging.rows(reads, half)
            a = [load_matrices(rows(tile)) for tile in range(down)]
            b = weights(half)
            for y in range(down):
                for x in range(across):
                    place = (y * across + x) * 4
                    totals[place : place + 4] = multiply(a[y], b[x], totals[place : place + 4])
        staging.finish(pending, writes)
        scf.yield_([*totals, staging.following(reads), staging.following(writes)])
    *totals, reads, writes = loop.results
    return totals, [reads, writes]
