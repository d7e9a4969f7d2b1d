"""What code generators have in common: a job a kernel, and processes that write its code to a file.

LLVM can abort the process on IR it does not like or on what a machine does not have, the translator can crash, and some
things never end: nothing of this runs in the caller's process. A module that generates code has a function `make` of
jobs as `Job.to_json` says them; `maker.py` has a process that calls it in forks of itself.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dyadic.compiler.keep.cache import key_of
from dyadic.compiler.targets.maker import Jobs, forked
from dyadic.compiler.workers.processors import processors

CHILD_SECONDS = 600  # kernels take about 0.1 s each; LLVM has patterns that it never finishes combining
MOST_JOBS = 200  # of one child


class CodegenError(RuntimeError):
    """A child process failed: a bug of ours, with what LLVM said."""


@dataclass(frozen=True)
class Job:
    """The code of one kernel for a level. compiler: names whatever decides it besides. No family: it has no spec."""

    symbol: str
    level: str
    compiler: str
    family: str = ""
    spec: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """All that the code depends on."""
        return key_of(asdict(self))

    def to_json(self, path: Path) -> dict[str, Any]:
        """What `make` is told: the code goes to `path`."""
        said = {"symbol": self.symbol, "level": self.level, "family": self.family, "spec": self.spec}
        return {**said, "path": str(path)}


def generated(module: str, jobs: Sequence[Job], count: int = 0) -> dict[str, bytes]:
    """Code by key, made by the `make` of a module.

    Args:
        count: processes at a time; 0 means one per available core.

    Raises:
        CodegenError: a child failed.
    """
    count = max(1, min(count or processors(), len(jobs)))
    number = max(count, -(-len(jobs) // MOST_JOBS))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}" for i in range(len(jobs))]
        said = [job.to_json(path) for job, path in zip(jobs, paths, strict=True)]
        parts = [said[i::number] for i in range(number)]
        try:
            ends = forked(module, parts, count, CHILD_SECONDS)
        except OSError as error:
            raise CodegenError(f"no code is generated: {error}") from error
        for part, (code, wrote) in zip(parts, ends, strict=True):
            _check(part, code, wrote)
        return {job.key: path.read_bytes() for job, path in zip(jobs, paths, strict=True)}


def _check(jobs: Jobs, code: int | None, said: str) -> None:
    """That a process made all of its jobs."""
    end = f"did not finish in {CHILD_SECONDS} s" if code is None else f"failed (exit {code})"
    missing = [job for job in jobs if not Path(job["path"]).exists()]  # it writes each as soon as it has it
    if code != 0 or missing:
        first = (missing or jobs[-1:])[0]
        raise CodegenError(f"code generation of {first['symbol']} for {first['level']} {end}:\n{said[-4000:]}")


def write(job: Mapping[str, Any], code: bytes) -> None:
    """The code of a job, in a process that made it."""
    part = Path(job["path"] + ".part")  # what has the right name is whole
    part.write_bytes(code)
    part.replace(job["path"])
