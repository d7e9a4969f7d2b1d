"""One piece of work in a process of its own, with a limit of time and memory, and how it ended.

The process is a fork of this one, which has imported what the work needs: it costs milliseconds instead of seconds. Its
peak is the largest resident size, what it shares with this one included, as if it had been started by itself.
"""

import faulthandler
import os
import resource
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 10.0
BYTES = 1 << 30
INTERNAL = 1
ROOM = 4 << 30  # of addresses beyond what is there: a process that asks for more is refused, as on a small machine


@dataclass(frozen=True)
class End:
    """How it ended: an exit code, or the signal that killed it; `said` is what it wrote to its streams."""

    code: int | None
    signal: int | None
    seconds: float
    peak_bytes: int
    said: str

    @property
    def in_time(self) -> bool:
        return self.signal is None and self.seconds <= SECONDS

    @property
    def in_memory(self) -> bool:
        return self.peak_bytes <= BYTES


def limited(work: Callable[[], int], seconds: float = SECONDS) -> End:
    """Run `work` in a fork; what it returns is the exit code, an exception that it raises is 1 with its traceback.

    It is killed after twice `seconds`, which count processor time: other work on the machine must not fail it.
    """
    with tempfile.TemporaryFile() as streams:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _inside(work, streams.fileno(), seconds)
        descriptor = os.pidfd_open(child)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if not poll.poll(int(4000 * seconds)):  # it may wait without computing
                os.killpg(child, signal.SIGKILL)
        finally:
            os.close(descriptor)
        _, status, used = os.wait4(child, 0)
        streams.seek(0)
        said = streams.read().decode(errors="replace")
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    return End(code, killed, used.ru_utime + used.ru_stime, used.ru_maxrss << 10, said)


def _inside(work: Callable[[], int], streams: int, seconds: float) -> None:
    code = INTERNAL
    try:
        os.setsid()
        os.dup2(streams, 1)
        os.dup2(streams, 2)
        faulthandler.enable()
        resource.setrlimit(resource.RLIMIT_CPU, (int(2 * seconds), int(2 * seconds)))
        room = _address_bytes() + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        code = work()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _address_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
