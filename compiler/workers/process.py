"""A process that we start, ask through its standard input, and end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Process:
    """It leads a group of its own: an interrupt of ours is not one of it, and its children end with it."""

    def __init__(self, command: Sequence[str]) -> None:
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=os.environ | ONE_THREAD,
            start_new_session=True,
        )

    def kill(self) -> tuple[int, str]:
        """End it, if it has not ended, and what it has started; its exit code and what it said of itself."""
        if self.process.returncode is None:  # nobody has waited for it: the number of its group is still its own
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.close()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace")
        self.errors.close()
        return code, said

    def close(self) -> None:
        """Our ends of its streams."""
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close() if pipe else None
