"""Where the lanes of a warp keep a matrix: the executor against the tables of the PTX manual.

From "PTX ISA", "Matrix Fragments for mma.m8n8k16", "... m16n8k16 with integer type", "... m16n8k32" and "ldmatrix".
With groupID = %laneid >> 2 and threadID_in_group = %laneid % 4, a table says for each element i of a lane, lowest byte
of the first register first, its row and its column as (is groupID, constant), (threads, constant): row = groupID + r,
column = threadID_in_group * width + c. The tables below are these, written out element by element; no GPU has settled
yet that they were read rightly.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from support.ptx.gpu import Gpu, Out

LANES = 32


@dataclass(frozen=True)
class Shape:
    """Tables are (row added to groupID, column added to threadID_in_group * 4) of each element of A; of B, the row
    added to threadID_in_group * 4 (its column is groupID); of C, (row added to groupID, column added to
    threadID_in_group * 2)."""

    name: str
    m: int
    k: int
    a: tuple[tuple[int, int], ...]
    b: tuple[int, ...]
    c: tuple[tuple[int, int], ...]


SHAPES = [
    Shape("m8n8k16", 8, 16,
          a=((0, 0), (0, 1), (0, 2), (0, 3)),
          b=(0, 1, 2, 3),
          c=((0, 0), (0, 1))),
    Shape("m16n8k16", 16, 16,
          a=((0, 0), (0, 1), (0, 2), (0, 3), (8, 0), (8, 1), (8, 2), (8, 3)),
          b=(0, 1, 2, 3),
          c=((0, 0), (0, 1), (8, 0), (8, 1))),
    Shape("m16n8k32", 16, 32,
          a=((0, 0), (0, 1), (0, 2), (0, 3), (8, 0), (8, 1), (8, 2), (8, 3),
             (0, 16), (0, 17), (0, 18), (0, 19), (8, 16), (8, 17), (8, 18), (8, 19)),
          b=(0, 1, 2, 3, 16, 17, 18, 19),
          c=((0, 0), (0, 1), (8, 0), (8, 1))),
]  # fmt: skip


def product_ptx(shape: Shape, types: str) -> str:
    """Each lane loads its registers of A, B and C one after the other and stores those of D."""
    counts = {"a": len(shape.a) // 4, "b": len(shape.b) // 4, "c": len(shape.c)}
    loads, first = [], 0
    for name, count in counts.items():
        loads += [f"ld.global.u32 %{name}{n}, [%d2+{4 * (first + n)}];" for n in range(count)]
        first += count
    lists = {name: "{" + ", ".join(f"%{name}{n}" for n in range(count)) + "}" for name, count in counts.items()}
    results = "{" + ", ".join(f"%r{n}" for n in range(counts["c"])) + "}"
    stores = [f"st.global.u32 [%d3+{4 * n}], %r{n};" for n in range(counts["c"])]
    return f"""
