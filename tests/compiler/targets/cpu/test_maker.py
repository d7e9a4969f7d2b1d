"""The process that makes code: however a fork of it ends, or it ends itself, the next batch is made all the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from dyadic.compiler.targets.cpu import maker

FAKE = """
import os, sys, time, types
from dyadic.compiler.targets.cpu import maker
def make(jobs):
    print("said", flush=True)
    eval(jobs[0]["do"])
sys.modules["fake"] = fake = types.ModuleType("fake")
fake.make, maker.IMPORTED, maker.IDLE_SECONDS = make, ("fake",), 1.0
if sys.argv[1:] != ["gone"]:
    maker.main()
"""


def jobs(do: str) -> maker.Jobs:
    return [{"do": do}]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process whose forks do what their jobs say, and that ends after a second without any."""
    maker.end()
    monkeypatch.setattr(maker, "COMMAND", (sys.executable, "-c", FAKE))
    yield
    maker.end()


def test_forks_end_as_they_like(fake: None) -> None:
    parts = [jobs("None"), jobs("1 / 0"), jobs("os.abort()"), jobs("time.sleep(60)"), jobs("sys.exit(3)")]
    maker.start()
    assert maker._maker is not None
    first, start = maker._maker.process.pid, time.monotonic()
    well, raised, aborted, late, left = maker.forked(parts, 5, 0.5)
    assert time.monotonic() - start < 20
    assert well == (0, "said\n") and aborted == (-signal.SIGABRT, "said\n") and late == (None, "said\n")
    assert raised[0] == left[0] == 1 and "ZeroDivisionError" in raised[1] and "SystemExit: 3" in left[1]
    assert maker.forked([jobs("None")] * 3, 2, 5.0) == [(0, "said\n")] * 3
    assert maker._maker.process.pid == first
    os.killpg(first, signal.SIGKILL)
    assert maker.forked([jobs("None")], 1, 5.0) == [(0, "said\n")]
    second = maker._maker.process
    assert second.pid != first
    assert second.wait(20) == 0  # nobody asks any more


def test_what_cannot_start_is_told(fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "COMMAND", (sys.executable, "-c", "raise SystemExit('no such thing')"))
    with pytest.raises(OSError, match="ends at once: no such thing"):
        maker.forked([jobs("None")], 1, 5.0)


def test_nothing_is_left_where_we_are_gone(fake: None) -> None:
    """Not even the forks that are at work."""
    user = "maker.COMMAND = (sys.executable, '-c', {!r}); maker.forked([[{{'do': 'time.sleep(60)'}}]], 1, 60.0)"
    code = FAKE + user.format(FAKE)
    process = subprocess.Popen([sys.executable, "-c", code, "gone"])
    group = child_of(process.pid)
    while len(in_group(group)) < 2:
        time.sleep(0.02)
    process.kill()
    process.wait()
    end = time.monotonic() + 20
    while in_group(group):
        assert time.monotonic() < end
        time.sleep(0.02)


def child_of(pid: int) -> int:
    """The first that there is."""
    while True:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            if found := file.read().split():
                return int(found[0])
        time.sleep(0.02)


def in_group(group: int) -> list[int]:
    """The processes of a group that are not ended."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, _, of = file.read().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == group and state != "Z":
            found.append(int(name))
    return found
