"""Whether a GPU gives the bits that it has to: recorded launches of kernels, then whole networks."""

import ctypes
import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import dyadic
from benchmarks.gpu.carried import BEST, PLAN, PORTABLE, TEXT, artifact_of, asked, plan
from benchmarks.gpu.device import Bench
from benchmarks.gpu.inputs import given
from benchmarks.gpu.parts import Result
from benchmarks.gpu.records import Buffer, Launch, Records
from dyadic.runtime.cuda.driver import CODE_REFUSED, CudaError

KERNELS = "kernels.records"
ROOM = 64  # readable bytes behind a buffer
SHOWN = 3  # wrong buffers of a test
LEVEL_VARIABLE = "GPU_LEVEL"  # how `run` tells its children which code is timed, where the best is wrong
TOGETHER = ("warpgroups", "clusters")  # in the names of tests of what only the best code has


@functools.cache
def kernels(folder: Path) -> Records:
    return Records.load(folder / KERNELS)


# --- kernels


def tests(folder: Path) -> Sequence[str]:
    """Of which launches were recorded, in the order of the record; each is an item."""
    if not (folder / KERNELS).exists():
        return []
    return list(dict.fromkeys(one.test for one in kernels(folder).launches))


def begin_kernels(folder: Path) -> Callable[[str], Result]:
    bench, records = Bench(), kernels(folder)
    modules: dict[str, tuple[int, str]] = {}

    def answer(test: str) -> Result:
        mine = [one for one in records.launches if one.test == test]
        wrong, kinds = [], set()
        for launch in mine:
            if launch.code not in modules:
                made = {kind: records.blob(name) for kind, name in records.codes[launch.code].items()}
                modules[launch.code] = bench.module(made)
            module, kind = modules[launch.code]
            kinds.add(kind)
            wrong += differing(bench, records, launch, module)
        return {"launches": len(mine), "kind": "+".join(sorted(kinds)), "wrong": len(wrong), "shown": wrong[:SHOWN]}

    return answer


def differing(bench: Bench, records: Records, launch: Launch, module: int) -> list[Result]:
    """Launch it, and say of each buffer that is not as recorded how many bytes differ and which is first."""
    function = bench.function(module, launch.kernel, launch.shared_bytes)
    places, arguments = [], []
    for one in launch.arguments:
        if isinstance(one, int):
            arguments.append(ctypes.c_int32(one))
        else:
            places.append((bench.upload(records.blob(one.content), ROOM), one))
            arguments.append(ctypes.c_uint64(places[-1][0] + one.start))
    bench.launch(function, launch.grid, launch.block, launch.shared_bytes, arguments)
    bench.wait()
    wrong = []
    for number, (place, one) in enumerate(places):
        if one.result is not None:
            wrong += compared(bench, place, one, np.frombuffer(records.blob(one.result), np.uint8), launch, number)
        bench.free(place)
    return wrong


def compared(bench: Bench, place: int, one: Buffer, expected: np.ndarray, launch: Launch, number: int) -> list[Result]:
    got = bench.download(place, expected.size)
    (where,) = np.nonzero(got != expected)
    if not where.size:
        return []
    first = int(where[0])
    said = {"kernel": launch.kernel, "buffer": number, "bytes": int(where.size), "of": int(expected.size)}
    shown = slice(first, first + 16)
    return [said | {"first": first, "got": got[shown].tolist(), "expected": expected[shown].tolist()}]


# --- networks


def digests(array: np.ndarray) -> list[str]:
    """Of each image."""
    return [hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:16] for image in array]


def networks(folder: Path) -> Sequence[str]:
    """All with the code that a session chooses, then all with what there is besides, as far as they have it."""
    if not (folder / PLAN).exists():
        return []
    every, besides = plan(folder)["networks"], plan(folder).get("besides", [])
    return [
        f"{name}, {level}"
        for level in (BEST, *besides, PORTABLE, TEXT)
        for name, said in every.items()
        if level != TEXT or TEXT in said
    ]


def is_wrong(answer: Result) -> bool:
    return bool(answer.get("wrong")) or "failed" in answer


def trusted(kernels: Result, networks: Result) -> str | None:
    """The first code that gave every bit of all networks; None: the best, as it is where none did. Kernels that only
    the best has are looked at alone, too.

    >>> trusted({}, {"a, best": {"wrong": 1}, "a, sm_90": {"wrong": 0}, "a, ptx": {"wrong": 0}})
    'sm_90'
    >>> trusted({"ptx/test_warpgroups.py::test": {"wrong": 1}}, {"a, best": {"wrong": 0}, "a, ptx": {"wrong": 0}})
    'ptx'
    """
    bad = {item.rpartition(", ")[2] for item, answer in networks.items() if is_wrong(answer)}
    bad |= {item.rpartition(", ")[2] for item, answer in networks.items() if "left out" in answer} - {BEST}
    if any(is_wrong(answer) for test, answer in kernels.items() if any(name in test for name in TOGETHER)):
        bad.add(BEST)
    levels = dict.fromkeys(item.rpartition(", ")[2] for item in networks)
    found = next((level for level in levels if level not in bad), BEST)
    return None if found == BEST else found


def feeds(said: dict[str, Any], count: int) -> dict[str, np.ndarray]:
    """The inputs that a network's answers are recorded for."""
    return {
        one["name"]: given(one["dims"], one["dtype"], said["count"], said["seed"] + n, one["words"])[:count]
        for n, one in enumerate(said["inputs"])
    }


def begin_networks(folder: Path) -> Callable[[str], Result]:
    known = plan(folder)["networks"]

    def answer(item: str) -> Result:
        name, _, level = item.rpartition(", ")
        said = known[name]
        isa = asked(folder, level)
        wrong: list[Result] = []
        try:
            with artifact_of(folder, name, level) as path:
                session = dyadic.load(path, device="cuda", max_batch=said["count"], isa=isa, verify="all")
        except CudaError as error:
            if isa is None or error.result not in CODE_REFUSED:
                raise
            return {"left out": str(error)}  # for another device
        with session:
            session.batch_first = True
            for batch in dict.fromkeys((said["count"], 1, min(8, said["count"]))):
                for info, got in zip(session.outputs, session.run(None, feeds(said, batch)), strict=True):
                    pairs = zip(digests(got), said["answers"][info.name], strict=False)
                    bad = [image for image, (mine, right) in enumerate(pairs) if mine != right]
                    if bad:
                        wrong.append({"output": info.name, "batch": batch, "images": bad})
            return {"level": session.isa, "images": said["count"], "wrong": len(wrong), "shown": wrong[:SHOWN]}

    return answer
