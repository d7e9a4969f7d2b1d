"""A matrix product as GPUs like it, in PTX: u8 x s8 by `mma.m16n8k32`, with a dyadic requantization behind it.

    out[m, n] = clamp(((sum_k a[m, k] * w[n, k] + bias[n]) * multiplier[n] + 2^(shift[n]-1) >> shift[n]) + zp, 0, 255)

A block of 128 threads makes 64 rows and 64 columns. It walks along k in steps of 64 bytes: while a step is multiplied,
`cp.async` brings the ones after it into a ring of shared memory. There the four 16-byte chunks of a row are swapped by
`chunk ^ (row / 2 % 4)`, so that the eight rows that `ldmatrix` reads at once lie in eight different groups of banks.
Rows beyond the matrices are filled with zeros by cp.async itself. Results are gathered in shared memory, so that
stores are `store_bytes` wide. It is the kernel that the executor's own tests look at most closely; parts can be left
out to see that they are missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

ROWS, COLUMNS, STEP = 64, 64, 64  # of a block; the step is along k, in bytes
THREADS, WARPS_ACROSS = 128, 2
STAGE = STEP * (ROWS + COLUMNS)  # bytes of the ring
PITCH = COLUMNS + 16  # bytes from row to row of the gathered results


@dataclass(frozen=True)
class Gemm:
    """`out` has rows of n bytes, and `store_bytes` divides n; k is a multiple of 64."""

    stages: int = 3
    store_bytes: int = 4
    left_out: frozenset[str] = field(default_factory=frozenset)  # of PARTS

    @property
    def shared_bytes(self) -> int:
        return max(self.stages * STAGE, ROWS * PITCH)

    def grid(self, m: int, n: int) -> tuple[int, int]:
        return -(-m // ROWS), -(-n // COLUMNS)


PARTS = ("wait in the loop", "barrier in the loop", "barrier before results", "barrier before stores",
         "bound of rows", "bound of stores", "swizzle")  # fmt: skip


def reference(a: np.ndarray, w: np.ndarray, bias: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, zp: int,
              ) -> np.ndarray:  # fmt: skip
    total = (a.astype(np.int64) @ w.astype(np.int64).T + bias) * multiplier.astype(np.int64)
    half = np.int64(1) << (shift.astype(np.int64) - 1)
    return np.clip((total + half >> shift.astype(np.int64)) + zp, 0, 255).astype(np.uint8)


def ptx(spec: Gemm) -> str:
    """Parameters: a, w, bias, multiplier, shift, out, then m, n, k, zp as 32-bit numbers."""
    lines = [*_places(spec), *_copies(spec), *_loop(spec), *_results(spec), *_stores(spec)]
    body = "\n".join(line if line.endswith(":") else f"\t{line};" for line in lines)
    pointers = ", ".join(
        f".param .u64 .ptr .global .align 16 {name}" for name in ("a", "w", "bias", "mul", "shift", "out")
    )
    numbers = ", ".join(f".param .u32 {name}" for name in ("m", "n", "k", "zp"))
    return f""".version 7.0
