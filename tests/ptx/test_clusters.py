"""Blocks of a cluster, barriers in memory, bulk copies: what the executor makes of them, and what it does not let pass.

From "PTX ISA", "mbarrier", "cp.async.bulk", "mapa", "barrier.cluster" and "Cluster Dimension Directives". The program
is the protocol of CUTLASS's `PipelineTmaAsync`, with threads that read: two blocks have a ring of two places; each
copies a half of every round to both, and nobody writes to a place before both have read it. No GPU has settled yet that
the manual was read rightly.
"""

import numpy as np
import pytest
from support.ptx.gpu import Counters, DriverError, Gpu, Out

INVALID_PTX = 218  # CUresult
THREADS, ROUNDS, PLACES = 64, 5, 2
ROUND = 4 * THREADS  # bytes
BARRIERS = PLACES * ROUND  # where the first is
SHARED = BARRIERS + 16 * PLACES + 64
COPY = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
TRY = "mbarrier.try_wait.parity.shared::cta.b64 %p1"

# Steps by name. @p0 is thread 0; %r0 the block's rank, %r1 the other's; %r2 the ring, %r8 this block's half of it.
START = {
    "make": "@%p0 mbarrier.init.shared::cta.b64 [%r2+{barrier}], 1;",
    "show": "@%p0 fence.mbarrier_init.release.cluster;",
    "arrive": "barrier.cluster.arrive.release.aligned;",
    "meet": "barrier.cluster.wait.acquire.aligned;",
}
FILL = {
    "expect": "@%p0 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2+{full}], 256;",
    "copy": f"@%p0 {COPY} [%r8+{{place}}], [%d3+{{from}}], 128, [%r2+{{full}}], %h0;",
}
READ = {
    "wait": f"FULL{{round}}: {TRY}, [%r2+{{full}}], {{parity}}; @!%p1 bra FULL{{round}};",
    "read": "ld.shared.u32 %r5, [%r3+{place}]; st.global.u32 [%d2+{from}], %r5;",
    "sync": "bar.sync 0;",
}
HAND_ON = {
    "release": "@%p0 mapa.shared::cluster.u32 %r6, %r2, %r1; "
    "@%p0 mbarrier.arrive.shared::cluster.b64 _, [%r6+{empty}];",
    "acquire": f"@!%p0 bra ON{{round}}; EMPTY{{round}}: {TRY}, [%r2+{{empty}}], {{parity}}; @!%p1 bra EMPTY{{round}}; "
    "ON{round}:",
}


def text(*, target: str = "sm_90a", cluster: str = "2, 1, 1", end: str = "", **instead: str) -> str:
    """`instead` of a step, everywhere, other PTX."""
    lines: list[str] = []

    def add(steps: dict[str, str], number: int) -> None:
        place = number % PLACES
        names = {
            "round": number, "place": ROUND * place, "from": ROUND * number, "parity": number // PLACES % 2,
            "full": BARRIERS + 8 * place, "empty": BARRIERS + 8 * (PLACES + place), "barrier": BARRIERS + 8 * number,
        }  # fmt: skip
        for name, step in steps.items():
            lines.append(instead.get(name, step).format_map(names))

    for barrier in range(2 * PLACES):
        add({"make": START["make"]}, barrier)
    add({name: step for name, step in START.items() if name != "make"}, 0)
    for first in range(PLACES):
        add(FILL, first)
    for number in range(ROUNDS):
        add(READ, number)
        if number + PLACES < ROUNDS:
            add(HAND_ON, number)
            add(FILL, number + PLACES)
    body = "\n    ".join(lines)
    return f"""
.version 8.4
.target {target}
.address_size 64
.visible .entry pipeline(.param .u64 in, .param .u64 out)
.explicitcluster
.reqnctapercluster {cluster}
{{
    .shared .align 128 .b8 ring[{SHARED}];
    .reg .pred %p<4>;
    .reg .b16 %h<2>;
    .reg .b32 %r<12>, %t;
    .reg .b64 %d<8>;
    ld.param.u64 %d0, [in];
    ld.param.u64 %d1, [out];
    mov.u32 %t, %tid.x;
    setp.eq.u32 %p0, %t, 0;
    mov.u32 %r4, %ctaid.x;
    and.b32 %r0, %r4, 1;
    xor.b32 %r1, %r0, 1;
    mov.u32 %r2, ring;
    shl.b32 %r5, %t, 2;
    add.u32 %r3, %r2, %r5;
    mad.lo.u32 %r8, %r0, {ROUND // 2}, %r2;
    mov.u16 %h0, 3;
    mul.wide.u32 %d4, %r4, {ROUNDS * ROUND};
    add.s64 %d2, %d1, %d4;
    cvt.u64.u32 %d5, %r5;
    add.s64 %d2, %d2, %d5;
    mul.wide.u32 %d4, %r0, {ROUND // 2};
    add.s64 %d3, %d0, %d4;
    {body}
    {end}
    ret;
}}
"""


