"""Networks as a folder carries them, and what `prepare` wrote of them."""

import functools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.gpu.packed import SUFFIX, unpacked
from dyadic.runtime import artifact
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cuda.program import CudaProgram

PLAN = "plan.json"
BEST = "best"  # whatever a session chooses
PORTABLE = "ptx"
TEXT = "text"  # the best code as PTX, where it has kernels of its own: for who takes no cubins


@functools.cache
def plan(folder: Path) -> dict[str, Any]:
    return json.loads((folder / PLAN).read_text())


def asked(folder: Path, level: str) -> str | None:
    """What a session is told for one of these names of code."""
    return {BEST: None, TEXT: plan(folder)["architecture"]}.get(level, level)


@contextmanager
def artifact_of(folder: Path, name: str, level: str = BEST) -> Iterator[Path]:
    """A network's, for as long as it is looked at."""
    said = plan(folder)["networks"][name]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, said["file"].removesuffix(SUFFIX))
        path.write_bytes(unpacked((folder / said["file"]).read_bytes()))
        if level == TEXT and TEXT in said:
            put_text(path, plan(folder)["architecture"], unpacked((folder / said["text"]).read_bytes()))
        yield path


def put_text(path: Path, level: str, text: bytes) -> None:
    """PTX where an artifact has a cubin."""
    with open_artifact(path, "all", copy=True) as file:
        (program,) = file.programs
        assert isinstance(program, CudaProgram)
        sections = {name: bytes(file.section(name)) for name in file.sections} | {program.section(level): text}
        code = program.code | {level: replace(program.code[level], kind="ptx")}
        artifact.write(path, programs=[replace(program, code=code)], sections=sections, made=file.made)
