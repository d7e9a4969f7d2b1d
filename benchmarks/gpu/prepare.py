"""Makes the folder that `run` takes along: `python -m benchmarks.gpu prepare FOLDER`. Needs the compiler, and for the
records of kernels a C++ compiler, too (`tests/support/ptx`).

What networks answer is what the program for the processor of the same compile answers: the bits are the same on every
target. Artifacts are stripped to what a GPU needs, and packed.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dyadic
from benchmarks.gpu import recorder, sweep, tiles
from benchmarks.gpu.bits import KERNELS, digests, feeds
from benchmarks.gpu.carried import PLAN, TEXT
from benchmarks.gpu.cases import GROUPS, Case
from benchmarks.gpu.kept import VARIABLE, kept
from benchmarks.gpu.packed import SUFFIX, packed
from benchmarks.gpu.parts import TREE
from benchmarks.gpu.records import CUBIN, PTX, Records, joined
from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.knobs import cache_folder
from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cuda.assemble import OTHERS_RESIDENT, assemble, assembler_version
from dyadic.compiler.targets.cuda.emit import CudaEmitted
from dyadic.compiler.targets.emitted import Emitted
from dyadic.runtime import artifact
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cpu import levels
from dyadic.runtime.cuda.code_sections import code_of
from dyadic.runtime.cuda.constants import constants_of
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.errors import DyadicError
from dyadic.runtime.tensor_info import TensorInfo

ARCHITECTURE = "sm_90a"
BESIDES = {"sm_90a": ("sm_90",)}  # the same without what only this one has (`wgmma`), to be held against it
SEED = 20261129
TESTS = (
    "tests/ptx/test_fragments.py", "tests/ptx/test_warpgroups.py", "tests/ptx/test_clusters.py",
    "tests/ptx/test_instructions.py", "tests/ptx/test_gemm.py", "tests/ptx/test_programs.py", "tests/passes/lower/cuda",
)  # fmt: skip
MOST_BYTES = 60_000_000  # of a folder
Say = Callable[[str], object]


@dataclass(frozen=True)
class Wanted:
    """Groups of networks, and of these perhaps some alone; tests whose launches are recorded; networks whose tiles are
    swept."""

    groups: Sequence[str] = ("timed", "small")
    tests: Sequence[str] = TESTS
    swept: Sequence[str] = ("resnet50",)
    sides: Sequence[int] = (4096, 8192)  # of square matrices
    architecture: str = ARCHITECTURE
    networks: Sequence[str] = ()
    shapes: int = 100  # of tiles, at most


def flushed(line: str) -> None:
    print(line, flush=True)


def prepare(folder: Path, wanted: Wanted, say: Say = flushed) -> None:
    """Write the folder. What cannot be compiled, as what has no kernels for GPUs, is left out, and that is said."""
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    before = start, size_of(folder)

    def done(what: str) -> None:
        nonlocal before
        now = time.perf_counter(), size_of(folder)
        say(_line(now[0] - before[0], now[1] - before[1], what))
        before = now

    if wanted.tests:
        records = recorded(wanted.tests)
        add_cubins(records, wanted.architecture)
        records.save(folder / KERNELS)
        done(f"{len(records.launches)} launches, {len(records.codes)} texts of kernels")
    products: dict[str, sweep.Products] = {}
    besides = BESIDES.get(wanted.architecture, ())
    said: dict[str, Any] = {
        "architecture": wanted.architecture, "besides": besides, "networks": {}, "left out": {},
    }  # fmt: skip
    for group in wanted.groups:
        for name, case in GROUPS[group]().items():
            if wanted.networks and name not in wanted.networks:
                continue
            try:
                said["networks"][name] = network(
                    folder, name, case, wanted.architecture, products if name in wanted.swept else None
                )
                done(name)
            except DyadicError as error:
                said["left out"][name] = str(error)
                done(f"{name} is left out: {error}")
            (folder / PLAN).write_text(json.dumps(said, indent=1) + "\n")
    if products or wanted.sides:
        swept = sweep.prepare(products, wanted.sides, wanted.architecture, wanted.shapes)
        swept.save(folder / tiles.FILE)
        done(f"{len(swept.said['cases'])} products in {sum(len(one['tiles']) for one in swept.said['cases'])} tiles")
    size = size_of(folder)
    say(_line(time.perf_counter() - start, size, "all" if size <= MOST_BYTES else "all, MORE THAN THERE IS ROOM FOR"))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _line(seconds: float, size: int, what: str) -> str:
    return f"{seconds:6.0f} s, {size / 1e6:6.2f} MB: {what}"


# --- networks


def network(
    folder: Path, name: str, case: Case, architecture: str, products: dict[str, sweep.Products] | None
) -> dict[str, Any]:
    """Compile a network for both targets, keep the GPU's program, and say what the processor's answers. `products`
    gets those that are swept."""
    model, samples, examples = case.make()
    stem = re.sub(r"\W+", "_", name)
    file = f"{stem}.dyq{SUFFIX}"
    told: dict[str, Any] = case.options | ({} if examples is None else {"example_inputs": examples})
    best = levels.usable()[0]
    levels_of_gpu = "".join(f",cuda:{level}" for level in (architecture, *BESIDES.get(architecture, ())))
    made = dyadic.compile(model, samples, target=f"cpu:{best}{levels_of_gpu}", measure=False, **told)
    with tempfile.TemporaryDirectory() as place:
        whole, stripped = Path(place, "whole.dyq"), Path(place, "stripped.dyq")
        made.save(whole)
        strip(whole, stripped)
        (folder / file).write_bytes(packed(stripped.read_bytes()))
        text = own_text(made.emitted, architecture)
        texts = {TEXT: f"{stem}.ptx{SUFFIX}"} if text else {}
        for name_of_text in texts.values():
            (folder / name_of_text).write_bytes(packed(text.encode()))
        if products is not None:
            products[name] = sweep.products_of(whole)
        with dyadic.load(whole, device="cpu", max_batch=case.count, isa=best) as session:
            session.batch_first = True
            said = {
                "file": file, "seed": SEED, "count": case.count, "timed": case.timed, "shared": case.shared,
                "inputs": [_input(info, case.words) for info in session.inputs], **texts,
            }  # fmt: skip
            answers = session.run(None, feeds(said, case.count))
            said["answers"] = {
                info.name: digests(answer) for info, answer in zip(session.outputs, answers, strict=True)
            }
    return said


def own_text(emitted: Emitted, architecture: str) -> str:
    """PTX of code for an architecture that has kernels of its own."""
    for one in (emitted, *emitted.beside):
        if isinstance(one, CudaEmitted) and architecture in one.codes and one.codes[architecture].launches:
            return one.codes[architecture].text
    return ""


def _input(info: TensorInfo, words: int) -> dict[str, Any]:
    return {"name": info.name, "dims": [*info.shape[1:]], "dtype": str(info.dtype), "words": words}


def strip(source: Path, target: Path) -> None:
    """Without the processor's program and the integer graph, which holds all weights once more; code is inflated, since
    it is packed with what is like it."""
    with open_artifact(source, "all", copy=False) as file:
        programs = [program for program in file.programs if isinstance(program, CudaProgram)]
        sections: dict[str, Any] = {}
        for program in programs:
            sections |= {name: file.section(name) for name in program.sections if name != program.gather}
            sections |= {name: code_of(file, name) for name in map(program.section, program.code)}
            sections[program.constants] = constants_of(file, program)
        whole = [replace(program, gather="", source="", constants_bytes=0) for program in programs]
        artifact.write(target, programs=whole, sections=sections, made=file.made)


# --- kernels


def recorded(tests: Sequence[str]) -> Records:
    """What these tests launch. Raises RuntimeError where one fails: then nothing says what is right."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pytest", "-q", "-p", recorder.__name__, *tests]
        environment = os.environ | {recorder.FOLDER: place, VARIABLE: str(kept())}
        done = subprocess.run(command, cwd=TREE, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the tests of kernels fail, so that nothing is recorded:\n{done.stdout[-3000:]}")
        every = [Records.load(path) for path in sorted(Path(place).iterdir())]
    if not every:
        raise RuntimeError(f"no test launched anything (is there a C++ compiler?):\n{done.stdout[-1000:]}")
    total = joined(every)
    total.launches.sort(key=lambda one: (_worth(one.test), one.test))
    return total


def _worth(test: str) -> int:
    """Single instructions first: what is wrong there explains the rest."""
    order = [path.removeprefix("tests/") for path in TESTS]
    return next((n for n, path in enumerate(order) if test.startswith(path)), len(order))


def add_cubins(records: Records, architecture: str) -> None:
    """Code as a GPU takes it, beside the text, where there is an assembler; it saves the time to do that there."""
    cache = Cache(cache_folder())
    texts = {key: records.blob(kinds[PTX]) for key, kinds in records.codes.items()}
    names = {key: _assembled_name(text, architecture) for key, text in texts.items()}
    known = cache.read("code", names.values())

    def cubin(key: str) -> bytes | None:
        if names[key] in known:
            return known[names[key]]
        try:
            made = assemble(texts[key].decode(), architecture)
        except CodegenError:  # text of tests by hand, for another architecture
            return None
        return made.cubin if made else None

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        cubins = dict(zip(texts, pool.map(cubin, texts), strict=True))
    for key, made in cubins.items():
        if made is not None:
            records.codes[key][CUBIN] = records.put(made)
    cache.write("code", {names[key]: made for key, made in cubins.items() if made and names[key] not in known})


def _assembled_name(text: bytes, architecture: str) -> str:
    return key_of({
        "assembler": assembler_version(), "architecture": architecture, "resident": OTHERS_RESIDENT,
        "text": hashlib.sha256(text).hexdigest(),
    })  # fmt: skip
