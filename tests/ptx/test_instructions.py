"""Instructions at their edges, where compiled programs do not come: values by hand, from the PTX manual's rules."""

import numpy as np
import pytest
from support.ptx.gpu import Gpu, Out

KERNEL = """
.version 7.8
.target sm_90
.address_size 64
.visible .entry one(.param .u64 out) {{
    .reg .pred %p<4>;
    .reg .b16 %h<4>;
    .reg .b32 %r<8>, %f<4>;
    .reg .b64 %d<4>;
    ld.param.u64 %d0, [out];
    {body}
    st.global.{kind} [%d0], {result};
    ret;
}}
"""

# statements with the result in %r0: what it is
WORDS: dict[str, int] = {
    "prmt.b32 %r0, 0x44332211, 0x88776655, 0x7250;": 0x88336611 & 0xFFFF0000 | 0x6611 & 0xFF00 | 0x11,
    "prmt.b32 %r0, 0x80402001, 0, 0xBBBB;": 0xFFFFFFFF,
    "prmt.b32 %r0, 0x80402001, 0, 0x8A3B;": 0x000080FF,
    "prmt.b32.f4e %r0, 0x44332211, 0x88776655, 6;": 0x66554433,
    "lop3.b32 %r0, 0xF0F0F0F0, 0xCCCCCCCC, 0xAAAAAAAA, 0x96;": 0x96969696,
    "shl.b32 %r0, 1, 32;": 0,
    "shl.b32 %r0, 1, 31;": 0x80000000,
    "shr.u32 %r0, 0x80000000, 99;": 0,
    "shr.s32 %r0, 0x80000000, 99;": 0xFFFFFFFF,
    "shf.l.wrap.b32 %r0, 0x80000001, 0x12345678, 36;": 0x23456788,
    "shf.l.clamp.b32 %r0, 0x80000001, 0x12345678, 36;": 0x80000001,
    "shf.r.clamp.b32 %r0, 0x80000001, 0x12345678, 99;": 0x12345678,
    "bfe.u32 %r0, 0xABCD1234, 8, 12;": 0xD12,
    "bfe.s32 %r0, 0xABCD1234, 8, 12;": 0xFFFFFD12,
    "bfe.s32 %r0, 0x80000000, 28, 12;": 0xFFFFFFF8,
    "bfe.u32 %r0, 0xABCD1234, 32, 4;": 0,
    "bfe.s32 %r0, 0xABCD1234, 40, 4;": 0xFFFFFFFF,
    "bfe.s32 %r0, 0xABCD1234, 4, 0;": 0,
    "bfi.b32 %r0, 0xFF, 0x12345678, 8, 4;": 0x12345F78,
    "bfi.b32 %r0, 0xFF, 0x12345678, 32, 4;": 0x12345678,
    "bfi.b32 %r0, 0xFF, 0, 28, 12;": 0xF0000000,
    "brev.b32 %r0, 0x00000003;": 0xC0000000,
    "clz.b32 %r0, 0;": 32,
    "clz.b32 %r0, 0x00010000;": 15,
    "clz.b64 %r0, 1;": 63,
    "popc.b64 %r0, -1;": 64,
    "mul.hi.u32 %r0, 0xFFFFFFFF, 0xFFFFFFFF;": 0xFFFFFFFE,
    "mul.hi.s32 %r0, 0xFFFFFFFF, 0xFFFFFFFF;": 0,
    "div.s32 %r0, -7, 2;": 0xFFFFFFFD,
    "rem.s32 %r0, -7, 2;": 0xFFFFFFFF,
    "abs.s32 %r0, 0x80000000;": 0x80000000,
    "neg.s32 %r0, 1;": 0xFFFFFFFF,
    "min.s32 %r0, 0xFFFFFFFF, 1;": 0xFFFFFFFF,
    "min.u32 %r0, 0xFFFFFFFF, 1;": 1,
    "dp4a.u32.s32 %r0, 0xFF010203, 0x80FFFF7F, 5;": (255 * -128 - 1 - 2 + 3 * 127 + 5) & 0xFFFFFFFF,
    "dp4a.s32.u32 %r0, 0xFF010203, 0x80FFFF7F, 5;": (-128 + 255 + 2 * 255 + 3 * 127 + 5) & 0xFFFFFFFF,
    "cvt.pack.sat.u8.s32.b32 %r0, 300, -5, 0x1234;": 0x1234FF00,
    "cvt.pack.sat.s8.s32.b32 %r0, 300, -500, 0;": 0x00007F80,
    "mov.u32 %r1, 300; cvt.sat.u8.u32 %r0, %r1;": 255,
    "mov.u32 %r1, -300; cvt.sat.s8.s32 %r0, %r1;": 0xFFFFFF80,
    "mov.u32 %r1, 0x1FF; cvt.s8.s32 %r0, %r1;": 0xFFFFFFFF,
    "mov.u64 %d1, 0x100000001; cvt.sat.s32.s64 %r0, %d1;": 0x7FFFFFFF,
    "mov.u64 %d1, {0x11, 0x22}; mov.b64 {%r1, %r0}, %d1;".replace("u64", "b64"): 0x22,
    "mov.b32 {%h0, %h1}, 0x12345678; mov.b32 %r0, {%h1, %h0};": 0x56781234,
    # float32 to whole numbers, as the boundary needs them: NaN becomes 0, the rest stops at the ends
    "cvt.rni.s32.f32 %r0, 0f40200000;": 2,  # 2.5
    "cvt.rni.s32.f32 %r0, 0f40600000;": 4,  # 3.5
    "cvt.rni.s32.f32 %r0, 0fC0200000;": 0xFFFFFFFE,  # -2.5
    "cvt.rmi.s32.f32 %r0, 0fC0200000;": 0xFFFFFFFD,
    "cvt.rpi.s32.f32 %r0, 0f40200000;": 3,
    "cvt.rzi.s32.f32 %r0, 0fC0200000;": 0xFFFFFFFE,
    "cvt.rni.s32.f32 %r0, 0f7FC00000;": 0,
    "cvt.rni.s32.f32 %r0, 0f7F800000;": 0x7FFFFFFF,
    "cvt.rni.s32.f32 %r0, 0fFF800000;": 0x80000000,
    "div.rn.f32 %r0, 0f3F800000, 0f40400000;": 0x3EAAAAAB,  # 1 / 3
    "fma.rn.f32 %r0, 0f3F800001, 0f3F800001, 0fBF800002;": 0x28800000,  # 2^-46: one rounding
    "min.f32 %r0, 0f7FC00000, 0f3F800000;": 0x3F800000,  # of NaN and 1 it is 1
    "cvt.rn.f32.s32 %r0, 16777217;": 0x4B800000,  # half to even
    "setp.lt.f32 %p0, 0f7FC00000, 0f3F800000; selp.u32 %r0, 1, 0, %p0;": 0,
    "setp.ltu.f32 %p0, 0f7FC00000, 0f3F800000; selp.u32 %r0, 1, 0, %p0;": 1,
    "setp.ne.f32 %p0, 0f7FC00000, 0f7FC00000; selp.u32 %r0, 1, 0, %p0;": 0,
    "setp.lt.s32 %p0|%p1, 2, 1; selp.u32 %r0, 1, 0, %p1;": 1,
    "setp.eq.s32 %p0, 1, 1; setp.lt.and.s32 %p1|%p2, 2, 1, !%p0; selp.u32 %r0, 1, 0, %p2;": 0,
    "setp.eq.s32 %p0, 1, 1; setp.eq.s32 %p1, 1, 2; xor.pred %p2, %p0, %p1; selp.u32 %r0, 7, 8, %p2;": 7,
    "setp.eq.s32 %p0, 1, 2; not.pred %p1, %p0; selp.u32 %r0, 7, 8, %p1;": 7,
}


