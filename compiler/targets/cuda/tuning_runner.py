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
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dyadic.compiler.targets.timing_rounds import Rounds, Run, measure
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cuda.context import Context
from dyadic.runtime.cuda.driver import LOST, RELAXED, CudaError
from dyadic.runtime.cuda.launch import Launch
from dyadic.runtime.cuda.model import Model
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.program import SLACK

INSIDE = 10  # launches of a graph
ROUNDS = Rounds(screening=6, final=30, least=3)
WARM = 2  # replays that are not counted
LOST_DEVICE = 3  # exit code: a kernel has ended the device's context, which is no fault of the others


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
        """The arena of every image, after a candidate was launched on what `fill` leaves: it may write several
        buffers."""
        self.fill()
        self.context.launches[number].put(self.stream, self.batch)
        found = np.empty(self.batch * self.program.arena_bytes, np.uint8)
        self.driver.call("cuMemcpyDtoHAsync_v2", found.ctypes.data, self.context.arena, found.nbytes, self.stream)
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
            runs = [self.replay(graph) for graph in graphs]
            for run in runs:
                for _ in range(WARM):
                    run()
            return measure(runs, ROUNDS)
        finally:
            for graph in graphs:
                self.driver.drop("cuGraphExecDestroy", graph)

    def replay(self, graph: int) -> Run:
        """How long a launch of a graph's takes."""
        return lambda: self.clock(lambda: self.driver.call("cuGraphLaunch", graph, self.stream)) / INSIDE


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