.target sm_80
.address_size 64
.extern .shared .align 128 .b8 ring[];
.visible .entry gemm({pointers}, {numbers})
.maxntid {THREADS}
{{
\t.reg .pred %p<100>;
\t.reg .b32 %r<200>, %acc<32>, %fa<8>, %fb<8>;
\t.reg .b16 %h<4>;
\t.reg .b64 %d<100>;
{body}
\tret;
}}
"""


def _places(spec: Gemm) -> Iterator[str]:
    for n, name in enumerate(("a", "w", "bias", "mul", "shift", "out")):
        yield f"ld.param.u64 %d{n}, [{name}]"
    for n, name in enumerate(("m", "n", "k", "zp")):
        yield f"ld.param.u32 %r{n}, [{name}]"
    yield "mov.u32 %r4, %tid.x"
    yield "mov.u32 %r5, %ctaid.x"
    yield "shl.b32 %r5, %r5, 6"  # first row
    yield "mov.u32 %r6, %ctaid.y"
    yield "shl.b32 %r6, %r6, 6"  # first column
    yield "and.b32 %r7, %r4, 31"  # lane
    yield "shr.u32 %r8, %r4, 5"  # warp
    yield "shr.u32 %r9, %r8, 1"
    yield "shl.b32 %r9, %r9, 5"  # the warp's first row in the block
    yield "and.b32 %r10, %r8, 1"
    yield "shl.b32 %r10, %r10, 5"  # and its first column
    yield "mov.u32 %r11, ring"
    # What this thread copies: chunk tid % 4 of rows tid / 4 and tid / 4 + 32, of both matrices.
    yield "and.b32 %r12, %r4, 3"
    yield "shr.u32 %r13, %r4, 2"
    for matrix, (first, size, pointer, region) in enumerate(
        (("%r5", "%r0", "%d0", 0), ("%r6", "%r1", "%d1", STEP * ROWS))
    ):
        for half in range(2):
            k = 2 * matrix + half
            yield f"add.u32 %r20, %r13, {32 * half}"  # row in the block
            yield f"add.u32 %r21, {first}, %r20"
            yield f"setp.lt.u32 %p0, %r21, {size}"
            if matrix == 0 and "bound of rows" in spec.left_out:
                yield "setp.ge.u32 %p0, %r21, 0"
            yield "selp.b32 %r22, %r21, 0, %p0"  # a row that is there, of which nothing is read
            yield f"selp.b32 %r{14 + k}, 16, 0, %p0"  # bytes to read
            yield "mul.wide.u32 %d20, %r22, %r2"
            yield f"add.s64 %d21, {pointer}, %d20"
            yield "mul.wide.u32 %d22, %r12, 16"
            yield f"add.s64 %d{10 + k}, %d21, %d22"  # source
            yield from _swizzled("%r23", "%r20", "%r12", spec)
            yield f"add.u32 %r{24 + k}, %r23, {region}"  # place in a stage


def _swizzled(to: str, row: str, chunk: str, spec: Gemm) -> Iterator[str]:
    """row * 64 + (chunk ^ row / 2 % 4) * 16"""
    yield f"shl.b32 %r30, {row}, 6"
    if "swizzle" in spec.left_out:
        yield f"shl.b32 %r31, {chunk}, 4"
    else:
        yield f"shr.u32 %r31, {row}, 1"
        yield "and.b32 %r31, %r31, 3"
        yield f"xor.b32 %r31, %r31, {chunk}"
        yield "shl.b32 %r31, %r31, 4"
    yield f"add.u32 {to}, %r30, %r31"


def _copy(stage: str) -> Iterator[str]:
    """One step of k into the stage at this offset; sources move on to the next."""
    for k in range(4):
        yield f"add.u32 %r32, {stage}, %r{24 + k}"
        yield "add.u32 %r32, %r32, %r11"
        yield f"cp.async.cg.shared.global [%r32], [%d{10 + k}], 16, %r{14 + k}"
        yield f"add.s64 %d{10 + k}, %d{10 + k}, {STEP}"


def _copies(spec: Gemm) -> Iterator[str]:
    yield f"shr.u32 %r33, %r2, {STEP.bit_length() - 1}"  # steps of k
    for stage in range(spec.stages - 1):
        yield f"setp.le.u32 %p1, %r33, {stage}"
        yield f"@%p1 bra SKIP{stage}"
        yield f"mov.u32 %r34, {stage * STAGE}"
        yield from _copy("%r34")
        yield f"SKIP{stage}:"
        yield "cp.async.commit_group"


def _loop(spec: Gemm) -> Iterator[str]:
    for k in range(32):
        yield f"mov.u32 %acc{k}, 0"
    # Where this lane's rows of ldmatrix are: of a, 16 rows and two chunks; of w, two times 8 columns and two chunks.
    yield "and.b32 %r35, %r7, 15"
    yield "add.u32 %r35, %r35, %r9"
    yield "shr.u32 %r36, %r7, 4"
    yield "and.b32 %r37, %r7, 7"
    yield "shl.b32 %r38, %r36, 3"
    yield "add.u32 %r37, %r37, %r38"
    yield "add.u32 %r37, %r37, %r10"
    yield "shr.u32 %r39, %r7, 3"
    yield "and.b32 %r39, %r39, 1"
    for half in range(2):  # of a step: 32 of k
        yield f"add.u32 %r40, %r36, {2 * half}"
        yield from _swizzled(f"%r{42 + half}", "%r35", "%r40", spec)
        yield f"add.u32 %r{42 + half}, %r{42 + half}, %r11"
        yield f"add.u32 %r41, %r39, {2 * half}"
        yield from _swizzled(f"%r{44 + half}", "%r37", "%r41", spec)
        yield f"add.u32 %r{44 + half}, %r{44 + half}, %r11"
    yield "mov.u32 %r46, 0"  # step
    yield "mov.u32 %r47, 0"  # the stage that is read
    yield f"mov.u32 %r48, {(spec.stages - 1) * STAGE}"  # and the one that is written
    yield "LOOP:"
    if "wait in the loop" not in spec.left_out:
        yield f"cp.async.wait_group {spec.stages - 2}"
    if "barrier in the loop" not in spec.left_out:
        yield "bar.sync 0"
    yield f"add.u32 %r49, %r46, {spec.stages - 1}"
    yield "setp.ge.u32 %p2, %r49, %r33"
    yield "@%p2 bra LAST"
    yield from _copy("%r48")
    yield "LAST:"
    yield "cp.async.commit_group"
    for half in range(2):
        yield f"add.u32 %r50, %r{42 + half}, %r47"
        yield f"add.u32 %r51, %r{44 + half}, %r47"
        for tile in range(2):
            registers = ", ".join(f"%fa{4 * tile + j}" for j in range(4))
            yield f"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{{registers}}}, [%r50+{tile * 16 * STEP}]"
            registers = ", ".join(f"%fb{4 * tile + j}" for j in range(4))
            yield f"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{{registers}}}, [%r51+{STEP * ROWS + tile * 16 * STEP}]"
        for row in range(2):
            for column in range(4):
                acc = ", ".join(f"%acc{(4 * row + column) * 4 + j}" for j in range(4))
                left = ", ".join(f"%fa{4 * row + j}" for j in range(4))
                right = ", ".join(f"%fb{2 * column + j}" for j in range(2))
                yield f"mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {{{acc}}}, {{{left}}}, {{{right}}}, {{{acc}}}"
    for register in ("%r47", "%r48"):
        yield f"add.u32 {register}, {register}, {STAGE}"
        yield f"setp.ge.u32 %p3, {register}, {spec.stages * STAGE}"
        yield f"@%p3 mov.u32 {register}, 0"
    yield "add.u32 %r46, %r46, 1"
    yield "setp.lt.u32 %p4, %r46, %r33"
    yield "@%p4 bra LOOP"


def _results(spec: Gemm) -> Iterator[str]:
    """Requantize in registers, and gather bytes in shared memory, where by now nothing is in flight."""
    if "barrier before results" not in spec.left_out:
        yield "bar.sync 0"
    yield "shr.u32 %r60, %r7, 2"  # the lane's row in a tile
    yield "and.b32 %r61, %r7, 3"
    yield "shl.b32 %r61, %r61, 1"  # and the first of its two columns
    yield "add.u32 %r60, %r60, %r9"
    yield "add.u32 %r61, %r61, %r10"
    yield "sub.u32 %r62, %r1, 1"
    yield f"mul.lo.u32 %r63, %r60, {PITCH}"
    yield "add.u32 %r63, %r63, %r61"
    yield "add.u32 %r63, %r63, %r11"
    for column in range(4):
        for j in range(2):
            yield f"add.u32 %r64, %r61, {8 * column + j}"
            yield "add.u32 %r64, %r64, %r6"
            yield "min.u32 %r64, %r64, %r62"  # a column that is there
            yield "mul.wide.u32 %d30, %r64, 4"
            for n, (pointer, kind, to) in enumerate(
                (("%d2", "u32", "%r65"), ("%d3", "s32", "%r66"), ("%d4", "u32", "%r67"))
            ):
                yield f"add.s64 %d{31 + n}, {pointer}, %d30"
                yield f"ld.global.{kind} {to}, [%d{31 + n}]"
            yield "sub.u32 %r68, %r67, 1"
            yield "mov.u64 %d35, 1"
            yield "shl.b64 %d35, %d35, %r68"  # a half
            yield "cvt.s64.s32 %d36, %r66"
            for row in range(2):
                for half in range(2):
                    yield f"add.s32 %r69, %acc{(4 * row + column) * 4 + 2 * half + j}, %r65"
                    yield "cvt.s64.s32 %d37, %r69"
                    yield "mad.lo.s64 %d37, %d37, %d36, %d35"
                    yield "shr.s64 %d37, %d37, %r67"
                    yield "cvt.u32.u64 %r70, %d37"
                    yield "add.s32 %r70, %r70, %r3"
                    yield "max.s32 %r70, %r70, 0"
                    yield "min.s32 %r70, %r70, 255"
                    yield f"st.shared.u8 [%r63+{(16 * row + 8 * half) * PITCH + 8 * column + j}], %r70"


def _stores(spec: Gemm) -> Iterator[str]:
    if "barrier before stores" not in spec.left_out:
        yield "bar.sync 0"
    width = spec.store_bytes
    pieces = COLUMNS // width  # of a row
    kind, registers = {1: ("u8", "%r80"), 4: ("u32", "%r80"), 16: ("v4.u32", "{%r80, %r81, %r82, %r83}")}[width]
    yield "mov.u32 %r71, %r4"
    yield "STORE:"
    yield f"shr.u32 %r72, %r71, {pieces.bit_length() - 1}"  # row
    yield f"and.b32 %r73, %r71, {pieces - 1}"
    yield f"mul.lo.u32 %r73, %r73, {width}"  # column
    yield "add.u32 %r74, %r72, %r5"
    yield "add.u32 %r75, %r73, %r6"
    yield "setp.lt.u32 %p5, %r74, %r0"
    if "bound of stores" in spec.left_out:
        yield "setp.ge.u32 %p5, %r74, 0"
    yield "setp.lt.and.u32 %p6, %r75, %r1, %p5"
    yield f"mul.lo.u32 %r76, %r72, {PITCH}"
    yield "add.u32 %r76, %r76, %r73"
    yield "add.u32 %r76, %r76, %r11"
    yield f"@%p6 ld.shared.{kind} {registers}, [%r76]"
    yield "mul.wide.u32 %d40, %r74, %r1"
    yield "cvt.u64.u32 %d41, %r75"
    yield "add.s64 %d40, %d40, %d41"
    yield "add.s64 %d40, %d40, %d5"
    yield f"@%p6 st.global.{kind} [%d40], {registers}"
    yield f"add.u32 %r71, %r71, {THREADS}"
    yield f"setp.lt.u32 %p7, %r71, {ROWS * pieces}"
    yield "@%p7 bra STORE"
