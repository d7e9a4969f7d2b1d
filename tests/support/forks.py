"""Processes that are forks of one that has imported everything, since that takes longer than what most are asked to do.

Each is a process of its own all the same: it may crash, and has its own folder, environment and streams. Some tests of
the command line start theirs as users do.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from dyadic.compiler.targets import code_generation
from dyadic.compiler.targets.maker import End, Jobs

CONTEXT = multiprocessing.get_context("forkserver")
IMPORTED = [
    "dyadic.compiler.targets.cpu.codegen", "dyadic.compiler.targets.cuda.codegen",
    "torch_mlir.ir", "torch_mlir.passmanager", "torch_mlir.dialects.llvm", "llvmlite.binding",
    "dyadic.compiler.cli.main", "dyadic.compiler.driver", "dyadic.compiler.importers.onnx",
]  # fmt: skip


def install() -> None:
    """Code generation of this process is done in forks. Their server ends with it."""
    CONTEXT.set_forkserver_preload(IMPORTED)
    code_generation.forked = made


def made(module: str, parts: Sequence[Jobs], abreast: int, seconds: float) -> list[End]:
    """As `maker.forked`."""

    def one(jobs: Jobs) -> End:
        done = forked(make, [module, jobs], Path.cwd(), dict(os.environ), seconds)
        return done.returncode, done.stderr

    with ThreadPoolExecutor(abreast) as pool:
        return list(pool.map(one, parts))


def make(module: str, jobs: Jobs) -> None:
    import_module(module).make(jobs)


def run_command(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """As `python -m dyadic WORDS`."""
    return forked(command, [list(words)], folder, dict(environment), 600)


def command(words: list[str]) -> None:
    from dyadic.compiler.cli.main import main

    sys.exit(main(words))


def forked(
    work: Callable[..., None], arguments: list[Any], folder: Path, environment: dict[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """How it ended, with what it wrote. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as streams:
        out, errors = (Path(streams) / name for name in ("out", "errors"))
        child = CONTEXT.Process(target=inside, args=(work, arguments, folder, environment, out, errors))
        child.start()
        child.join(seconds)
        if child.exitcode is None:
            child.kill()
            raise subprocess.TimeoutExpired(work.__name__, seconds)
        said = [stream.read_text() if stream.exists() else "" for stream in (out, errors)]
        return subprocess.CompletedProcess([work.__name__], child.exitcode, *said)


def inside(
    work: Callable[..., None], arguments: list[Any], folder: Path, environment: dict[str, str], out: Path, errors: Path
) -> None:
    for stream, number in ((out, 1), (errors, 2)):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    work(*arguments)
