"""What the device itself can do, so that shares are of something measured: tensor cores, memory, launches, the bus.

Kernels are PTX text by hand, which the driver assembles. Products have their operands in registers, in independent
chains; sums are stored behind a condition that never holds, so that nothing is left out.
"""

import ctypes
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.gpu.device import QUICK, Bench, spread
from benchmarks.gpu.parts import Result
from benchmarks.gpu.records import PTX
from dyadic.runtime.cuda.driver import CODE_REFUSED, CudaError

CHAINS, UNROLLED, ROUNDS = 8, 8, 2 if QUICK else 512
PRODUCT_MACS = 16 * 8 * 32  # of an mma.m16n8k32
WARPS = (4, 8, 16)  # of a block
TOGETHER_COLUMNS, TOGETHER_BYTES = 256, (64 + 256) * 128  # of products of four warps, and of their operands
MOST_TOGETHER = 12  # warps of a block of these
BLOCKS_EACH = 2  # a processor
NODES = 200  # of a graph of kernels that do nothing
WORD = 16  # bytes that a thread moves at once
# Bytes: well inside the second cache, and far beyond it; and what goes over the bus.
CACHED, UNCACHED, *BUS = (4096,) * 3 if QUICK else (16 << 20, 2 << 30, 1 << 20, 64 << 20)

HEADER = ".version 7.0\n.target sm_80\n.address_size 64\n"


def products_text() -> str:
    """`mma(out, never)`: CHAINS * UNROLLED * ROUNDS products a warp."""
    sums = [[f"%s{chain}_{n}" for n in range(4)] for chain in range(CHAINS)]
    names = ", ".join(name for each in sums for name in each)
    begin = "\n".join(f"mov.u32 {name}, {n};" for n, each in enumerate(sums) for name in each)  # none is another's
    one = [
        f"mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {{{', '.join(each)}}}, {{%a0, %a1, %a2, %a3}}, {{%b0, %b1}}, "
        f"{{{', '.join(each)}}};"
        for each in sums
    ]
    added = "\n".join(f"add.s32 %t, %t, {name};" for each in sums for name in each)
    return f"""{HEADER}
.visible .entry mma(.param .u64 out, .param .u32 never) {{
.reg .pred %p, %q;
.reg .b32 %a<4>, %b<2>, %t, %n, %never, {names};
.reg .b64 %d;
ld.param.u64 %d, [out];
ld.param.u32 %never, [never];
mov.u32 %t, %tid.x;
mov.u32 %a0, %t; mov.u32 %a1, 0x01020304; mov.u32 %a2, 0x05060708; mov.u32 %a3, 0x11121314;
mov.u32 %b0, 0x01FF02FE; mov.u32 %b1, %t;
{begin}
mov.u32 %n, 0;
again:
{chr(10).join(one * UNROLLED)}
add.s32 %n, %n, 1;
setp.lt.s32 %p, %n, {ROUNDS};
@%p bra again;
{added}
setp.eq.s32 %q, %t, %never;
@%q st.global.u32 [%d], %t;
ret;
}}
"""


