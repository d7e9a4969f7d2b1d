"""Products in other tiles than the compiler chose, timed; all have to give the same bits.

Layers of a network run where they are in it, on what a run of the network left there; square matrices are random."""

import ctypes
import functools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.carried import PLAN, plan
from benchmarks.gpu.device import Bench
from benchmarks.gpu.graphs import BATCHES, opened
from benchmarks.gpu.parts import Result
from benchmarks.gpu.records import Records
from dyadic.runtime.cuda.context import Context
from dyadic.runtime.cuda.launch import Launch, Place

FILE = "tiles.records"
MULTIPLIER, SHIFT, ZERO_POINT, HIGH = 1 << 30, 44, 128, 255  # of square products
SAMPLES = 64  # results that are computed again, of a square product
INSIDE, REPEATS = 10, 5  # launches of a graph, replays
COMPARED = 8  # images whose bits are looked at, of a layer


@functools.cache
def records(folder: Path) -> Records:
    return Records.load(folder / FILE)


def layers(folder: Path) -> Sequence[str]:
    """A network and batch each; one item times all its products."""
    if not (folder / FILE).exists() or not (folder / PLAN).exists():
        return []
    names = dict.fromkeys(case["network"] for case in records(folder).said["cases"] if "network" in case)
    known = plan(folder)["networks"]
    return [f"{name}, batch {batch}" for name in names for batch in BATCHES if batch <= known[name]["count"]]


def squares(folder: Path) -> Sequence[str]:
    if not (folder / FILE).exists():
        return []
    return [f"{case['side']} x {case['side']}" for case in records(folder).said["cases"] if "side" in case]


def code_of(bench: Bench, every: Records, tile: dict[str, Any], modules: dict[str, int]) -> int:
    """The kernel's function."""
    key = tile["code"]
    if key not in modules:
        modules[key], _ = bench.module({kind: every.blob(name) for kind, name in every.codes[key].items()})
    return bench.function(modules[key], tile["kernel"], tile["shared_bytes"])


def begin_layers(folder: Path) -> Callable[[str], Result]:
    bench, every = Bench(), records(folder)
    modules: dict[str, int] = {}

    def answer(item: str) -> Result:
        name, _, count = item.rpartition(", batch ")
        batch, found = int(count), []
        with opened(bench, folder, name, batch) as network:
            network.run()
            context = network.context
            for case in every.said["cases"]:
                if case.get("network") == name:
                    found.append(_tried(bench, every, modules, context, case, batch))
        return {"products": found}

    return answer


def _tried(
    bench: Bench, every: Records, modules: dict[str, int], context: Context, case: dict[str, Any], batch: int
) -> Result:
    """A layer in every tile. Before each, the memory of the first images is as a run of the network left it, but for
    the result, which has other bytes everywhere."""
    program, images = context.model.program, min(batch, COMPARED)
    step, launch, size = program.steps[case["step"]], context.launches[case["step"]], program.arena_bytes * images
    before = bench.download(context.arena, size)
    begun = before.copy()
    if step.out.buffer not in {one.buffer for one in step.inputs}:
        buffer = program.buffers[step.out.buffer]
        begun.reshape(images, -1)[:, buffer.offset : buffer.offset + buffer.size] ^= 0xFF

    def result(of: Launch) -> np.ndarray:
        bench.write(context.arena, begun)
        of.put(bench.stream, batch)
        return bench.download(context.arena, size)

    right, rows = result(launch), []
    for tile in case["tiles"]:
        changed = replace(step, **{key: tile[key] for key in ("threads", "block_items", "grid_y", "shared_bytes")})
        places = launch_places(launch)
        other = Launch(bench.driver, code_of(bench, every, tile, modules), changed, *places)
        same = np.array_equal(result(other), right)
        ms = bench.replayed(lambda stream, it=other: it.put(stream, batch), INSIDE, REPEATS)
        rows.append({"tile": tile["tile"], "us": round(1e3 * statistics.median(ms), 3), "same bits": same})
    bench.write(context.arena, before)
    told = {"layer": step.layer, "macs": step.macs * batch, "like it": len(case["same"]), "own": case["own"]}
    return told | {"tiles": rows}


def launch_places(launch: Launch) -> tuple[Place, list[Place], int, int]:
    """Where a prepared launch writes and reads, its weights and its parameters."""
    inputs = (len(launch.arguments) - 5) // 2
    numbers = [one.value for one in launch.arguments]
    pointers, images = numbers[: inputs + 3], numbers[inputs + 4 :]
    out, *sources = (Place(a, b) for a, b in zip(pointers[: inputs + 1], images, strict=True))
    return out, sources, pointers[-2], pointers[-1]


def begin_squares(folder: Path) -> Callable[[str], Result]:
    bench, every = Bench(), records(folder)
    modules: dict[str, int] = {}

    def answer(item: str) -> Result:
        (case,) = [one for one in every.said["cases"] if one.get("side") == int(item.split()[0])]
        side = case["side"]
        rng = np.random.default_rng(0)
        a = rng.integers(0, 256, (side, side), np.uint8)
        w = rng.integers(-128, 128, (side, side), np.int8)
        size = side * side
        out, matrix, params = bench.allocate(size), bench.upload(a), bench.upload(every.blob(case["params"]))
        weights = {False: bench.upload(w), True: bench.upload(in_tiles(w))}
        rows, first = [], None
        for tile in case["tiles"]:
            function = code_of(bench, every, tile, modules)
            places = out, matrix, weights[tile["tiled"]], params
            arguments = [*map(ctypes.c_uint64, places), *map(ctypes.c_int32, (1, size, size))]
            grid = -(-tile["items"] // tile["block_items"]), tile["grid_y"]

            def put(stream: int, function: int = function, tile: Any = tile, grid: Any = grid) -> None:
                bench.launch(function, grid, (tile["threads"],), tile["shared_bytes"], arguments, stream)  # noqa: B023

            bench.driver.call("cuMemsetD8Async", out, 0xEE, size, bench.stream)
            put(bench.stream)
            got = bench.download(out, size).reshape(side, side)
            first = got if first is None else first
            ms = statistics.median(bench.replayed(put, 1, REPEATS))
            rate = float(f"{side**3 / max(ms, 1e-9) * 1e3:.4g}")
            told = {"tile": tile["tile"], "ms": float(f"{ms:.5g}"), "macs_per_s": rate, "resources": tile["resources"]}
            rows.append(told | {"wrong": wrong_of(a, w, got), "same bits": bool(np.array_equal(got, first))})
        bench.free(out, matrix, params, *weights.values())
        wrong = sum(row["wrong"] for row in rows)
        return {"side": side, "own": case["own"], "wrong": wrong, "tiles": rows}

    return answer


def in_tiles(w: np.ndarray) -> np.ndarray:
    """Weights [n, k] as kernels read them whose blocks share them: 16 of k of eight rows side by side."""
    return np.ascontiguousarray(w.reshape(len(w) // 8, 8, -1, 16).swapaxes(1, 2))


def wrong_of(a: np.ndarray, w: np.ndarray, got: np.ndarray) -> int:
    """Of some results, how many are not what they should be."""
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, len(a), SAMPLES), rng.integers(0, len(w), SAMPLES)
    sums = (a[rows].astype(np.int64) * w[columns]).sum(1)
    right = np.clip((sums * MULTIPLIER + (1 << SHIFT - 1) >> SHIFT) + ZERO_POINT, 0, HIGH)
    return int((got[rows, columns] != right).sum())
