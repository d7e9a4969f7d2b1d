"""What a model says of a network on a GPU before there is one: `python -m benchmarks.gpu predict FOLDER`.

The network runs once on the executor of tests (`tests/support/ptx`), as the code that Hopper is given (its text, where
it has kernels of its own). With its checks the executor counts all that each launch does; the rest is arithmetic with a
few numbers, all in `ASSUMED`, each with where it comes from. A launch takes

    node + (BLOCK + barriers of a block * STEP_LATENCY) / clock + the largest of
        tensor cores, instructions, shared memory (of the processor that has most blocks), second cache, memory

Memory counts only where the whole run does not fit the second cache. What the model leaves out: how many blocks fit a
processor, what the assembler makes of PTX, clocks that fall under load, launches that overlap. It has been held against
no GPU.
"""

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.gpu.bits import LEVEL_VARIABLE
from benchmarks.gpu.carried import BEST, TEXT, plan
from benchmarks.gpu.kept import kept
from benchmarks.gpu.parts import TREE
from dyadic.runtime.cuda.program import CudaProgram, Step

PREDICTED = Path(__file__).with_name("predicted.json")
BATCHES = (1, 8, 64)
NETWORK = "resnet50"
SLOWEST = 12

PROCESSORS, CLOCK = 132, 1.83e9
PRODUCT_MACS, MACS_A_CYCLE, SHARE_OF_MMA, SHARE_OF_WGMMA = 16 * 8 * 32, 4096, 0.62, 0.8
INSTRUCTIONS_A_CYCLE, WAVEFRONTS_A_CYCLE = 4, 1
SECTOR, CACHE_BYTES, CACHE_RATE, MEMORY_RATE = 32, 50e6, 5.5e12, 0.85 * 4.8e12
NODE, BLOCK, STEP_LATENCY = 1.3e-6, 2000, 60

ASSUMED = (
    ("processors", f"{PROCESSORS}", "NVIDIA's data sheets of H100 SXM and H200"),
    ("clock", "1.83 GHz", "what gives the 1,979 TOPS of int8 in the data sheet at 4,096 MACs a cycle and processor"),
    ("`mma.sync` reaches", "62 % of that", "Luo et al., arXiv 2402.13499, of H100; from memory; `run` measures it"),
    ("`wgmma` reaches", "80 % of it", "a guess, the compiler's own when it chooses tiles; `run` measures it"),
    (
        "instructions of warps",
        "4 a cycle and processor",
        "four schedulers, NVIDIA's white paper of Hopper; PTX's are counted",
    ),
    ("shared memory", "a wavefront of 128 bytes a cycle and processor", "NVIDIA's programming guide"),
    ("second cache", "50 MB, 5.5 TB/s", "the size from the data sheet, the rate a guess; `run` measures it"),
    ("memory", "4.8 TB/s, 85 % of it", "the data sheet of H200, the share a guess; `run` measures it"),
    ("a node of a graph", "1.3 us", "a guess; `run` measures it"),
    ("a block's begin and end", "2,000 cycles", "a guess, the compiler's own when it chooses tiles"),
    ("a step's latency", "60 cycles", "as above"),
)


