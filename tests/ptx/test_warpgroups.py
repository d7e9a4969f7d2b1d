"""Products of matrices by four warps (`wgmma`): the executor against the PTX manual, and what it does not let pass.

From "PTX ISA", "Matrix Fragments for wgmma.mma_async.m64nNk32", "Shared Memory Matrix Layout" and "Matrix Descriptor
Format". SWAPPED has the manual's figures of K-major layouts: where the 16-byte chunks of a row of a pattern lie. No GPU
has settled yet that they were read rightly.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from support.ptx.gpu import Counters, DriverError, Gpu, Out

THREADS, ROWS, DEPTH, CHUNK = 128, 64, 32, 16

SWAPPED = {
    128: ("01234567", "10325476", "23016745", "32107654", "45670123", "54761032", "67452301", "76543210"),
    64: ("0123", "0123", "1032", "1032", "2301", "2301", "3210", "3210"),
    32: ("01", "01", "01", "01", "10", "10", "10", "10"),
}  # bytes of a row -> for each row of a pattern, which chunk lies first, second, ...
MODES = {128: 1, 64: 2, 32: 3}


@dataclass(frozen=True)
class Case:
    columns: int
    pitch: int = 128  # bytes of a row, and K
    types: str = "u8.s8"
    atoms_apart: int = 0  # 0: side by side
    plain: bool = False  # without swizzle: chunks of eight rows side by side ("core matrices"), then the next ones of K

    @property
    def apart(self) -> int:
        return self.atoms_apart or 8 * self.pitch

    @property
    def region(self) -> int:
        """Bytes of the first matrix, before the second."""
        return ROWS // 8 * self.apart

    def descriptor(self) -> int:
        if self.plain:
            return self.apart >> 4 << 32 | 8 * CHUNK >> 4 << 16
        return MODES[self.pitch] << 62 | self.apart >> 4 << 32 | 1 << 16

    def placed(self, matrix: np.ndarray) -> np.ndarray:
        """As it lies in shared memory; other bytes are 0x55."""
        memory = np.full(-(-len(matrix) // 8) * self.apart, 0x55, np.uint8)
        for row, numbers in enumerate(matrix.view(np.uint8)):
            for chunk in range(self.pitch // CHUNK if self.plain else 0):
                start = row // 8 * self.apart + 8 * CHUNK * chunk + row % 8 * CHUNK
                memory[start : start + CHUNK] = numbers[CHUNK * chunk :][:CHUNK]
            if self.plain:
                continue
            start = row // 8 * self.apart + row % 8 * self.pitch
            order = SWAPPED[self.pitch][row % 8]
            memory[start : start + self.pitch] = np.concatenate(
                [numbers[CHUNK * int(chunk) :][:CHUNK] for chunk in order]
            )
        return memory


STEPS = ("copy", "show", "meet", "load", "fence", "multiply", "commit", "wait", "store")


def text(
    case: Case, *, without: str = "", sooner: dict[str, str] | None = None, scale: str = "1", fill: int = 0
) -> str:
    """Every thread copies a part of the image to shared memory; then four warps multiply. `sooner`: PTX in front of a
    step. `fill` is added to the descriptors."""
    count = case.columns // 2
    sums = ", ".join(f"%c{n}" for n in range(count))
    unit = CHUNK // 8 if case.plain else CHUNK
    types, size = case.types, case.region + case.columns // 8 * case.apart
    product = f"wgmma.mma_async.sync.aligned.m64n{case.columns}k32.s32.{types} {{{sums}}}"
    steps = {
        "copy": f"""
            mov.u32 %r2, %t;
            COPY: mul.lo.u32 %r3, %r2, 16; cvt.u64.u32 %d4, %r3; add.s64 %d4, %d0, %d4;
            ld.global.v4.u32 {{%r4, %r5, %r6, %r7}}, [%d4]; add.u32 %r3, %r3, %s;
            st.shared.v4.u32 [%r3], {{%r4, %r5, %r6, %r7}};
            add.u32 %r2, %r2, {THREADS}; setp.lt.u32 %p0, %r2, {size // 16}; @%p0 bra COPY;""",
        "show": "fence.proxy.async.shared::cta;",
        "meet": "bar.sync 0;",
        "load": "".join(f"ld.global.u32 %c{n}, [%d3+{4 * n}];" for n in range(count)),
        "fence": "wgmma.fence.sync.aligned;",
        "multiply": "".join(
            f"add.s64 %d7, %d5, {k // unit}; add.s64 %d8, %d6, {k // unit}; {product}, %d7, %d8, {scale};"
            for k in range(0, case.pitch, DEPTH)
        ),
        "commit": "wgmma.commit_group.sync.aligned;",
        "wait": "wgmma.wait_group.sync.aligned 0;",
        "store": "".join(f"st.global.u32 [%d2+{4 * n}], %c{n};" for n in range(count)),
    }
    body = "\n".join((sooner or {}).get(step, "") + steps[step] * (step != without) for step in STEPS)
    return f"""
.version 8.4
.target sm_90a
.address_size 64
.visible .entry product(.param .u64 image, .param .u64 sums, .param .u64 out) {{
    .shared .align 1024 .b8 memory[{size + 1024}];
    .reg .pred %p<4>;
    .reg .b32 %r<12>, %c<{count + 1}>, %t, %s, %w;
    .reg .b64 %d<12>;
    ld.param.u64 %d0, [image];
    ld.param.u64 %d1, [sums];
    ld.param.u64 %d2, [out];
    mov.u32 %t, %tid.x;
    shr.u32 %w, %t, 5;
    mov.u32 %s, memory;
    mul.wide.u32 %d4, %t, {4 * count};
    add.s64 %d3, %d1, %d4;
    add.s64 %d2, %d2, %d4;
    shr.u32 %r0, %s, 4;
    cvt.u64.u32 %d5, %r0;
    add.s64 %d5, %d5, {(case.descriptor() + fill) & (1 << 64) - 1};
    add.s64 %d6, %d5, {case.region >> 4};
    {body}
    ret;
}}
"""


