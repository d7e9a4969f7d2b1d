"""How long networks take: replays of their graphs, copies, calls, and the slowest kernels."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.gpu.bits import LEVEL_VARIABLE, feeds
from benchmarks.gpu.carried import BEST, PLAN, artifact_of, asked, plan
from benchmarks.gpu.device import REPEATS, Bench, spread
from benchmarks.gpu.parts import Result
from dyadic.runtime import artifact
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cuda.context import Context
from dyadic.runtime.cuda.model import Model
from dyadic.runtime.cuda.program import CudaProgram, Step
from dyadic.runtime.program import ALIGNMENT, SLACK

BATCHES = (1, 8, 64)
SLOWEST = 12  # steps that are timed alone
INSIDE = 20  # launches of one of these in a graph


@dataclass
class Opened:
    """A network on the device, and arrays for one run."""

    context: Context
    level: str
    constants: int  # bytes
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]

    def run(self, *, timed: bool = False) -> list[int]:
        batch = len(self.inputs[0])
        return self.context.run(self.inputs, self.outputs, batch, raw=False, timed=timed)


def timed(folder: Path) -> Sequence[str]:
    if not (folder / PLAN).exists():
        return []
    return [
        f"{name}, batch {batch}"
        for name, said in plan(folder)["networks"].items()
        if said["timed"]
        for batch in BATCHES
        if batch <= said["count"]
    ]


def begin(folder: Path) -> Callable[[str], Result]:
    bench = Bench()

    def answer(item: str) -> Result:
        name, _, batch = item.rpartition(", batch ")
        with opened(bench, folder, name, int(batch)) as network:
            return measured(bench, network, int(batch))

    return answer


@contextmanager
def opened(bench: Bench, folder: Path, name: str, batch: int) -> Iterator[Opened]:
    """Layers that share stored weights get their own, as they would have in a network that was trained."""
    said, level = plan(folder)["networks"][name], os.environ.get(LEVEL_VARIABLE, BEST)
    with artifact_of(folder, name, level) as carried, tempfile.TemporaryDirectory() as place:
        path = own_weights(carried, Path(place)) if said["shared"] else carried
        with open_artifact(path, "all", copy=False) as file:
            (program,) = file.programs
            assert isinstance(program, CudaProgram)
            model = Model(file, program, 0, asked(folder, level))
            model.users += 1
            context = Context(model, batch, {})
            arrays = feeds(said, batch)
            given = [
                np.ascontiguousarray(arrays[one.name], np.int32 if one.dtype == "int32" else one.dtype)
                for one in program.inputs
            ]
            made = [np.empty((batch, *map(int, one.shape[1:])), np.float32) for one in program.outputs]
            try:
                yield Opened(context, model.level, file.sections[program.constants].length, given, made)
            finally:
                context.close()
                model.close()


def own_weights(path: Path, folder: Path) -> Path:
    """The artifact with a copy of its weights for every step that shares another's."""
    with open_artifact(path, "all", copy=False) as file:
        (program,) = file.programs
        assert isinstance(program, CudaProgram)
        constants = bytes(file.section(program.constants))
        sections = {name: bytes(file.section(name)) for name in file.sections}
        made = file.made
    sizes = program.stored_bytes({program.constants: len(constants)})
    size_at = {step.weights: size for step, size in zip(program.steps, sizes, strict=True) if size}
    parts, length, steps = [constants[:-SLACK]], len(constants) - SLACK, []
    for step, size in zip(program.steps, sizes, strict=True):
        if step.weights >= 0 and not size:
            padding = -length % ALIGNMENT
            copy = constants[step.weights : step.weights + size_at[step.weights]]
            parts += [bytes(padding), copy]
            steps.append(replace(step, weights=length + padding))
            length += padding + len(copy)
        else:
            steps.append(step)
    target = folder / path.name
    sections[program.constants] = b"".join([*parts, bytes(SLACK)])
    artifact.write(target, programs=[replace(program, steps=tuple(steps))], sections=sections, made=made)
    return target


def measured(bench: Bench, network: Opened, batch: int) -> Result:
    """Milliseconds: `steps` of the network alone, `whole` with the boundary and the copies from and to page-locked
    memory, `call` as the host sees it, its own copies included."""
    context, driver = network.context, network.context.driver
    network.run()
    (graph,) = context.graphs.values()

    def steps(stream: int) -> None:
        for launch in context.launches:
            launch.put(stream, batch)

    calls = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        network.run()
        calls.append(1e3 * (time.perf_counter() - start))
    program = context.model.program
    return {
        "level": network.level,
        "launches": len(program.steps),
        "macs": batch * sum(step.macs for step in program.steps),
        "steps_ms": spread(bench.replayed(steps)),
        "whole_ms": spread(bench.times(lambda: driver.call("cuGraphLaunch", graph, bench.stream))),
        "call_ms": spread(calls),
        "bytes_in": sum(one.nbytes for one in network.inputs),
        "bytes_out": sum(one.nbytes for one in network.outputs),
        "slowest": slowest(bench, network, batch),
    }


def slowest(bench: Bench, network: Opened, batch: int) -> list[Result]:
    """Steps by time alone in a graph, what they read warm in the cache; chosen by events between steps of a run."""
    context = network.context
    passes = [network.run(timed=True) for _ in range(min(5, REPEATS))]
    rough = [statistics.median(times) for times in zip(*passes, strict=True)][1:-1]
    order = sorted(range(len(rough)), key=lambda n: -rough[n])[:SLOWEST]
    found = []
    for number in order:
        launch, step = context.launches[number], context.model.program.steps[number]
        ms = statistics.median(bench.replayed(lambda stream, it=launch: it.put(stream, batch), INSIDE, repeats=5))
        found.append(
            said_of(step) | {"step": number, "us": round(1e3 * ms, 3), "in_run_us": round(rough[number] / 1e3, 3)}
        )
    return found


def said_of(step: Step) -> Result:
    return {"layer": step.layer, "op": step.op, "kernel": step.kernel, "macs": step.macs}