@dataclass(frozen=True)
class Counted:
    """A launch for one image: what it is, its counters over all blocks, and the bytes that it has to move."""

    layer: str
    op: str
    items: int
    block_items: int
    grid_y: int
    threads: int
    macs: int
    mma: int  # or what a wgmma has of these
    together: bool  # by wgmma
    instructions: int
    wavefronts: int
    sectors: int
    barriers: int  # by warps
    weights: int
    activations: int

    def blocks(self, batch: int) -> int:
        return -(-batch * self.items // self.block_items) * self.grid_y


def limits(one: Counted, batch: int, *, cached: bool) -> dict[str, float]:
    """Seconds that each part of the device takes for a launch, by its name."""
    alone, blocks = one.blocks(1), one.blocks(batch)
    most = -(-blocks // PROCESSORS)  # blocks of a processor
    share = SHARE_OF_WGMMA if one.together else SHARE_OF_MMA
    found = {
        "tensor cores": most * one.mma / alone * PRODUCT_MACS / (MACS_A_CYCLE * share) / CLOCK,
        "instructions": most * one.instructions / alone / INSTRUCTIONS_A_CYCLE / CLOCK,
        "shared memory": most * one.wavefronts / alone / WAVEFRONTS_A_CYCLE / CLOCK,
        "second cache": blocks * one.sectors / alone * SECTOR / CACHE_RATE,
    }
    if not cached:
        found["memory"] = (one.weights + batch * one.activations) / MEMORY_RATE
    return found


def latency(one: Counted) -> float:
    """Seconds that a block takes however little it computes."""
    return (BLOCK + one.barriers / one.blocks(1) / (one.threads / 32) * STEP_LATENCY) / CLOCK


def predicted(launches: Sequence[Counted], batch: int, total_bytes: float) -> dict[str, Any]:
    """Of a whole network whose images and constants have so many bytes."""
    cached = total_bytes <= CACHE_BYTES
    rows, seconds = [], {"nodes": NODE * len(launches), "latency": sum(map(latency, launches))}
    for one in launches:
        parts = limits(one, batch, cached=cached)
        name = max(parts, key=lambda key: parts[key])
        seconds[name] = seconds.get(name, 0) + parts[name]
        rows.append({"layer": one.layer, "op": one.op, "macs": batch * one.macs, "limit": name,
                     "us": round(1e6 * (NODE + latency(one) + parts[name]), 2)})  # fmt: skip
    total = sum(seconds.values())
    return {
        "ms": round(1e3 * total, 4),
        "images_per_s": round(batch / total),
        "share of tensor cores": round(
            sum(batch * one.macs for one in launches) / total / (PROCESSORS * MACS_A_CYCLE * CLOCK), 3
        ),
        "parts_ms": {name: round(1e3 * value, 4) for name, value in seconds.items()},
        "slowest": sorted(rows, key=lambda row: -row["us"])[:SLOWEST],
    }


def predict(folder: Path, name: str = NETWORK) -> dict[str, Any]:
    """Of a network of a folder that `prepare` made, for each batch."""
    launches, arena, constants = counted(folder, name)
    together = sum(one.together for one in launches)
    every = {str(batch): predicted(launches, batch, arena * batch + constants) for batch in BATCHES}
    macs = sum(one.macs for one in launches)
    return {"network": name, "launches": len(launches), "together": together, "macs": macs, "batches": every}


def save(found: Mapping[str, Any], path: Path = PREDICTED) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n")


def counted(folder: Path, name: str) -> tuple[list[Counted], int, int]:
    """The launches of a run, boundary included, the bytes of an image's arena, and those of the constants."""
    sys.path.insert(0, str(TREE / "tests"))
    from support.ptx import build
    from support.ptx.gpu import Gpu

    library = build.executor(kept())
    if library is None:
        raise SystemExit("counting takes the executor of tests, which needs a C++ compiler")
    level = TEXT if TEXT in plan(folder)["networks"][name] else BEST
    os.environ |= {"DYADIC_LIBCUDA": str(library), "PTX_EXECUTOR_CHECKS": "1", LEVEL_VARIABLE: level}
    from benchmarks.gpu.device import Bench
    from benchmarks.gpu.graphs import opened

    gpu = Gpu(library)
    with opened(Bench(), folder, name, 1) as network:
        gpu.log()
        network.run()
        log = gpu.log()
        model, constants = network.context.model, network.constants
        program = model.program
        launched = replace(program, steps=tuple(model.steps))
        return (
            _joined(launched, set(program.code[model.level].launches), log, constants),
            program.arena_bytes,
            constants,
        )


def _joined(program: CudaProgram, together: Collection[str], log: Sequence[Any], constants: int) -> list[Counted]:
    """Counters beside what the program says; `log` is of one run, crossings first and last. `together`: kernels of
    `wgmma`."""
    first = len(program.inputs)
    sizes = program.stored_bytes({program.constants: constants})
    assert len(log) == first + len(program.steps) + len(program.outputs)
    made = []
    for number, counters in enumerate(log):
        at = number - first
        step: Step | None = program.steps[at] if 0 <= at < len(program.steps) else None
        crossing = None if step else program.boundary[number if at < 0 else number - len(program.steps)]
        buffers = {step.out.buffer, *(one.buffer for one in step.inputs)} - {-1} if step else set()
        what = step or crossing
        assert what is not None
        made.append(
            Counted(
                layer=step.layer if step else "",
                op=step.op if step else "boundary",
                items=what.items,
                block_items=what.block_items,
                grid_y=step.grid_y if step else 1,
                threads=what.threads,
                macs=step.macs if step else 0,
                mma=counters.mma,
                together=step is not None and step.kernel in together,
                instructions=counters.instructions,
                wavefronts=counters.shared_wavefronts,
                sectors=counters.global_sectors,
                barriers=counters.barriers,
                weights=sizes[at] if step else 0,
                activations=sum(program.buffers[one].size for one in buffers)
                if step
                else counters.bytes_read + counters.bytes_written,
            )
        )
    return made