def run(gpu: Gpu, ptx: str, blocks: int = 4) -> Counters:
    """Every block has read what all have of it."""
    given = np.arange(ROUNDS * THREADS, dtype=np.uint32)
    result = np.zeros((blocks, ROUNDS * THREADS), np.uint32)
    counters = gpu.run(ptx, "pipeline", (blocks,), (THREADS,), [given, Out(result)])
    np.testing.assert_array_equal(result, np.broadcast_to(given, result.shape))
    return counters


def test_blocks_of_a_cluster_share_what_each_copies(gpu: Gpu) -> None:
    counters = run(gpu, text())
    assert counters.blocks == 4
    assert counters.bytes_read == 2 * ROUNDS * ROUND  # once a cluster
    assert counters.barriers == 4 * ROUNDS * THREADS // 32


def test_a_block_may_be_alone(gpu: Gpu) -> None:
    """A cluster of one, without multicast, whose threads release its places themselves."""
    alone = COPY.removesuffix(".multicast::cluster")
    ptx = text(
        cluster="1", expect=FILL["expect"], copy=f"@%p0 {alone} [%r2+{{place}}], [%d0+{{from}}], 256, [%r2+{{full}}];",
        release="@%p0 mbarrier.arrive.shared::cta.b64 _, [%r2+{empty}];",
    )  # fmt: skip
    run(gpu, ptx, 3)


def test_a_scope_may_be_said(gpu: Gpu) -> None:
    """ "The optional .sem and .scope": what is not said is .release or .acquire, and .cta."""
    ptx = text().replace("parity.shared", "parity.acquire.cluster.shared")
    run(gpu, ptx.replace("arrive.shared::cluster", "arrive.release.cluster.shared::cluster"))


def test_bytes_may_come_before_they_are_expected(gpu: Gpu) -> None:
    """As long as the arrival is missing: "tx-count" may be below zero."""
    run(gpu, text(expect="", copy=f"{FILL['copy']} {FILL['expect']}"))


def test_a_grid_is_of_whole_clusters(gpu: Gpu) -> None:
    with pytest.raises(DriverError, match="a grid of 3 x 1 x 1 blocks, in clusters of 2 x 1 x 1"):
        run(gpu, text(), 3)


def test_a_cluster_may_lie_in_another_direction(gpu: Gpu) -> None:
    """Ranks count x first: the other block of this one is beside it in y."""
    ptx = text(cluster="1, 2, 1").replace("mov.u32 %r4, %ctaid.x;", "mov.u32 %r4, %ctaid.y;")
    given, result = np.arange(ROUNDS * THREADS, dtype=np.uint32), np.zeros((2, ROUNDS * THREADS), np.uint32)
    gpu.run(ptx, "pipeline", (1, 2), (THREADS,), [given, Out(result)])
    np.testing.assert_array_equal(result, np.broadcast_to(given, result.shape))


