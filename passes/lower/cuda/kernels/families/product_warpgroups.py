"""The sums of a product by `wgmma`, for sm_90a: four warps multiply 64 rows, straight from the ring.

The ring and the copies are those of `product_staging.py`, with one step or two in a row of shared memory; since sums
lie in registers as those of `mma` do, results are, too. While a group of products is computed, the warps wait for the
next steps, and copy later ones to where the group before it has read: two groups' places are never being filled.
`product_cluster.py` brings the weights of blocks in clusters.
"""

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm, scf

from dyadic.passes.lower.cuda.kernels.families.product_cluster import ClusterWeights
from dyadic.passes.lower.cuda.kernels.families.product_staging import Block, Staging
from dyadic.passes.lower.cuda.kernels.families.product_weights import STEP
from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, add, below, const, div, integer, mul, when
from dyadic.passes.lower.cuda.kernels.vocabulary.tensor_cores import commit, wait
from dyadic.passes.lower.cuda.kernels.vocabulary.warpgroups import (
    DEPTH,
    PATTERN_ROWS,
    ROWS,
    begin,
    commit_products,
    descriptor,
    finished,
    further,
    multiply_together,
    plain_descriptor,
    show,
    wait_products,
)

THREADS = 128  # that multiply together
BUSY = 2  # groups of steps that may be read: the one that is begun, and the one before


def multiplied_together(block: Block) -> list[Value]:
    """The sums of this lane, as a warp of 16 rows and all columns of the block has them."""
    spec, staging = block.spec, Staging(block)
    at_once, ahead = spec.wgmma, spec.stages // spec.wgmma - BUSY
    weights = ClusterWeights(staging) if spec.cluster > 1 else None
    if weights:
        weights.begin()
    for first in range(0, ahead * at_once, at_once):
        if first < staging.all_steps:
            staging.copy(const(first), const(first * spec.stage_bytes))
            if weights:
                weights.copy(const(first // at_once), const(first * spec.stage_bytes))
        commit()
    sums = [const(0)] * (spec.block_columns // 2)
    state = [const(0), const(ahead * at_once * spec.stage_bytes)]
    for plane in range(spec.planes):  # high bytes, then low ones
        if plane:
            sums = [arith.shli(each, const(8)) for each in sums]
        first = plane * spec.steps
        sums, state = _walk(staging, weights, first, first + spec.steps, ahead, sums, state)
    return sums


def _walk(
    staging: Staging,
    weights: ClusterWeights | None,
    first: int,
    last: int,
    ahead: int,
    sums: list[Value],
    state: list[Value],
) -> tuple[list[Value], list[Value]]:
    """Some steps: (sums, [the stage that is read next, the one that is written next])."""
    block, spec = staging.block, staging.spec
    at_once, row_bytes = spec.wgmma, STEP * spec.wgmma
    memory = llvm.ptrtoint(integer(32), block.ring)
    own_rows = mul(div(block.thread, THREADS), ROWS * row_bytes)
    loop = scf.ForOp(const(first), const(last), const(at_once), [*sums, *state])
    with ir.InsertionPoint(loop.body):
        *totals, reads, writes = loop.inner_iter_args
        wait(ahead - 1)  # these steps are here, for this thread
        show()
        wait_products(1)  # those of two rounds ago are done with what is overwritten now
        number = div(loop.induction_variable, at_once)
        if weights:
            weights.wait(number)
        gpu.barrier()  # and all of that is so for all threads
        totals = begin(totals)
        stage = add(memory, reads)
        rows = descriptor(add(stage, own_rows), row_bytes)
        described, apart = (plain_descriptor, PATTERN_ROWS) if weights else (descriptor, 1)
        columns = described(add(stage, staging.weights_at), row_bytes)
        for depth in range(0, row_bytes, DEPTH):
            totals = multiply_together(further(rows, depth), further(columns, depth * apart), totals)
        commit_products()
        later = add(loop.induction_variable, ahead * at_once)

        def copy() -> None:
            staging.copy(later, writes)
            if weights:
                after = add(number, ahead)
                weights.release(after)
                weights.copy(after, writes, number)

        when(below(later, staging.all_steps), copy)
        commit()
        scf.yield_([*totals, staging.following(reads, at_once), staging.following(writes, at_once)])
    *totals, reads, writes = loop.results
    return finished(totals), [reads, writes]
