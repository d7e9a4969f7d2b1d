"""Every check of the executor finds what it is for, and says where; what is right passes."""

import ctypes

import numpy as np
import pytest
from support.ptx.gpu import DriverError, Gpu, Out

ADDRESS, MISALIGNED, FAILED = 700, 716, 719  # CUresult


def kernel(body: str, shared: int = 1024) -> str:
    """A kernel with two pointers, `%d0` and `%d1`; `%t` is the thread, `%s` its word in shared memory."""
    return f"""
.version 7.8
.target sm_80
.address_size 64
.visible .entry k(.param .u64 in, .param .u64 out) {{
    .shared .align 16 .b8 words[{shared}];
    .reg .pred %p<4>;
    .reg .b32 %r<20>, %t, %s, %w, %u;
    .reg .b64 %d<20>;
    ld.param.u64 %d0, [in];
    ld.param.u64 %d1, [out];
    mov.u32 %t, %tid.x;
    mov.u32 %w, %warpid;
    mov.u32 %s, words;
    mul.wide.u32 %d2, %t, 4;
    add.s64 %d3, %d0, %d2;
    add.s64 %d4, %d1, %d2;
    shl.b32 %r0, %t, 2;
    add.u32 %s, %s, %r0;
    {body}
    ret;
}}
"""


def run(gpu: Gpu, body: str, threads: int = 64, blocks: int = 1, shared: int = 1024) -> np.ndarray:
    given = np.arange(threads * 4, dtype=np.uint32)
    result = np.zeros(threads * 4, np.uint32)
    gpu.run(kernel(body, shared), "k", (blocks,), (threads,), [given, Out(result)])
    return result


REVERSE = """
    st.shared.u32 [%s], %t;
    {between}
    mov.u32 %r1, words;
    add.u32 %r1, %r1, 252;
    sub.u32 %r1, %r1, %r0;
    ld.shared.u32 %r2, [%r1];
    st.global.u32 [%d4], %r2;
"""


def test_what_is_right_passes(gpu: Gpu) -> None:
    np.testing.assert_array_equal(run(gpu, REVERSE.format(between="bar.sync 0;"))[:64], np.arange(64)[::-1])