@pytest.mark.parametrize("body", WORDS)
def test_words(gpu: Gpu, body: str) -> None:
    result = np.zeros(1, np.uint32)
    gpu.run(KERNEL.format(body=body, kind="u32", result="%r0"), "one", (1,), (1,), [Out(result)])
    assert result[0] == WORDS[body], f"{result[0]:#x} is not {WORDS[body]:#x}"


LONG_WORDS: dict[str, int] = {
    "shr.s64 %d1, 0x8000000000000000, 70;": 2**64 - 1,
    "shl.b64 %d1, 1, 63;": 2**63,
    "mul.hi.u64 %d1, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF;": 2**64 - 2,
    "mul.wide.s32 %d1, 0x80000000, 0x80000000;": 2**62,
    "mul.wide.u32 %d1, 0xFFFFFFFF, 0xFFFFFFFF;": (2**32 - 1) ** 2,
    "mad.wide.s32 %d1, -2, 3, 5;": 2**64 - 1,
    "bfe.s64 %d1, 0xFF00000000000000, 56, 8;": 2**64 - 1,
    "mov.u32 %r0, -1; cvt.u64.u32 %d1, %r0;": 2**32 - 1,
    "mov.u32 %r0, -1; cvt.s64.s32 %d1, %r0;": 2**64 - 1,
    "mov.b64 %d1, {0x11111111, 0x22222222};": 0x2222222211111111,
}


