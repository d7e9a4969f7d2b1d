"""Time candidates one after the other on the first GPU, in a process of its own.

`python -m dyadic.compiler.targets.cuda.tuning_runner` reads one JSON job from standard input and prints a line of JSON
for each case as soon as it is measured: [median, spread, count] of each candidate, or why there is none.

A launch is timed as the network has it, as a node of a graph: some of the same behind each other, between two events.
What it reads lies in the second cache then, as what the layer before has written would. All candidates of a case have
their turns in every round, so that whatever disturbs one disturbs all; each has to give the bits of the first.
"""

import ctypes
import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cuda.context import Context
from dyadic.runtime.cuda.driver import LOST, RELAXED, CudaError
from dyadic.runtime.cuda.launch import Launch
from dyadic.runtime.cuda.model import Model
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.program import SLACK

INSIDE = 10  # launches of a graph
SCREENING, FINAL = 6, 30  # rounds of all candidates, then of the best ones
FINALISTS = 4  # the model's choice among them
ROUNDS_SECONDS = 2.0  # enough of either, once LEAST_ROUNDS are done
LEAST_ROUNDS = 3
WARM = 2  # replays that are not counted
QUARTILES_TO_SIGMA = 1.349  # of a normal distribution
LOST_DEVICE = 3  # exit code: a kernel has ended the device's context, which is no fault of the others
Run = Callable[[], float]  # nanoseconds


class Bench:
    """An artifact whose steps are candidates, on a device, in a context of its own."""

    def __init__(self, path: Path, level: str, batch: int) -> None:
        self.batch = batch
        with open_artifact(path) as file:
            (self.program,) = [one for one in file.programs if isinstance(one, CudaProgram)]
            self.model = Model(file, self.program, 0, level)
        self.driver = self.model.device.driver
        self.driver.call("cuCtxPushCurrent_v2", self.model.device.context)
        self.context = Context(self.model, batch, {})
        self.stream = self.context.stream
        self.events = [self.driver.made("cuEventCreate", 0) for _ in range(2)]
        size = self.program.arena_bytes * batch + SLACK
        self.noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        self.fill()

    def close(self) -> None:
        """Give everything back."""
        for event in self.events:
            self.driver.drop("cuEventDestroy_v2", event)
        self.context.close()
        self.driver.drop("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))
        self.model.close()

    def fill(self) -> None:
        """Every byte of the arena anew."""
        self.driver.call(
            "cuMemcpyHtoDAsync_v2", self.context.arena, self.noise.ctypes.data, self.noise.nbytes, self.stream
        )
        self.context.wait()

    def clock(self, put: Callable[[], object]) -> float:
        """Nanoseconds of what is put into the stream, by the device's own events."""
        self.driver.call("cuEventRecord", self.events[0], self.stream)
        put()
        self.driver.call("cuEventRecord", self.events[1], self.stream)
        self.context.wait()
        ms = ctypes.c_float()
        self.driver.call("cuEventElapsedTime", ctypes.byref(ms), *self.events)
        return ms.value * 1e6

    def result(self, number: int) -> np.ndarray:
        """The buffer that a candidate writes, of every image, after it was launched on what `fill` leaves."""
        self.fill()
        self.context.launches[number].put(self.stream, self.batch)
        buffer = self.program.buffers[self.program.steps[number].out.buffer]
        found = np.empty((self.batch, buffer.size), np.uint8)
        for image in range(self.batch):
            place = self.context.arena + image * self.program.arena_bytes + buffer.offset
            self.driver.call("cuMemcpyDtoHAsync_v2", found[image].ctypes.data, place, buffer.size, self.stream)
        self.context.wait()
        return found

    def graph(self, launch: Launch) -> int:
        """Some of the same launch, as an executable graph."""
        made = ctypes.c_void_p()
        self.driver.call("cuStreamBeginCapture_v2", self.stream, RELAXED)
        for _ in range(INSIDE):
            launch.put(self.stream, self.batch)
        self.driver.call("cuStreamEndCapture", self.stream, ctypes.byref(made))
        try:
            return self.driver.made("cuGraphInstantiateWithFlags", made, 0)
        finally:
            self.driver.drop("cuGraphDestroy", made)

    def case(self, first: int, count: int) -> list[tuple[float, float, int]] | str:
        """Of so many steps from one on: (median, spread, count) of each, or what is wrong with them."""
        right = self.result(first)
        for number in range(first + 1, first + count):
            if not np.array_equal(self.result(number), right):
                return f"kernel {self.program.steps[number].kernel} gives other bits than the model's choice"
        graphs = [self.graph(self.context.launches[number]) for number in range(first, first + count)]
        try:
            return measure([self.replay(graph) for graph in graphs])
        finally:
            for graph in graphs:
                self.driver.drop("cuGraphExecDestroy", graph)

    def replay(self, graph: int) -> Run:
        """How long a launch of a graph's takes."""
        return lambda: self.clock(lambda: self.driver.call("cuGraphLaunch", graph, self.stream)) / INSIDE


def measure(runs: Sequence[Run]) -> list[tuple[float, float, int]]:
    """(median, spread, count) of each; all are screened, then the best few are measured anew with the first one."""
    for run in runs:
        for _ in range(WARM):
            run()
    screened = rounds(runs, range(len(runs)), SCREENING)
    others = sorted(range(1, len(runs)), key=lambda i: statistics.median(screened[i]))
    final = rounds(runs, [0, *others[: FINALISTS - 1]], FINAL)
    return [summary((screened | final)[i]) for i in range(len(runs))]


def rounds(runs: Sequence[Run], which: Sequence[int], count: int) -> dict[int, list[float]]:
    """Nanoseconds of every run; the order within a round changes."""
    order, shuffled = list(which), random.Random(0)
    times: dict[int, list[float]] = {i: [] for i in order}
    begin = time.perf_counter()
    for done in range(count):
        if done >= LEAST_ROUNDS and time.perf_counter() - begin > ROUNDS_SECONDS:
            break
        shuffled.shuffle(order)
        for i in order:
            times[i].append(runs[i]())
    return times


def summary(times: Sequence[float]) -> tuple[float, float, int]:
    low, median, high = np.percentile(times, (25, 50, 75))
    return float(median), float(high - low) / QUARTILES_TO_SIGMA, len(times)


def main() -> None:
    job: dict[str, Any] = json.load(sys.stdin)
    bench = Bench(Path(job["path"]), job["level"], job["batch"])
    counts, first = job["counts"], 0
    for number, count in enumerate(counts):
        if number >= job["done"]:
            signal.alarm(job["seconds"])  # ends the process
            try:
                print(json.dumps(bench.case(first, count)), flush=True)
            except CudaError as error:
                if error.result not in LOST:
                    raise
                print(error, file=sys.stderr, flush=True)
                os._exit(LOST_DEVICE)  # nothing can be given back
        first += count
    bench.close()


if __name__ == "__main__":
    main()
