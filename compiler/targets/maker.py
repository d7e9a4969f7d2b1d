"""A process that has imported everything that makes kernels, and forks itself for each batch of them.

Importing takes as long as ten kernels, so it happens once. LLVM can abort a process, or never end: what it happens to
is a fork, and the next one knows nothing of those before it, not even the options of LLVM that are a whole process's.
One such process serves the code generators of all targets: each is a module whose `make` is what forks do, imported
where it is first asked for.

`python -m dyadic.compiler.targets.maker MODULE` reads a line of JSON from standard input for each batch and writes one
to standard output; it ends by itself where nobody asks any more. `forked` is at the other end of both.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO, NoReturn

from dyadic.compiler.workers.process import Process

COMMAND = (sys.executable, "-P", "-m", "dyadic.compiler.targets.maker")
IMPORTED = ("torch_mlir.ir", "torch_mlir.passmanager", "torch_mlir.dialects.llvm", "llvmlite.binding")
IDLE_SECONDS = 60.0  # until the process gives its memory back
STARTS = 2  # of the process, until it is taken to be what cannot run

Jobs = list[dict[str, Any]]
End = tuple[int | None, str]  # the exit code of a fork, None where it had no more time; and what it wrote

_turn = threading.Lock()
_maker: Maker | None = None


# --- here


def forked(module: str, parts: Sequence[Jobs], abreast: int, seconds: float) -> list[End]:
    """How each part ended that the `make` of a module was given; so many are made at the same time, and each has so
    many seconds.

    Raises OSError where there is no such process, and it cannot be started.
    """
    global _maker
    with _turn:
        said = ""
        for _ in range(STARTS):
            _maker = _maker or Maker(module)
            try:
                return _maker.ask({"module": module, "parts": parts, "abreast": abreast, "seconds": seconds})
            except EOFError:  # it had gone, or somebody ended it
                _, said = _maker.kill()
                _maker = None
            except BaseException:
                _maker.kill()
                _maker = None
                raise
        raise OSError(f"the process that makes code ends at once: {said[-4000:]}")


def start(module: str) -> None:
    """The process, ahead of the first batch: its imports take a second."""
    global _maker
    with _turn, suppress(OSError):  # it is told where it is needed
        _maker = _maker or Maker(module)


class Maker(Process):
    """That process. module: what it imports before anybody asks."""

    def __init__(self, module: str) -> None:
        super().__init__((*COMMAND, module))

    def ask(self, request: dict[str, Any]) -> list[End]:
        """Raises EOFError where it has ended."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        reply = self.process.stdout.readline()
        if not reply.endswith(b"\n"):
            raise EOFError
        return [(code, said) for code, said in json.loads(reply)]


@atexit.register
def end() -> None:
    """The process, where there is one; the next batch starts another."""
    global _maker
    if _maker is not None:
        _maker.kill()
        _maker = None


def forget() -> None:
    """In a fork of this process: it is not ours."""
    global _maker, _turn
    _turn = threading.Lock()
    if _maker is not None:
        _maker.process.returncode = 0  # nobody's child to wait for
        _maker.close()
        _maker = None


os.register_at_fork(after_in_child=forget)


# --- there


def main(module: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # who asks hears of them, too, and has a plan to keep first
        signal.signal(number, signal.SIG_IGN)
    for name in (*IMPORTED, module):
        import_module(name)
    asked, told = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while is_ready(asked, IDLE_SECONDS) and (line := asked.readline()):
        request = json.loads(line)
        make = import_module(request["module"]).make
        ends = Forks(make, request["parts"], request["seconds"], asked).run(request["abreast"])
        told.write(json.dumps(ends).encode() + b"\n")
        told.flush()


def is_ready(file: BinaryIO, seconds: float) -> bool:
    """Whether there is something to read, or nobody who writes any more, before so many seconds are over."""
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        return bool(selector.select(seconds))


class Forks:
    """One batch. asked: nothing comes from there until the batch has ended, or we have nobody to do it for."""

    def __init__(self, make: Callable[[Jobs], object], parts: list[Jobs], seconds: float, asked: BinaryIO) -> None:
        self.make, self.parts, self.seconds = make, parts, seconds
        self.ends: list[End] = [(None, "")] * len(parts)
        self.written = [b""] * len(parts)
        self.running: dict[int, tuple[int, int, float]] = {}  # (part, process, until) by what it writes to
        self.selector = selectors.DefaultSelector()
        self.selector.register(asked, selectors.EVENT_READ)

    def run(self, abreast: int) -> list[End]:
        waiting = list(range(len(self.parts)))
        with self.selector:
            while waiting or self.running:
                while waiting and len(self.running) < abreast:
                    self.start(waiting.pop(0))
                self.look()
        return self.ends

    def start(self, part: int) -> None:
        read, write = os.pipe()
        process = os.fork()
        if process == 0:
            inside(lambda: self.make(self.parts[part]), write)
        os.close(write)
        self.running[read] = part, process, time.monotonic() + self.seconds
        self.selector.register(read, selectors.EVENT_READ)

    def look(self) -> None:
        """Wait until one of them says something, ends, or has no more time."""
        left = min(until for _, _, until in self.running.values()) - time.monotonic()
        for key, _ in self.selector.select(max(0.0, left)):
            if key.fd not in self.running:
                self.kill()
                sys.exit("nobody is there any more")
            part = self.running[key.fd][0]
            content = os.read(key.fd, 1 << 16)
            self.written[part] += content
            if not content:
                self.ended(key.fd)
        for read, (_, process, until) in tuple(self.running.items()):
            if time.monotonic() > until:
                os.kill(process, signal.SIGKILL)
                self.ended(read, late=True)

    def ended(self, read: int, late: bool = False) -> None:
        part, process, _ = self.running.pop(read)
        self.selector.unregister(read)
        os.close(read)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        self.ends[part] = None if late else code, self.written[part].decode(errors="replace")[-4000:]

    def kill(self) -> None:
        for _, process, _ in self.running.values():
            os.kill(process, signal.SIGKILL)


def inside(work: Callable[[], object], write: int) -> NoReturn:
    """A fork: whatever it writes is an answer, and nothing of the process that it was is cleaned up twice."""
    code = 1
    try:
        os.dup2(write, 1)
        os.dup2(write, 2)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