def fragment(thread: int, n: int) -> tuple[int, int]:
    """The row and the column of a thread's accumulator dN: "Figure: WGMMA .m64nNk32 register fragment layout"."""
    warp, group, within = thread // 32, thread % 32 // 4, thread % 4
    return 16 * warp + group + 8 * (n // 2 % 2), 8 * (n // 4) + 2 * within + n % 2


def matrices(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[64, k] and [columns, k] bytes, and [64, columns] of 32 bits that they are added to."""
    rng = np.random.default_rng(3)
    a, b = (rng.integers(0, 256, (rows, case.pitch), np.uint8) for rows in (ROWS, case.columns))
    return a, b, rng.integers(-(2**31), 2**31, (ROWS, case.columns), np.int64).astype(np.int32)


def run(gpu: Gpu, case: Case, ptx: str = "", threads: int = THREADS) -> tuple[np.ndarray, np.ndarray, Counters]:
    """(what it made, what it should have, counters), [64, columns] both."""
    a, b, sums = matrices(case)
    left, right = (m.view(np.int8) if t == "s8" else m for m, t in zip((a, b), case.types.split("."), strict=True))
    expected = (left.astype(np.int64) @ right.astype(np.int64).T + sums).astype(np.int32)  # wraps around
    image = np.concatenate([case.placed(a), case.placed(b)])
    places = [[fragment(thread, n) for n in range(case.columns // 2)] for thread in range(THREADS)]
    given = np.array([[sums[place] for place in each] for each in places], np.int32)
    out = np.zeros_like(given)
    counters = gpu.run(ptx or text(case), "product", (1,), (threads,), [image, given, Out(out)])
    made = np.zeros_like(expected)
    for thread, each in enumerate(places):
        for n, place in enumerate(each):
            made[place] = out[thread, n]
    return made, expected, counters


CASES = [
    *(Case(16, pitch, types) for pitch, types in ((128, "u8.s8"), (64, "s8.u8"), (32, "u8.u8"))),
    Case(8, 32, "s8.s8"), Case(24, 64), Case(64, 128, atoms_apart=2048), Case(48, 64), Case(256, 64),
    Case(32, 128, plain=True), Case(16, 32, plain=True), Case(24, 64, "s8.u8", 1024, plain=True),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_matrices_lie_where_the_manual_says(gpu: Gpu, case: Case) -> None:
    made, expected, counters = run(gpu, case)
    np.testing.assert_array_equal(made, expected)
    assert counters.mma == 4 * case.columns // 8 * case.pitch // DEPTH  # in products of 16 x 8 x 32


@pytest.mark.parametrize("scale", ["0", "%p2", "!%p3"])
def test_a_product_may_add_to_nothing(gpu: Gpu, scale: str) -> None:
    case = Case(16, 32)
    never = {"multiply": "setp.ne.u32 %p2, 0, 0; setp.eq.u32 %p3, 0, 0;"}
    alone, _, _ = run(gpu, case, text(case, scale=scale, sooner=never))
    a, b, _ = matrices(case)
    np.testing.assert_array_equal(alone, a.astype(np.int32) @ b.view(np.int8).astype(np.int32).T)


def test_rows_of_a_pattern_meet_no_bank_twice(gpu: Gpu) -> None:
    """Eight rows of a chunk are a wavefront, in every mode."""
    for case in (*(Case(32, pitch) for pitch in SWAPPED), Case(32, 64, plain=True)):
        _, _, counters = run(gpu, case)
        assert counters.shared_wavefronts == counters.shared_ideal


SMALL = Case(16, 32)
TOUCH = "add.s32 %c0, %c0, 1;"
OTHER_SHAPE = "wgmma.mma_async.sync.aligned.m64n8k32.s32.u8.s8 {%c0, %c1, %c2, %c3}, %d5, %d6, 1; "
FAULTS = {
    "operands are not shown": (dict(without="show"), "no fence.proxy.async of its writer"),
    "operands are shown behind the barrier": (
        dict(without="show", sooner={"load": "fence.proxy.async;"}), "fence.proxy.async"),
    "no barrier": (dict(without="meet"), "race|nothing has written|fence.proxy.async"),
    "no fence": (dict(without="fence"), "no wgmma.fence before the first product"),
    "accumulators change behind the fence": (dict(sooner={"multiply": TOUCH}), "no wgmma.fence since %c0 was touched"),
    "accumulators were never written": (dict(without="load"), "adds to %c0, which nothing has written"),
    "nobody waits": (dict(without="wait"), "touches %c0, which a wgmma in flight writes"),
    "nothing is committed": (dict(without="commit"), "touches %c0, which a wgmma in flight writes"),
    "one group too many in flight": (
        dict(without="wait", sooner={"wait": "wgmma.wait_group.sync.aligned 1;"}), "which a wgmma in flight writes"),
    "accumulators change in flight": (dict(sooner={"commit": TOUCH}), "touches %c0, which a wgmma in flight writes"),
    "operands change in flight": (
        dict(sooner={"wait": "st.shared.u32 [%s], %t;"}), "writes shared byte 1024, which a wgmma in flight reads"),
    "a copy to operands begins in flight": (
        dict(sooner={"wait": "cp.async.ca.shared.global [%s+2048], [%d0], 4;"}), "which a wgmma in flight reads"),
    "operands change before all have waited": (
        dict(sooner={"store": "mul.lo.u32 %r9, %t, 16; add.u32 %r9, %r9, %s; st.shared.u32 [%r9], %t;"}),
        "race: writes shared byte|which a wgmma in flight reads"),
    "it returns in flight": (dict(sooner={"wait": "ret;"}), "returns while a wgmma is in flight"),
    "another shape to the same": (
        dict(sooner={"commit": OTHER_SHAPE}), "%c0 is written by a product of another shape in flight"),
    "lanes that diverged": (
        dict(sooner={"fence": "setp.eq.u32 %p1, %t, 5; @%p1 ret;"}), "four warps in divergent code"),
    "a warp leaves": (dict(sooner={"fence": "setp.eq.u32 %p1, %w, 2; @%p1 ret;"}), "returned without line"),
    "a warp does something else": (
        dict(sooner={"commit": "setp.eq.u32 %p1, %w, 2; @%p1 bra ON; wgmma.fence.sync.aligned; ON:"}),
        "another warp of the four executes line"),
    "descriptors of a warp's own": (
        dict(sooner={"fence": "setp.eq.u32 %p1, %w, 2; @%p1 add.s64 %d5, %d5, 16;"}),
        "another warp of the four has other descriptors"),
    "descriptors of a lane's own": (
        dict(sooner={"fence": "setp.eq.u32 %p1, %t, 5; @%p1 add.s64 %d5, %d5, 16;"}), "another one in lane 0"),
    "core matrices that overlap": (dict(fill=1 << 62), "core matrices 16 and 256 bytes apart, which have 128"),
    "an operand beside the pattern": (dict(fill=8), "in no first row of a pattern"),
    "across the end of a row": (dict(fill=1), "in no first row of a pattern"),
    "with a base offset": (dict(fill=1 << 49), "begin elsewhere"),
    "with a leading dimension": (dict(fill=1 << 16), "leading dimension"),
    "with atoms that overlap": (dict(fill=-(1 << 35)), "atoms 128 bytes apart, which have 256"),
    "with bits that mean nothing": (dict(fill=1 << 15), "bits that mean nothing"),
    "beyond shared memory": (dict(fill=0x2000), "outside of the"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(gpu: Gpu, name: str) -> None:
    how, complaint = FAULTS[name]
    with pytest.raises(DriverError, match=complaint):
        run(gpu, SMALL, text(SMALL, **how))


def test_four_warps_are_needed(gpu: Gpu) -> None:
    with pytest.raises(DriverError, match="of which there are fewer"):
        run(gpu, SMALL, text(SMALL, without="copy"), threads=64)


PRODUCT = "wgmma.mma_async.sync.aligned.m64n16k32.s32.u8.s8"
REFUSED = {
    "m64n40k32.s32.u8.s8": "another shape",
    "m64n272k32.s32.u8.s8": "another shape",
    "m64n16k16.f32.f16.f16": "another type",
    "m64n16k32.s32.u4.s8": "another type",
    "m64n16k32.s32.b1.b1.and.popc": ".s32 in wgmma",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_forms_that_it_does_not_know_are_refused(gpu: Gpu, kind: str) -> None:
    other = text(SMALL).replace(PRODUCT, f"wgmma.mma_async.sync.aligned.{kind}")
    with pytest.raises(DriverError, match=REFUSED[kind]) as caught:
        run(gpu, SMALL, other)
    assert caught.value.result == 218


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("{%c0, %c1,", "{%c1, %c1,"),  # a register twice
        ("{%c0, %c1,", "{%c0, %c8, %c1,"),  # one too many
        (", %d7, %d8,", ", {%r1, %r2, %r3, %r4}, %d8,"),  # A in registers
        ("fence.proxy.async.shared::cta;", "fence.proxy.tensormap;"),
        ("wgmma.commit_group.sync.aligned;", "wgmma.commit_group.sync;"),
        ("wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned;"),
    ],
)  # fmt: skip
def test_operands_that_it_does_not_know_are_refused(gpu: Gpu, right: str, wrong: str) -> None:
    ptx = text(SMALL)
    assert right in ptx
    with pytest.raises(DriverError) as caught:
        run(gpu, SMALL, ptx.replace(right, wrong, 1))
    assert caught.value.result == 218