def together_text() -> str:
    """`wgmma(out, never)`: 4 * UNROLLED * ROUNDS products of 64 x 256 x 32 of every four warps, two groups of four in
    flight, of whatever bytes in shared memory."""
    sums = [f"%s{n}" for n in range(TOGETHER_COLUMNS // 2)]
    product = f"wgmma.mma_async.sync.aligned.m64n{TOGETHER_COLUMNS}k32.s32.u8.s8 {{{', '.join(sums)}}}"
    group = "\n".join(f"{product}, %e{k}, %f{k}, 1;" for k in range(4)) + "\nwgmma.commit_group.sync.aligned;"
    further = "\n".join(f"add.s64 %e{k}, %e0, {2 * k};\nadd.s64 %f{k}, %f0, {2 * k};" for k in range(1, 4))
    return f"""
.version 8.4
.target sm_90a
.address_size 64
.visible .entry wgmma(.param .u64 out, .param .u32 never)
.maxntid {32 * MOST_TOGETHER}
{{
.shared .align 1024 .b8 operands[{TOGETHER_BYTES}];
.reg .pred %p, %q;
.reg .b32 %t, %n, %i, %z, %never, {", ".join(sums)};
.reg .b64 %d, %e<4>, %f<4>;
ld.param.u64 %d, [out];
ld.param.u32 %never, [never];
mov.u32 %t, %tid.x;
mov.u32 %i, %t;
fill:
mul.lo.u32 %z, %i, {0x9E3779B1};
shl.b32 %n, %i, 4;
mov.u32 %never, operands;
add.u32 %n, %n, %never;
st.shared.v4.u32 [%n], {{%z, %z, %z, %z}};
mov.u32 %n, %ntid.x;
add.u32 %i, %i, %n;
setp.lt.u32 %p, %i, {TOGETHER_BYTES // WORD};
@%p bra fill;
ld.param.u32 %never, [never];
fence.proxy.async.shared::cta;
bar.sync 0;
mov.u32 %n, operands;
shr.u32 %n, %n, 4;
cvt.u64.u32 %e0, %n;
add.s64 %e0, %e0, {1 << 62 | 64 << 32 | 1 << 16};
add.s64 %f0, %e0, {64 * 128 // WORD};
{further}
{chr(10).join(f"mov.u32 {name}, 0;" for name in sums)}
mov.u32 %n, 0;
again:
.pragma "nounroll";
wgmma.fence.sync.aligned;
{group}
wgmma.wait_group.sync.aligned 1;
add.s32 %n, %n, 1;
setp.lt.s32 %p, %n, {ROUNDS * UNROLLED};
@%p bra again;
wgmma.wait_group.sync.aligned 0;
{chr(10).join(f"add.s32 %t, %t, {name};" for name in sums)}
setp.eq.s32 %q, %t, %never;
@%q st.global.u32 [%d], %t;
ret;
}}
"""


def memory_text() -> str:
    """`copy(out, in, words)` and `read(out, in, words, never)`: by threads of a whole grid, 16 bytes at a time."""
    begin = f"""
.reg .pred %p, %q;
.reg .b32 %i, %s, %n, %t, %v<4>, %never, %sum;
.reg .b64 %d, %e, %f, %g;
ld.param.u64 %d, [out];
ld.param.u64 %e, [in];
ld.param.u32 %n, [words];
mov.u32 %i, %ctaid.x; mov.u32 %s, %ntid.x; mov.u32 %t, %tid.x;
mad.lo.s32 %i, %i, %s, %t;
mov.u32 %t, %nctaid.x;
mul.lo.s32 %s, %s, %t;
mov.u32 %sum, 0;
again:
setp.ge.u32 %p, %i, %n;
@%p bra done;
mul.wide.u32 %f, %i, {WORD};
add.s64 %g, %e, %f;
ld.global.v4.u32 {{%v0, %v1, %v2, %v3}}, [%g];"""
    end = "\nadd.u32 %i, %i, %s;\nbra again;\ndone:"
    return f"""{HEADER}
.visible .entry copy(.param .u64 out, .param .u64 in, .param .u32 words) {{{begin}
add.s64 %g, %d, %f;
st.global.v4.u32 [%g], {{%v0, %v1, %v2, %v3}};{end}
ret;
}}
.visible .entry read(.param .u64 out, .param .u64 in, .param .u32 words, .param .u32 never) {{{begin}
xor.b32 %v0, %v0, %v1; xor.b32 %v2, %v2, %v3; xor.b32 %v0, %v0, %v2; xor.b32 %sum, %sum, %v0;{end}
ld.param.u32 %never, [never];
setp.eq.s32 %q, %sum, %never;
@%q st.global.u32 [%d], %sum;
ret;
}}
.visible .entry nothing() {{
ret;
}}
"""


def items(folder: Path) -> Sequence[str]:
    return ["tensor cores", "tensor cores by wgmma", "launches", "second cache", "memory", "bus"]


def begin(folder: Path) -> Callable[[str], Result]:
    bench = Bench()
    processors = 1 if QUICK else bench.said()["processors"]
    module, _ = bench.module({PTX: memory_text().encode()})

    def tensor_cores() -> Result:
        loaded, _ = bench.module({PTX: products_text().encode()})
        function, out = bench.function(loaded, "mma"), bench.allocate(64)
        rates = {}
        for warps in WARPS:
            grid, arguments = [processors * BLOCKS_EACH], [ctypes.c_uint64(out), ctypes.c_int32(-(1 << 31) + 12345)]

            def start(warps: int = warps, grid: Sequence[int] = grid, arguments: Sequence[object] = arguments) -> None:
                bench.launch(function, grid, [32 * warps], 0, arguments)

            ms = statistics.median(bench.times(start, 10))
            macs = grid[0] * warps * CHAINS * UNROLLED * ROUNDS * PRODUCT_MACS
            rates[f"{warps} warps"] = float(f"{macs / max(ms, 1e-9) * 1e3:.5g}")
        return {"macs_per_s": max(rates.values()), "by warps": rates}

    def together() -> Result:
        """By four, eight and twelve warps of one block a processor."""
        try:
            loaded, _ = bench.module({PTX: together_text().encode()})
        except CudaError as error:
            if error.result not in CODE_REFUSED:
                raise
            return {"left out": f"the device has no wgmma: {error}"}
        function, out = bench.function(loaded, "wgmma"), bench.allocate(64)
        rates = {}
        for warps in range(4, MOST_TOGETHER + 1, 4):
            arguments = [ctypes.c_uint64(out), ctypes.c_int32(-(1 << 31) + 12345)]

            def start(warps: int = warps, arguments: Sequence[object] = arguments) -> None:
                bench.launch(function, [processors], [32 * warps], 0, arguments)

            ms = statistics.median(bench.times(start, 10))
            macs = processors * warps // 4 * 4 * UNROLLED * ROUNDS * 64 * TOGETHER_COLUMNS * 32
            rates[f"{warps} warps"] = float(f"{macs / max(ms, 1e-9) * 1e3:.5g}")
        return {"macs_per_s": max(rates.values()), "by warps": rates}

    def launches() -> Result:
        """Microseconds of a node in a graph of kernels that do nothing, each behind the one before."""
        function = bench.function(module, "nothing")
        ms = bench.replayed(lambda stream: bench.launch(function, [1], [32], 0, [], stream), NODES)
        wide = bench.replayed(lambda stream: bench.launch(function, [processors], [256], 0, [], stream), NODES)
        return {"node_us": spread([1e3 * one for one in ms]), "wide_node_us": spread([1e3 * one for one in wide])}

    def moved(kernel: str, size: int) -> float:
        """Bytes a second that are read, or read and written."""
        function = bench.function(module, kernel)
        places = [bench.allocate(size if kernel == "copy" else 64), bench.allocate(size)]
        bench.driver.call("cuMemsetD8Async", places[1], 1, size, bench.stream)
        arguments = [*map(ctypes.c_uint64, places), ctypes.c_int32(size // WORD), ctypes.c_int32(77)]
        arguments = arguments[: 3 if kernel == "copy" else 4]
        ms = statistics.median(
            bench.replayed(lambda stream: bench.launch(function, [8 * processors], [512], 0, arguments, stream), 4, 10)
        )
        bench.free(*places)
        return float(f"{size * (2 if kernel == 'copy' else 1) / max(ms, 1e-9) * 1e3:.5g}")

    def bus() -> Result:
        found = {}
        for size in BUS:
            place, host = bench.allocate(size), bench.device.allocate_host(size, "what is measured")
            ways = {
                "to": partial(bench.driver.call, "cuMemcpyHtoDAsync_v2", place, host, size, bench.stream),
                "from": partial(bench.driver.call, "cuMemcpyDtoHAsync_v2", host, place, size, bench.stream),
            }
            for way, start in ways.items():
                ms = statistics.median(bench.times(start, 10))
                rate = float(f"{size / max(ms, 1e-9) * 1e3:.5g}")
                found[f"{way} the device, {size >> 20} MiB"] = {"ms": ms, "bytes_per_s": rate}
            bench.free(place)
            bench.driver.call("cuMemFreeHost", host)
        return found

    large = min(UNCACHED, bench.said()["memory_bytes"] // 8 // WORD * WORD)
    answers: dict[str, Callable[[], Result]] = {
        "tensor cores": tensor_cores,
        "tensor cores by wgmma": together,
        "launches": launches,
        "second cache": lambda: {kernel: moved(kernel, CACHED) for kernel in ("read", "copy")},
        "memory": lambda: {kernel: moved(kernel, large) for kernel in ("read", "copy")},
        "bus": bus,
    }
    return lambda item: answers[item]()
