"""Builds the PTX executor: a libcuda.so.1 for machines without a GPU, by the compiler that builds the runtime.

It is named by its sources, so every session and every one of its workers takes the same one until they change.
"""

import fcntl
import hashlib
import importlib.util
import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import dyadic.runtime.native

SOURCES = Path(__file__).with_name("native")
FLAGS = "-std=c++17 -O1 -fPIC -fvisibility=hidden -ffp-contract=off -Wall -Wextra".split()


def native_build() -> ModuleType:
    """The module beside the runtime's sources; it belongs to no package, since it runs before there is one."""
    path = Path(dyadic.runtime.native.__file__).with_name("native_build.py")
    spec = importlib.util.spec_from_file_location("native_build", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executor(folder: Path) -> Path | None:
    """libcuda.so.1 in `folder`, which is made where it is missing. None without a C++ compiler.

    Raises RuntimeError with what the compiler said.
    """
    compiler: list[str] | None = native_build().find_compiler()
    if compiler is None:
        return None
    digest = hashlib.sha256(shlex.join([*compiler, *FLAGS]).encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    home = folder / f"ptx-executor-{digest.hexdigest()[:16]}"
    library = home / "libcuda.so.1"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers wait for the one that builds
        if not library.exists():
            _build(compiler, home, library)
    return library


def _build(compiler: list[str], home: Path, library: Path) -> None:
    def run(words: list[str]) -> None:
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"building the PTX executor failed: {shlex.join(words)}\n{done.stderr}")

    sources = sorted(SOURCES.glob("*.cpp"), key=lambda path: -path.stat().st_size)
    objects = [home / f"{path.stem}.o" for path in sources]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(
            lambda pair: run([*compiler, *FLAGS, "-c", str(pair[0]), "-o", str(pair[1])]),
            zip(sources, objects, strict=True),
        ):
            pass
    unfinished = library.with_suffix(".unfinished")
    run([*compiler, "-shared", "-o", str(unfinished), *map(str, objects)])
    unfinished.rename(library)
    for path in objects:
        path.unlink()
