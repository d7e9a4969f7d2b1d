"""Hand candidates to the process that launches them. A kernel that faults or never ends takes the device's context with
it: then its product keeps the model's choice."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dyadic.compiler.targets.cuda.tuning_runner import LOST_DEVICE
from dyadic.compiler.targets.timing import Timing

CASE_SECONDS = 120  # more is no kernel that anyone wants
RUNNER = "dyadic.compiler.targets.cuda.tuning_runner"


@dataclass(frozen=True)
class Ended:
    """How a child ended, and its last words."""

    code: int
    said: str

    def __str__(self) -> str:
        words = f": {self.said}" if self.said else ""
        return f"the process that timed its tiles ended before they were measured (exit {self.code}{words})"


def measure(
    path: Path, level: str, batch: int, counts: Sequence[int], seconds: int = CASE_SECONDS
) -> Iterator[list[Timing] | str]:
    """Timings of the steps of an artifact, so many of each case, one case after the other; a sentence where there are
    none. Each child measures at least one, or ends with it."""
    done = 0
    while done < len(counts):
        job = {"path": str(path), "level": level, "batch": batch, "counts": list(counts), "done": done}
        end = Ended(0, "")
        for line in _child(job | {"seconds": seconds}):
            if isinstance(line, Ended):
                end = line
            else:
                yield line if isinstance(line, str) else [Timing(*timing) for timing in line]
                done += 1
        ours = end.code > 0 and end.code != LOST_DEVICE  # an exception is no kernel's fault, a signal is
        for _ in counts[done:] if ours else counts[done : done + 1]:
            yield str(end)
            done += 1


def _child(job: dict[str, Any]) -> Iterator[list[tuple[float, float, int]] | str | Ended]:
    """What the child says of each case, and at last how it ended."""
    command = [sys.executable, "-P", "-m", RUNNER]
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
