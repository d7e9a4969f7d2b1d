"""Run candidates one after the other, in a process of its own.

`python -m dyadic.compiler.targets.cpu.tuning_runner` reads one JSON job from standard input and prints a line of JSON
for each case as soon as it is measured.

A kernel alone finds everything in the caches, which it never does in a network. So every run takes other weights, and
only after more than the caches hold the same ones again; other memory sweeps the second level first, residual and
result with it, and then the input is read, which the layer before has just written.
All candidates of a case have their turns in every round, so that whatever disturbs one disturbs all.
"""

import ctypes
import itertools
import json
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dyadic.compiler.targets.timing_rounds import Rounds, Run, measure
from dyadic.runtime.cpu import levels
from dyadic.runtime.cpu.program import MAX_STEP_INPUTS
from dyadic.runtime.program import ALIGNMENT, SLACK

ROTATION_BYTES = 64 << 20  # of weights before any are used again
SWEEPS = 2  # times the size of the second level is read between runs
HUGE_PAGE = 2 << 20  # what the runtime asks for its arena
ROUNDS = Rounds(screening=12, final=60, least=5)

SIGNATURE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5, *[ctypes.c_int64] * 2)
Call = Callable[[], None]


class Memory:
    """Bytes of our own, all zero or all random, with slack behind them."""

    def __init__(self, size: int, *, huge: bool, noise: bool = False) -> None:
        self.map = mmap.mmap(-1, size + SLACK + HUGE_PAGE)
        self.map.madvise(mmap.MADV_HUGEPAGE if huge else mmap.MADV_NOHUGEPAGE)
        content = np.frombuffer(self.map, np.uint8)
        content[:] = np.random.default_rng(0).integers(0, 256, len(content), np.uint8) if noise else 0
        start = -content.ctypes.data % HUGE_PAGE
        self.address = content.ctypes.data + start
        self.content = content[start : start + size]

    def read(self, start: int, end: int) -> None:
        """Bring bytes into the caches."""
        np.max(self.content[start:end], initial=0)


class Machine:
    """What a context of the runtime has: code, an arena, scratch memory, weights and parameters in a file."""

    def __init__(self, job: dict[str, Any]) -> None:
        with open(job["code"], "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_EXEC)
        self.code = np.frombuffer(self.map, np.uint8).ctypes.data
        cases = job["cases"]
        self.arena = Memory(job["arena"], huge=True, noise=True)
        self.scratch = Memory(max(case["scratch"] for case in cases), huge=True)
        self.params = Memory(max(case["params"] for case in cases), huge=False)
        self.weights = Memory(ROTATION_BYTES + 2 * max(case["weights"] for case in cases), huge=False, noise=True)
        self.others = Memory(SWEEPS * job["level_two"], huge=True)
        self.turns = itertools.count()

    def prepare(self, case: dict[str, Any]) -> None:
        """Leave the caches as the layer before would."""
        self.others.read(0, len(self.others.content))
        self.arena.read(*case["fresh"])

    def runs(self, case: dict[str, Any]) -> list[Call]:
        """The candidates of a case as functions to call."""
        inputs = (ctypes.c_void_p * MAX_STEP_INPUTS)(*[self.arena.address + offset for offset in case["inputs"]])
        return [self.run(case, inputs, *candidate) for candidate in case["candidates"]]

    def run(self, case: dict[str, Any], inputs: Any, entry: int, tiles: int) -> Call:
        call, step = SIGNATURE(self.code + entry), max(1, -(-case["weights"] // ALIGNMENT)) * ALIGNMENT
        places = ROTATION_BYTES // step + 1
        out, params, scratch = self.arena.address + case["out"], self.params.address, self.scratch.address

        def run() -> None:
            weights = self.weights.address + next(self.turns) % places * step
            call(ctypes.byref(inputs), out, weights, params, scratch, 0, tiles)

        return run


def timed(run: Call, prepare: Call) -> Run:
    """One turn of a candidate, the memory as the layer before it leaves it."""

    def turn() -> float:
        prepare()
        start = time.perf_counter_ns()
        run()
        return time.perf_counter_ns() - start

    return turn


def main() -> None:
    job = json.load(sys.stdin)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    levels.prepare(job["level"])
    machine = Machine(job)
    for case in job["cases"]:
        signal.alarm(job["seconds"])  # ends the process
        calls = machine.runs(case)
        runs = [timed(call, lambda case=case: machine.prepare(case)) for call in calls]
        times = measure(runs, ROUNDS, lambda i, calls=calls: calls[i]())  # their pages are there then
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
