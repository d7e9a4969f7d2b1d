"""What the machine can do at most: multiply-accumulates in registers, bytes read from memory.

*Peak* is the best of five 0.2 s runs of independent register-only chains of the level's own u8 x s8
multiply-accumulate, on the pinned processors. The loops come from our own generator and run from an anonymous mapping.
"""

import ctypes
import mmap
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from dyadic.compiler.targets.cpu.codegen import lowered, machine_code
from dyadic.compiler.targets.cpu.link import link
from dyadic.passes.lower.cpu.kernels.families import conv_amx
from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.runtime.cpu import levels

RUNS, SECONDS = 5, 0.2
AMX_SUMS = 6  # accumulator tiles; the other two hold the operands
# level -> (lanes of int32, independent chains that fit into the registers, multiply-accumulate)
CHAINS = {
    "avx512vnni": (16, 28, "llvm.x86.avx512.vpdpbusd.512"),
    "avxvnni": (8, 13, "llvm.x86.avx512.vpdpbusd.256"),
    "avx2": (8, 13, "llvm.x86.avx2.pmadd.wd"),
    "x86-64": (4, 13, "llvm.x86.sse2.pmadd.wd"),
}
LANES = 16
LINE = 64
VECTORS = 8  # in flight while reading
DRAM_BYTES, CACHE_BYTES = 1 << 30, 24 << 20  # more than caches hold; about the weights of a ResNet-50


@dataclass(frozen=True)
class Loop:
    """Machine code with the kernel ABI that does something `count` times; `macs` each time."""

    call: Callable[..., None]
    macs: int
    held: mmap.mmap  # the code

    def run(self, count: int, source: np.ndarray | None = None) -> float:
        """Seconds."""
        scratch = np.zeros(1 << 16, np.uint8)
        start_at = -scratch.ctypes.data % LINE + scratch.ctypes.data
        place = ctypes.c_void_p(source.ctypes.data if source is not None else start_at)
        start = time.perf_counter()
        self.call(ctypes.byref(place), start_at, None, None, start_at + 4096, 0, count)
        return time.perf_counter() - start


def _multiply(level: str) -> tuple[Callable[[c.KernelArguments], None], int]:
    """A body that multiplies in registers, and the multiply-accumulates of one round of it."""
    if level == "amx":

        def tiles(k: c.KernelArguments) -> None:
            conv_amx.configure(k.scratch, conv_amx.ROWS)

            def once(_: c.Value) -> None:
                for tile in range(AMX_SUMS):
                    numbers = (c.const(n, 8) for n in (tile, AMX_SUMS, AMX_SUMS + 1))
                    c.intrinsic("llvm.x86.tdpbusd", None, *numbers)

            c.loop(k.first, k.last, once)
            conv_amx.release()

        return tiles, AMX_SUMS * conv_amx.ROWS * conv_amx.K_BYTES * LANES
    lanes, chains, instruction = CHAINS[level]

    def vectors(k: c.KernelArguments) -> None:
        kind = c.vec(lanes, 32)
        a, b = (c.bits_as(c.load(kind, k.scratch, LINE * n, align=LINE), 4 * lanes, 8) for n in (0, 1))

        def step(acc: c.Value) -> c.Value:
            if "dpbusd" in instruction:
                return c.intrinsic(instruction, kind, acc, a, b)
            # reads its own sum: a product of constants would be computed once
            words = (c.bits_as(x, 2 * lanes, 16) for x in (acc, a))
            return c.add(acc, c.intrinsic(instruction, kind, *words))

        start = [c.zeros(lanes, 32)] * chains
        for i, total in enumerate(c.loop(k.first, k.last, lambda _, *accs: [step(acc) for acc in accs], start)):
            c.store(total, k.out, i * LINE)

    return vectors, chains * lanes * (4 if "dpbusd" in instruction else 2)


def _read(k: c.KernelArguments) -> None:
    """Sum up `count` times VECTORS cache lines."""
    source = k.input(0)

    def once(i: c.Value, *accs: c.Value) -> list[c.Value]:
        place = c.at(source, c.mul(i, VECTORS * LINE))
        return [c.add(acc, c.load(c.vec(LANES, 32), place, n * LINE, align=LINE)) for n, acc in enumerate(accs)]

    for n, acc in enumerate(c.loop(k.first, k.last, once, [c.zeros(LANES, 32)] * VECTORS)):
        c.store(acc, k.out, n * LINE)


def _loop(level: str, body: Callable[[c.KernelArguments], None], macs: int) -> Loop:
    image = link([machine_code(lowered(lambda: c.kernel("loop", body)), level)])
    memory = mmap.mmap(-1, len(image.code), prot=mmap.PROT_READ | mmap.PROT_WRITE)
    memory.write(image.code)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    change = ctypes.CDLL(None, use_errno=True).mprotect  # never writeable and executable at once
    if change(ctypes.c_void_p(start), ctypes.c_size_t(len(image.code)), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "code in memory cannot be made executable")
    address = start + image.entries["loop"][0]
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5, ctypes.c_int64, ctypes.c_int64)
    return Loop(kind(address), macs, memory)


@cache
def multiply_loop(level: str) -> Loop:
    levels.prepare(level)
    return _loop(level, *_multiply(level))


@cache
def read_loop(level: str) -> Loop:
    return _loop(level, _read, 0)


def peak_gmacs(level: str, processors: tuple[int, ...], seconds: float = SECONDS) -> float:
    """Of all `processors` together, each with a thread of its own."""
    loop = multiply_loop(level)
    count = 1 << 16
    while (took := loop.run(count)) < seconds / 10:
        count *= 4
    count = int(count * seconds / took)
    best = 0.0
    for _ in range(RUNS):
        took_each = together(lambda: loop.run(count), processors)
        best = max(best, sum(loop.macs * count / took for took in took_each) / 1e9)
    return best


def bandwidth_gbytes(level: str, size: int, seconds: float = SECONDS) -> float:
    """Reading `size` bytes on one processor, again and again; the best of five."""
    buffer = np.zeros(size + LINE, np.uint8)
    buffer[:] = 1  # so that pages are there
    source = buffer[-buffer.ctypes.data % LINE :]
    loop, count = read_loop(level), size // (VECTORS * LINE)
    passes = max(1, int(seconds / loop.run(count, source)))
    return max(passes * size / sum(loop.run(count, source) for _ in range(passes)) / 1e9 for _ in range(RUNS))


def together(work: Callable[[], float], processors: tuple[int, ...]) -> list[float]:
    """`work` on each of the processors at the same time."""
    results = [0.0] * len(processors)
    gate = threading.Barrier(len(processors))

    def one(index: int) -> None:
        os.sched_setaffinity(0, [processors[index]])
        gate.wait()
        results[index] = work()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(processors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
