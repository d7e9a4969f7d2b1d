"""Blocks of a cluster, of sm_90: barriers in shared memory, and copies that reach all of them.

A barrier counts arrivals, and bytes that it was told to expect: its phase is over when both are complete. Phases have a
parity, 0 for the first one; who waits says which. A barrier has to be made and shown before the cluster meets.

Arrivals and waits have the scope of a block, as CUTLASS has them: between blocks they order reads of `wgmma`, which are
over, before copies past the threads, and nothing that threads write. With a cluster's scope every wait would empty the
first cache, and every arrival wait for all copies.
"""

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, scf

from dyadic.passes.lower.cuda.kernels.vocabulary.assembly import assembly
from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, const, integer

BARRIER_BYTES = 8


def make_barrier(barrier: Value, arrivals: int) -> None:
    """At an address in shared memory (i32), for so many arrivals a phase."""
    assembly(f"mbarrier.init.shared::cta.b64 [$0], {arrivals};", "r,~{memory}", [barrier])


def show_barriers() -> None:
    """Those that this thread made, to other blocks and to copies, once the cluster has met."""
    assembly("fence.mbarrier_init.release.cluster;")


def meet() -> None:
    """All threads of all blocks of the cluster."""
    assembly("barrier.cluster.arrive.release.aligned;")
    assembly("barrier.cluster.wait.acquire.aligned;")


def at_block(address: Value, rank: Value) -> Value:
    """The same place in the shared memory of a block of the cluster."""
    return assembly("mapa.shared::cluster.u32 $0, $1, $2;", "=r,r,r", [address, rank], integer(32)).results[0]


def arrive(barrier: Value) -> None:
    """At a barrier of any block of the cluster: what this thread knows to be read may be copied over from there."""
    assembly("mbarrier.arrive.shared::cluster.b64 _, [$0];", "r,~{memory}", [barrier])


def expect(barrier: Value, size: int) -> None:
    """Arrive at a barrier of this block's, whose phase has so many more bytes to come."""
    assembly(f"mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], {size};", "r,~{memory}", [barrier])


def wait_for(barrier: Value, parity: Value) -> None:
    """Until a phase of a barrier of this block's is over."""
    text = "{ .reg .pred done; mbarrier.try_wait.parity.shared::cta.b64 done, [$1], $2; selp.b32 $0, 1, 0, done; }"
    loop = scf.WhileOp([], [])
    with ir.InsertionPoint(loop.before.blocks.append()):
        done = assembly(text, "=r,r,r,~{memory}", [barrier, parity], integer(32)).results[0]
        scf.condition(arith.cmpi(arith.CmpIPredicate.eq, done, const(0)), [])
    with ir.InsertionPoint(loop.after.blocks.append()):
        scf.yield_([])


def copy_to_all(target: Value, source: Value, size: int, barrier: Value, blocks: int) -> None:
    """Copy bytes of global memory, to arrive at one place (i32) in each of the first so many blocks of the cluster, and
    at the barrier at one place there. All addresses and the size are multiples of 16."""
    text = (
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
        f"[$0], [$1], {size}, [$2], $3;"
    )
    mask = const((1 << blocks) - 1, 16)
    assembly(text, "r,l,r,h,~{memory}", [target, llvm.ptrtoint(integer(64), source), barrier, mask])
