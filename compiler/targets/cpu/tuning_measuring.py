"""Hand candidates to the process that runs them. Code may crash or never end: then that layer keeps its choice."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dyadic.compiler.targets.cpu.link import Image
from dyadic.compiler.targets.timing import Timing
from dyadic.runtime.cpu.processor import level_two_bytes

CASE_SECONDS = 120  # more is no kernel that anyone wants


@dataclass(frozen=True)
class Case:
    """One launch's memory in bytes, and its candidates as (offset in the code, tiles); the static choice first.

    `out` and `inputs` are offsets in the arena, `fresh` is where what the layer before has written begins and ends.
    """

    out: int
    inputs: tuple[int, ...]
    fresh: tuple[int, int]
    weights: int
    params: int
    scratch: int
    candidates: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Ended:
    """How a child ended, and its last words."""

    code: int
    said: str

    def __str__(self) -> str:
        words = f": {self.said}" if self.said else ""
        return f"the process that ran its candidates ended before they were measured (exit {self.code}{words})"


def measure(
    image: Image, level: str, arena: int, cases: Sequence[Case], seconds: int = CASE_SECONDS
) -> Iterator[list[Timing] | str]:
    """Timings of each case's candidates, one case after the other; a sentence where there are none."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        code.write_bytes(image.code)
        job: dict[str, Any] = {"code": str(code), "level": level, "arena": arena, "seconds": seconds}
        job["level_two"] = level_two_bytes()
        left = list(cases)
        while left:  # each child measures at least one, or ends with it
            measured, end = 0, Ended(0, "")
            for line in _child(job | {"cases": [asdict(case) for case in left]}):
                if isinstance(line, Ended):
                    end = line
                else:
                    yield [Timing(*timing) for timing in line]
                    measured += 1
            left = left[measured:]
            for _ in left if end.code > 0 else left[:1]:  # an exception is no kernel's fault, a signal is
                yield str(end)
            left = [] if end.code > 0 else left[1:]


def _child(job: dict[str, Any]) -> Iterator[list[tuple[float, float, int]] | Ended]:
    """What the child says of each case, and at last how it ended."""
    command = [sys.executable, "-P", "-m", "dyadic.compiler.targets.cpu.tuning_runner"]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        try:
            with suppress(BrokenPipeError):  # of a child that has ended already: its exit says why
                json.dump(job, child.stdin)
                child.stdin.close()
            for line in child.stdout:
                yield json.loads(line)
        finally:
            if child.poll() is None:
                child.kill()
        code = child.wait()
        errors.seek(0)
        said = errors.read().strip().splitlines()
    yield Ended(code, said[-1] if said else "")
