"""Processes beside this one, behind the interface of `concurrent.futures`.

They are commands, not copies of this process: a user's script is not imported again, threads and locks of libraries are
not inherited. One that ends takes nothing with it: its task goes to a new one, a few times.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from dyadic.compiler.workers.child import read_message, write_message
from dyadic.compiler.workers.process import Process
from dyadic.compiler.workers.workers import TRIES
from dyadic.runtime.errors import ResourceError

P = ParamSpec("P")
T = TypeVar("T")

COMMAND = (sys.executable, "-P", "-m", "dyadic.compiler.workers.child")


class Ended(Exception):
    """A process ended with a task at hand; says how."""


class Child(Process):
    """One of them."""

    def __init__(self) -> None:
        super().__init__(COMMAND)

    def ask(self, message: bytes) -> Any:
        """What the function of a message gives; raises what it raises, or Ended."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):
            write_message(self.process.stdin, message)  # pyright: ignore[reportArgumentType]
        reply = read_message(self.process.stdout)  # pyright: ignore[reportArgumentType]
        if reply is None:
            raise Ended(self.end())
        well, result = pickle.loads(reply)
        if not well:
            raise result
        return result

    def end(self) -> str:
        """Kill it if it still runs; how it ended."""
        code, words = self.kill()
        said = words.strip().splitlines()
        if code < 0:
            name = signal.Signals(-code).name
            return f"by {name}" + (", as the system does where memory runs out" if name == "SIGKILL" else "")
        return f"with exit code {code}" + (f": {said[-1]}" if said else "")


class Children(Executor):
    """So many processes, each started when there is a task for it."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count)  # each waits for one process
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()
        self._alive: set[Child] = set()
        self._closed = False
        for _ in range(count):
            self._idle.put(None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As of every executor. Raises what `fn` raises, or ResourceError where it ended every process that ran it."""
        return self._threads.submit(self._asked, pickle.dumps((fn, args, kwargs), 5))

    def _asked(self, message: bytes) -> Any:
        child, how = self._idle.get(), ""
        try:
            for _ in range(TRIES):
                if child is None:
                    child = self._started()
                try:
                    return child.ask(message)
                except Ended as ended:
                    self._alive.discard(child)
                    child, how = None, str(ended)
        finally:
            self._idle.put(child)
        raise ResourceError(
            f"a task of the search ended each of the {TRIES} processes that computed it ({how}); "
            "--workers 1 computes it in this process, which needs less memory"
        )

    def _started(self) -> Child:
        if self._closed:
            raise KeyboardInterrupt
        child = Child()
        self._alive.add(child)
        if self._closed:  # meanwhile
            child.end()
        return child

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; whatever they were at is lost."""
        self._closed = True
        for child in tuple(self._alive):
            with suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
        self._threads.shutdown(wait=wait, cancel_futures=True)
        for child in self._alive:
            child.end()
        self._alive.clear()