DIVERGE = "and.b32 %u, %t, 31; setp.lt.u32 %p0, %u, 7; @%p0 bra FEW; {many} bra.uni JOIN; FEW: {few} JOIN:"
COPY = "cp.async.ca.shared.global [%s], [%d3], 4; "
CASES = {
    "read before the writer's barrier": (REVERSE.format(between=""), FAILED, "race: reads|nothing has written"),
    "one warp's lanes without bar.warp.sync": (
        "st.shared.u32 [%s], %t; xor.b32 %r1, %s, 4; ld.shared.u32 %r2, [%r1];", FAILED, "race: reads shared byte"),
    "written by two lanes": ("mov.u32 %r1, words; st.shared.u32 [%r1], %t;", FAILED, "race: writes shared byte 1024"),
    "written while others read": (
        "st.shared.u32 [%s], %t; bar.sync 0; mov.u32 %r1, words; ld.shared.u32 %r2, [%r1]; st.shared.u32 [%s], %r2;",
        FAILED, "race: writes shared byte 1024, which warp"),
    "never written": ("ld.shared.u32 %r1, [%s];", FAILED, "nothing has written"),
    "read in flight": (COPY + "cp.async.commit_group; ld.shared.u32 %r1, [%s];", FAILED,
        "reads shared byte .*, to which"),
    "written in flight": (COPY + "st.shared.u32 [%s], %t;", FAILED, "writes shared byte .*, to which"),
    "one group too many left in flight": (
        COPY + "cp.async.commit_group; cp.async.wait_group 1; ld.shared.u32 %r1, [%s];", FAILED, "in flight"),
    "waited for, but not the others": (
        COPY + "cp.async.wait_all; xor.b32 %r1, %s, 128; ld.shared.u32 %r2, [%r1];", FAILED, "race|nothing|in flight"),
    "ends in flight": (COPY, FAILED, "returns while a cp.async is in flight"),
    "beyond shared memory": (
        "ld.shared.u32 %r1, [%s+1024];", ADDRESS, r"at shared address 2\d+, outside of the 1024 from 1024 on"),
    "before shared memory": ("ld.shared.u32 %r1, [%s+-512];", ADDRESS, "touches 4 bytes at shared address"),
    "beyond every allocation": ("mov.u64 %d5, 4096; ld.global.u32 %r1, [%d5];", ADDRESS, "reads 4 bytes at 0x1000"),
    "just beyond an operand": ("ld.global.u32 %r1, [%d3+1024];", ADDRESS, "outside of every allocation"),
    "an input is written": ("st.global.u32 [%d3], %t;", FAILED, "no operand of this launch"),
    "at address 0": ("mov.u32 %r1, 0; ld.shared.u32 %r2, [%r1];", ADDRESS, "touches 4 bytes at shared address 0"),
    "misaligned, global": ("ld.global.u32 %r1, [%d3+2];", MISALIGNED, "no multiple of 4"),
    "misaligned, shared": ("ld.shared.u32 %r1, [%s+2];", MISALIGNED, "no multiple of 4"),
    "misaligned, of cp.async": ("cp.async.ca.shared.global [%s], [%d3+2], 4;", MISALIGNED, "misaligned"),
    "a vector misaligned": ("ld.global.v2.u32 {%r1, %r2}, [%d3];", MISALIGNED, "no multiple of 8"),
    "global, between warps": (
        "st.global.u32 [%d4], %t; xor.b32 %r1, %t, 32; mul.wide.u32 %d5, %r1, 4; add.s64 %d5, %d5, %d1; "
        "ld.global.u32 %r2, [%d5];", FAILED, "race: (reads|writes) global byte"),
    "a barrier in divergent code": (DIVERGE.format(many="bar.sync 0;", few=""), FAILED, "barrier in divergent code"),
    "a barrier under a guard": ("setp.lt.u32 %p0, %t, 7; @%p0 bar.sync 0;", FAILED, "barrier in divergent code"),
    "a barrier after some lanes returned": (
        "and.b32 %u, %t, 31; setp.lt.u32 %p0, %u, 7; @%p0 ret; bar.sync 0;", FAILED, "barrier in divergent code"),
    "ldmatrix in divergent code": (
        DIVERGE.format(many="ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%s];", few=""), FAILED, "whole warp"),
    "shuffle without its members": (
        DIVERGE.format(many="shfl.sync.idx.b32 %r1, %t, 0, 31, -1;", few=""), FAILED, "shfl.sync among lanes"),
    "a warp misses a barrier": ("setp.eq.u32 %p0, %w, 1; @%p0 bra END; bar.sync 0; END:", FAILED,
        "deadlock: 1 of 2 warps"),
    "two barriers, two warps": (
        "setp.eq.u32 %p0, %w, 1; @%p0 bra B; bar.sync 1; bra.uni END; B: bar.sync 2; END:", FAILED,
        "deadlock: 2 of 2 warps"),
    "a register that nothing wrote": ("add.u32 %r2, %r1, 1;", FAILED, "reads %r1, which nothing has written"),
    "a register that some lanes wrote": (
        "and.b32 %u, %t, 31; setp.lt.u32 %p0, %u, 7; @%p0 mov.u32 %r1, 1; add.u32 %r2, %r1, 1;", FAILED,
        "lane 7: reads %r1"),
    "a predicate that nothing wrote": ("@%p1 add.u32 %r2, %t, 1;", FAILED, "predicate that nothing has written"),
    "a trap": ("trap;", FAILED, "trap"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_found(gpu: Gpu, name: str) -> None:
    body, result, complaint = CASES[name]
    with pytest.raises(DriverError, match=complaint) as caught:
        run(gpu, body)
    assert caught.value.result == result
    assert "k, block (0, 0, 0), warp" in caught.value.said and "lane" in caught.value.said


@pytest.mark.parametrize("together", ["bar.sync 0;", "shfl.sync.idx.b32 %r1, %t, 0, 31, -1;"])
def test_lanes_meet_in_front_of_a_branch(gpu: Gpu, together: str) -> None:
    """LLVM may put what a branch does behind where it ends: lanes that go straight on wait for the others."""
    run(gpu, f"and.b32 %u, %t, 31; setp.lt.u32 %p0, %u, 7; @%p0 bra FEW; JOIN: {together} ret; FEW: bra.uni JOIN;")


def test_a_launch_may_touch_its_operands_alone(gpu: Gpu) -> None:
    """A runtime's tensors share one allocation, so bounds of allocations are not enough."""
    gpu.start()
    arena = gpu.allocate(4096)
    try:
        with gpu.module(kernel("ld.global.u32 %r1, [%d3]; st.global.u32 [%d4], %r1;")) as module:
            function = gpu.function(module, "k")
            for first, last, complaint in (
                (0, 256, None),
                (4, 256, "reads 4 bytes, 0 bytes into"),
                (0, 252, "reads 4 bytes, 252"),
            ):
                gpu.confine([(arena + first, last - first, False), (arena + 2048, 256, True)])
                gpu.launch(function, (1,), (64,), [ctypes.c_uint64(arena), ctypes.c_uint64(arena + 2048)])
                if complaint is None:
                    gpu.call("cuStreamSynchronize", None)
                    continue
                with pytest.raises(DriverError, match=complaint):
                    gpu.call("cuStreamSynchronize", None)
                gpu.start()
    finally:
        gpu.start()
        gpu.call("cuMemFree_v2", arena)


def test_blocks_may_not_touch_each_others_results(gpu: Gpu) -> None:
    with pytest.raises(
        DriverError, match=r"race: writes global byte \d+ of its allocation, which another block writes"
    ):
        run(gpu, "st.global.u32 [%d4], %t;", blocks=2)


def test_a_kernel_that_never_ends_is_stopped(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_INSTRUCTIONS", "10000")
    with pytest.raises(DriverError, match="still runs after 10000 instructions"):
        run(gpu, "AGAIN: bra.uni AGAIN;")


def test_without_checks_races_pass_and_wild_accesses_do_not(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_CHECKS", "0")
    run(gpu, "mov.u32 %r1, words; st.shared.u32 [%r1], %t;")
    with pytest.raises(DriverError, match="outside of every allocation"):
        run(gpu, "mov.u64 %d5, 4096; ld.global.u32 %r1, [%d5];")


def test_named_barriers_let_some_warps_through(gpu: Gpu) -> None:
    """Warp 0 arrives without waiting, warp 1 waits for both: what warp 0 wrote before is there."""
    body = """
    setp.eq.u32 %p0, %w, 1;
    @%p0 bra READ;
    st.shared.u32 [%s], %t;
    bar.arrive 3, 64;
    bra.uni END;
    READ:
    bar.sync 3, 64;
    ld.shared.u32 %r2, [%s+-128];
    st.global.u32 [%d4], %r2;
    END:
    """
    np.testing.assert_array_equal(run(gpu, body)[32:64], np.arange(32))


def test_lanes_that_diverged_meet_again(gpu: Gpu) -> None:
    """Each lane goes around its own number of times; the shuffle behind needs all of them."""
    body = """
    and.b32 %r1, %t, 31;
    mov.u32 %r2, 0;
    AROUND:
    add.u32 %r2, %r2, %r1;
    sub.s32 %r1, %r1, 1;
    setp.gt.s32 %p0, %r1, 0;
    @%p0 bra AROUND;
    shfl.sync.idx.b32 %r3, %r2, 5, 31, -1;
    st.global.u32 [%d4], %r3;
    """
    assert (run(gpu, body)[:64] == 15).all()


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("add.sat.s32 %r1, %t, 1", r".sat in add.sat.s32"),
        ("add.u64 %d5, %d0, %t", "needs a register of 64 bits, not %t"),
        ("ld.u32 %r1, [%d0]", "generic addresses are not known here"),
        ("st.global.u64 [%d4], %t", "needs a register of 64 bits, not %t"),
        ("atom.global.add.u32 %r1, [%d4], 1", "instruction atom.global.add.u32"),
        ("mul.ftz.f32 %r1, %t, %t", ".ftz"),
        ("div.approx.f32 %r1, %t, %t", "no rounding that is known here"),
        ("mma.sync.aligned.m16n8k64.row.col.s32.u4.s4.s32 {%r1}, {%r1}, {%r1}, {%r1}", ".m16n8k64"),
        ("bra NOWHERE", "no label NOWHERE"),
        ("mov.u32 %r1, %x9", "operand %x9"),
    ],
)
def test_what_it_does_not_know_it_refuses_by_line(gpu: Gpu, statement: str, complaint: str) -> None:
    with pytest.raises(DriverError, match=complaint) as caught:
        run(gpu, f"\n{statement};\n")
    assert caught.value.result == 218 and caught.value.said.startswith("PTX line ")