@pytest.mark.parametrize("body", LONG_WORDS)
def test_long_words(gpu: Gpu, body: str) -> None:
    result = np.zeros(1, np.uint64)
    gpu.run(KERNEL.format(body=body, kind="u64", result="%d1"), "one", (1,), (1,), [Out(result)])
    assert int(result[0]) == LONG_WORDS[body], f"{int(result[0]):#x} is not {LONG_WORDS[body]:#x}"


LANES = """
.version 7.8
.target sm_80
.address_size 64
.const .align 4 .b32 table[4] = {{5, 6, 7, 8}};
.visible .entry lanes(.param .u64 out) {{
    .reg .pred %p<4>;
    .reg .b32 %r<8>, %t;
    .reg .b64 %d<4>;
    ld.param.u64 %d0, [out];
    mov.u32 %t, %laneid;
    mul.wide.u32 %d1, %t, 4;
    add.s64 %d1, %d0, %d1;
    {body}
    st.global.u32 [%d1], %r0;
    ret;
}}
"""
LANE = np.arange(32)
LANE_CASES: dict[str, np.ndarray] = {
    "shfl.sync.up.b32 %r0, %t, 3, 0, -1;": np.where(LANE < 3, LANE, LANE - 3),
    "shfl.sync.down.b32 %r0, %t, 3, 31, -1;": np.where(LANE > 28, LANE, LANE + 3),
    "shfl.sync.bfly.b32 %r0, %t, 5, 31, -1;": LANE ^ 5,
    "shfl.sync.idx.b32 %r0, %t, 9, 31, -1;": np.full(32, 9),
    "shfl.sync.down.b32 %r0, %t, 1, 0x1807, -1;": np.where(LANE % 8 == 7, LANE, LANE + 1),  # segments of 8
    "shfl.sync.idx.b32 %r0, %t, 2, 0x1807, -1;": LANE // 8 * 8 + 2,
    "shfl.sync.down.b32 %r1|%p0, %t, 3, 31, -1; selp.u32 %r0, 1, 0, %p0;": np.where(LANE > 28, 0, 1),
    "setp.lt.u32 %p0, %t, 5; vote.sync.ballot.b32 %r0, %p0, -1;": np.full(32, 31),
    "setp.lt.u32 %p0, %t, 5; vote.sync.any.pred %p1, %p0, -1; selp.u32 %r0, 1, 0, %p1;": np.full(32, 1),
    "setp.lt.u32 %p0, %t, 5; vote.sync.all.pred %p1, %p0, -1; selp.u32 %r0, 1, 0, %p1;": np.full(32, 0),
    "mov.pred %p0, -1; selp.u32 %r0, 1, 2, %p0;": np.full(32, 1),
    "mov.pred %p0, 0; selp.u32 %r0, 1, 2, %p0;": np.full(32, 2),
    "redux.sync.add.u32 %r0, %t, -1;": np.full(32, 496),
    "sub.s32 %r1, %t, 9; redux.sync.min.s32 %r0, %r1, -1;": np.full(32, 2**32 - 9),
    "sub.s32 %r1, %t, 9; redux.sync.max.u32 %r0, %r1, -1;": np.full(32, 2**32 - 1),
    "and.b32 %r1, %t, 3; mul.wide.u32 %d2, %r1, 4; mov.u64 %d3, table; add.s64 %d2, %d2, %d3; "
    "ld.const.u32 %r0, [%d2];": 5 + LANE % 4,
}


@pytest.mark.parametrize("body", LANE_CASES)
def test_lanes(gpu: Gpu, body: str) -> None:
    result = np.zeros(32, np.uint32)
    gpu.run(LANES.format(body=body), "lanes", (1,), (32,), [Out(result)])
    np.testing.assert_array_equal(result, LANE_CASES[body].astype(np.uint32))


def test_copies_may_be_shorter_than_their_place(gpu: Gpu) -> None:
    """cp.async of 16 bytes that reads 5 fills the rest with zeros."""
    text = """
.version 7.8
.target sm_80
.address_size 64
.visible .entry short(.param .u64 in, .param .u64 out) {
    .shared .align 16 .b8 place[16];
    .reg .b32 %r<6>;
    .reg .b64 %d<4>;
    ld.param.u64 %d0, [in];
    ld.param.u64 %d1, [out];
    mov.u32 %r0, place;
    cp.async.cg.shared.global [%r0], [%d0], 16, 5;
    cp.async.wait_all;
    ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%r0];
    st.global.v4.u32 [%d1], {%r1, %r2, %r3, %r4};
    ret;
}
"""
    result = np.zeros(16, np.uint8)
    gpu.run(text, "short", (1,), (1,), [np.arange(1, 6, dtype=np.uint8), Out(result)])
    assert list(result) == [1, 2, 3, 4, 5] + [0] * 11