.version 7.0
.target sm_80
.address_size 64
.visible .entry product(.param .u64 in, .param .u64 out) {{
    .reg .b32 %a<4>, %b<2>, %c<4>, %r<4>, %t<2>;
    .reg .b64 %d<6>;
    ld.param.u64 %d0, [in];
    ld.param.u64 %d1, [out];
    mov.u32 %t0, %laneid;
    mul.wide.u32 %d4, %t0, {4 * first};
    add.s64 %d2, %d0, %d4;
    mul.wide.u32 %d5, %t0, {4 * counts["c"]};
    add.s64 %d3, %d1, %d5;
    {" ".join(loads)}
    mma.sync.aligned.{shape.name}.row.col.{types} {results}, {lists["a"]}, {lists["b"]}, {lists["c"]};
    {" ".join(stores)}
    ret;
}}
"""


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@pytest.mark.parametrize("types", ["s32.u8.s8.s32", "s32.s8.u8.s32", "s32.s8.s8.s32", "s32.u8.u8.s32"])
def test_mma_keeps_its_matrices_where_the_manual_says(gpu: Gpu, shape: Shape, types: str) -> None:
    rng = np.random.default_rng(5)
    a = rng.integers(0, 256, (shape.m, shape.k), dtype=np.uint8)
    b = rng.integers(0, 256, (shape.k, 8), dtype=np.uint8)
    c = rng.integers(-(2**31), 2**31, (shape.m, 8), dtype=np.int32)
    left, right = (m.view(np.int8) if t == "s8" else m for m, t in zip((a, b), types.split(".")[1:3], strict=True))
    expected = (left.astype(np.int64) @ right.astype(np.int64) + c).astype(np.int32)  # wraps around
    lanes = []
    for lane in range(LANES):
        group, thread = lane >> 2, lane % 4
        lane_a = bytes(int(a[group + row, thread * 4 + column]) for row, column in shape.a)
        lane_b = bytes(int(b[thread * 4 + row, group]) for row in shape.b)
        lane_c = np.array([c[group + row, thread * 2 + column] for row, column in shape.c], np.int32).tobytes()
        lanes.append(lane_a + lane_b + lane_c)
    given = np.frombuffer(b"".join(lanes), np.uint8).copy()
    result = np.zeros((LANES, len(shape.c)), np.int32)
    gpu.run(product_ptx(shape, types), "product", (1,), (LANES,), [given, Out(result)])
    for lane in range(LANES):
        for i, (row, column) in enumerate(shape.c):
            assert result[lane, i] == expected[(lane >> 2) + row, lane % 4 * 2 + column]


def test_satfinite_sums_stop_at_the_ends(gpu: Gpu) -> None:
    shape = SHAPES[2]
    types = "s32.u8.s8.s32"
    given = np.zeros((LANES, 10), np.uint32)
    given[:, :4], given[:, 4:6], given[:, 6:] = 0xFFFFFFFF, 0x7F7F7F7F, 0x7FFFFFF0
    result = np.zeros((LANES, 4), np.int32)
    text = product_ptx(shape, types)
    gpu.run(text, "product", (1,), (LANES,), [given, Out(result)])
    assert (result == np.int32(0x7FFFFFF0 + 32 * 255 * 127 - 2**32)).all()
    gpu.run(text.replace("row.col.s32", "row.col.satfinite.s32"), "product", (1,), (LANES,), [given, Out(result)])
    assert (result == 2**31 - 1).all()


LDMATRIX = """
.version 7.0
.target sm_80
.address_size 64
.visible .entry matrices(.param .u64 in, .param .u64 out) {{
    .shared .align 128 .b8 rows[512];
    .reg .b32 %r<9>, %t<4>;
    .reg .b64 %d<6>;
    ld.param.u64 %d0, [in];
    ld.param.u64 %d1, [out];
    mov.u32 %t0, %laneid;
    mul.wide.u32 %d2, %t0, 16;
    add.s64 %d3, %d0, %d2;
    ld.global.v4.u32 {{%r0, %r1, %r2, %r3}}, [%d3];
    mov.u32 %t1, rows;
    shl.b32 %t2, %t0, 4;
    add.u32 %t2, %t1, %t2;
    st.shared.v4.u32 [%t2], {{%r0, %r1, %r2, %r3}};
    bar.warp.sync -1;
    ldmatrix.sync.aligned.m8n8.x4{trans}.shared.b16 {{%r4, %r5, %r6, %r7}}, [%t2];
    add.s64 %d4, %d1, %d2;
    st.global.v4.u32 [%d4], {{%r4, %r5, %r6, %r7}};
    ret;
}}
"""


@pytest.mark.parametrize("transposed", [False, True])
def test_ldmatrix_hands_out_rows_as_the_manual_says(gpu: Gpu, transposed: bool) -> None:
    """Threads 0-7 hold the addresses of the rows of the first matrix, 8-15 of the second and so on; a row's 16 bytes go
    to four threads: thread 4 r + j receives elements 2 j and 2 j + 1 of row r, the first in its lower half."""
    matrices = np.arange(4 * 8 * 8, dtype=np.uint16).reshape(4, 8, 8)
    result = np.zeros((LANES, 4, 2), np.uint16)
    text = LDMATRIX.format(trans=".trans" if transposed else "")
    gpu.run(text, "matrices", (1,), (LANES,), [matrices, Out(result)])
    for lane in range(LANES):
        for matrix in range(4):
            row, first = lane // 4, lane % 4 * 2
            seen = matrices[matrix].T if transposed else matrices[matrix]
            assert list(result[lane, matrix]) == [seen[row, first], seen[row, first + 1]]
