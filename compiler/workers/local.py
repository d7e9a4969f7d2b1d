"""Processes beside this one, as many as processors and memory allow, once there is work enough for them."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any

from dyadic.compiler.workers.child import compute
from dyadic.compiler.workers.children import Children
from dyadic.compiler.workers.workers import Result, Shared, Workers, ignore

WORTH_SECONDS = 20.0  # of work that is left: starting takes some seconds for each
MEMORY = Path("/proc/meminfo")
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
SHARE = 0.8  # of the memory that is free


class Local(Workers):
    """`count`: so many from the first task on; None: as many as there is room for, where they are worth starting."""

    def __init__(self, count: int | None = None) -> None:
        super().__init__()
        self.asked, self.children = count, None

    def abreast(self, tasks: int, seconds: float) -> int:
        if self.children is None and self.asked is None and tasks * seconds < WORTH_SECONDS:
            return 1
        return self.most

    @property
    def most(self) -> int:
        """Processes there are or would be."""
        return self.asked or room()

    def run(
        self,
        task: Callable[..., Result],
        shared: Sequence[Shared[Any]],
        arguments: Sequence[object],
        done: Callable[[Result], object] = ignore,
    ) -> list[Result]:
        results, left = list[Result](), list(arguments)
        seconds = 0.0
        while left and (not (seconds or self.children or self.asked) or self.abreast(len(left), seconds) == 1):
            start = time.monotonic()
            results.append(self.here(task, shared, left.pop(0), done))
            seconds = time.monotonic() - start
        return results + self.beside(task, shared, left, done) if left else results

    def beside(
        self,
        task: Callable[..., Result],
        shared: Sequence[Shared[Any]],
        arguments: Sequence[object],
        done: Callable[[Result], object],
    ) -> list[Result]:
        """In the processes; they are started where they are not."""
        if self.children is None:
            self.children = Children(self.most)
        sent = [self.sent(one) for one in shared]
        futures = [self.children.submit(compute, task, sent, argument) for argument in arguments]
        waiting = set(futures)
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in finished:
                    done(one.result())
        except BaseException:
            self.close()
            raise
        return [one.result() for one in futures]

    def close(self) -> None:
        if self.children is not None:
            self.children.shutdown()
            self.children = None
        super().close()


def room() -> int:
    """Processes that find a processor, and as much memory as this one has needed so far."""
    processors = len(os.sched_getaffinity(0))
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    free = free_bytes()
    return max(1, processors if free is None else min(processors, int(SHARE * free / mine)))


def free_bytes() -> int | None:
    """Memory that is free, of the machine and of the group that this process is in; None where nobody says."""
    said = []
    if MEMORY.exists():
        lines = dict(line.split(":", 1) for line in MEMORY.read_text(encoding="utf-8").splitlines() if ":" in line)
        if "MemAvailable" in lines:
            said.append(int(lines["MemAvailable"].split()[0]) << 10)
    for limit in LIMITS:
        used = limit.with_name("memory.current" if limit.name == "memory.max" else "memory.usage_in_bytes")
        if limit.exists() and used.exists() and (text := limit.read_text(encoding="utf-8").strip()).isdecimal():
            said.append(int(text) - int(used.read_text(encoding="utf-8")))
    return min(said, default=None)
