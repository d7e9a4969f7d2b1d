"""A process that times candidates: it is handed a job, and says what came out case by case.

Code that nobody has run yet may crash, or never end: what it takes with it is that process.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How it ended, and its last words."""

    code: int
    said: str

    def __str__(self) -> str:
        words = f": {self.said}" if self.said else ""
        return f"the process that ran its candidates ended before they were measured (exit {self.code}{words})"


def timed_by(module: str, job: Mapping[str, Any]) -> Iterator[list[tuple[float, float, int]] | str | Ended]:
    """What `python -m module` says of each case of a job, and at last how it ended."""
    command = [sys.executable, "-P", "-m", module]
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