ONCE = f"{TRY}, [%r2+{{full}}], {{parity}};"
FAULTS = {
    "no barrier was made": (dict(make=""), "no mbarrier is at shared address"),
    "barriers are not shown": (dict(show=""), "no fence.mbarrier_init is behind mbarrier.init"),
    "barriers are shown by another thread": (
        dict(show="setp.eq.u32 %p2, %t, 32; @%p2 " + START["show"][5:]), "no fence.mbarrier_init"),
    "the cluster does not meet": (dict(arrive="", meet=""), "no mbarrier is at|no barrier is behind mbarrier.init"),
    "it arrives and does not wait": (dict(meet=""), "no mbarrier is at|no barrier is behind mbarrier.init"),
    "it waits without having arrived": (dict(arrive=""), "without having arrived"),
    "it arrives twice": (dict(meet=START["arrive"]), "twice without waiting"),
    "a warp does not meet": (
        dict(arrive="setp.ge.u32 %p2, %t, 32; @%p2 ret; " + START["arrive"]), "deadlock"),
    "lanes of a warp do not meet": (
        dict(arrive="setp.eq.u32 %p2, %t, 1; @%p2 ret; " + START["arrive"]), "a barrier in divergent code"),
    "nobody waits for bytes": (
        dict(wait=""), "to which a bulk copy is in flight|nothing has written|no barrier between"),
    "a wait is not repeated": (dict(wait=ONCE), "to which a bulk copy is in flight|nothing has written"),
    "a wait for the other parity": (
        dict(wait=f"FULL{{round}}: xor.b32 %r9, 1, {{parity}}; {TRY}, [%r2+{{full}}], %r9; @!%p1 bra FULL{{round}};"),
        "to which a bulk copy is in flight|nothing has written|no barrier between|deadlock"),
    "a parity that is none": (dict(wait=READ["wait"].replace("{parity}", "2")), "a phase of parity 2"),
    "fewer bytes are expected": (dict(expect=FILL["expect"].replace("256", "128")),
        "in flight|nothing has written|deadlock"),
    "more bytes are expected": (dict(expect=FILL["expect"].replace("256", "272")), "deadlock"),
    "no bytes are expected": (dict(expect=""), "deadlock"),
    "more bytes than are counted": (
        dict(expect=FILL["expect"].replace("256", "1048576")), "more than an mbarrier counts"),
    "a place is not released": (dict(release=""), "deadlock"),
    "a place is written to before it is released": (
        dict(acquire=""), "race: writes shared byte|to which a bulk copy is in flight"),
    "it is released before all warps have read": (dict(sync=""), "race: writes shared byte"),
    "a place is released to the own block": (
        dict(release=HAND_ON["release"].replace("%r1;", "%r0;")), "race: writes shared byte|in flight"),
    "one thread waits and another one copies": (
        dict(copy="setp.eq.u32 %p3, %t, 1; " + FILL["copy"].replace("@%p0", "@%p3")), "race: writes shared byte"),
    "it is copied to one block": (dict(copy="mov.u16 %h0, 1; " + FILL["copy"]), "deadlock|in flight"),
    "it is copied to a block that is not there": (
        dict(copy="mov.u16 %h0, 7; " + FILL["copy"]), "blocks 0x7 of a cluster"),
    "it is copied to no block": (dict(copy="mov.u16 %h0, 0; " + FILL["copy"]), "blocks 0 of a cluster"),
    "of a size that is no multiple": (dict(copy=FILL["copy"].replace("128,", "120,")), "a bulk copy of 120 bytes"),
    "of no bytes": (dict(copy=FILL["copy"].replace("128,", "0,")), "a bulk copy of 0 bytes"),
    "from a misaligned address": (
        dict(copy="add.s64 %d6, %d3, 8; " + FILL["copy"].replace("%d3", "%d6")), "misaligned"),
    "to a misaligned address": (dict(copy="add.u32 %r8, %r8, 8; " + FILL["copy"]), "no multiple of 16"),
    "beyond shared memory": (dict(copy=FILL["copy"].replace("128,", "4096,")), "outside of"),
    "with a barrier of another block": (
        dict(copy="mapa.shared::cluster.u32 %r6, %r2, %r1; " + FILL["copy"].replace("[%r2", "[%r6")),
        "with an mbarrier of another"),
    "of a block that is not there": (
        dict(release=HAND_ON["release"].replace("%r1;", "2;")), "block 2 of a cluster of 2"),
    "a barrier is written to": (
        dict(sync="bar.sync 0; @%p0 st.shared.u32 [%r2+{full}], %t;"), "belongs to an mbarrier"),
    "a barrier is read": (dict(sync="ld.shared.u32 %r5, [%r2+{full}]; bar.sync 0;"), "belongs to an mbarrier"),
    "a barrier is made twice": (
        dict(show=START["make"].format(barrier=BARRIERS) + START["show"]), "belongs to an mbarrier"),
    "a barrier of no arrivals": (dict(make=START["make"].replace("1;", "0;")), "an mbarrier of 0 arrivals"),
    "an unaligned barrier": (
        dict(make="add.u32 %r9, %r2, 4; " + START["make"].replace("%r2", "%r9")), "no multiple of 8"),
    "a place is written to in flight": (dict(wait="st.shared.u32 [%r3+{place}], %t;" + READ["wait"]),
        "to which a bulk copy is in flight|no barrier between"),
    "a block ends while the other one copies to it": (
        dict(wait="setp.eq.u32 %p2, %r0, {round}; @%p2 ret; " + READ["wait"]), "has ended|without a wait|in flight"),
    "a block ends and the other one arrives there": (
        dict(end="@%p0 mapa.shared::cluster.u32 %r6, %r2, %r1; "
            f"@%p0 mbarrier.arrive.shared::cluster.b64 _, [%r6+{BARRIERS + 16}];"),
        "has ended|returns without a wait for what another block does"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(gpu: Gpu, name: str) -> None:
    how, complaint = FAULTS[name]
    with pytest.raises(DriverError, match=complaint) as caught:
        run(gpu, text(**how))
    assert caught.value.result != INVALID_PTX


REFUSED = {
    "older code": (dict(target="sm_80"), "not before sm_90"),
    "a cluster too large": (dict(cluster="3, 3, 1"), "clusters of another size"),
    "states of phases": (dict(release="mbarrier.arrive.shared::cta.b64 %d6, [%r2+{empty}];"), "states of phases"),
    "a test without waiting": (
        dict(wait="mbarrier.test_wait.parity.shared::cta.b64 %p1, [%r2+{full}], 0;"), "another kind"),
    "a barrier that ends": (dict(end="mbarrier.inval.shared::cta.b64 [%r2];"), "another kind"),
    "a wait that orders nothing": (
        dict(wait=READ["wait"].replace("parity.", "parity.relaxed.cluster.")), ".relaxed in"),
    "a barrier of the cluster that orders nothing": (dict(arrive="barrier.cluster.arrive.relaxed;"), ".relaxed in"),
    "copies in groups": (
        dict(copy="cp.async.bulk.global.shared::cta.bulk_group [%d1], [%r2], 16;"), "a bulk copy of another kind"),
    "tensor maps": (
        dict(copy="cp.async.bulk.tensor.1d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
            "[%r2], [%d0, {{%t}}], [%r2];"), "a bulk copy of another kind"),
    "generic addresses": (dict(release="mapa.u64 %d6, %d0, %r1;"), "generic addresses"),
    "addresses that go on": (dict(read="ld.shared.u32 %r5, [%r3+4+4];"), "address"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_forms_that_it_does_not_know_are_refused(gpu: Gpu, name: str) -> None:
    how, complaint = REFUSED[name]
    with pytest.raises(DriverError, match=complaint) as caught:
        run(gpu, text(**how))
    assert caught.value.result == INVALID_PTX
