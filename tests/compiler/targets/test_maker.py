"""The process that makes code: however a fork of it ends, or it ends itself, the next batch is made all the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from dyadic.compiler.targets import code_generation, maker
from dyadic.compiler.targets.cpu import codegen as cpu
from dyadic.compiler.targets.cuda import codegen as cuda
from dyadic.passes.lower.cuda.kernels.families.ring import RingSpec

FAKE = """
import os, sys, time, types
from dyadic.compiler.targets import code_generation, maker
from dyadic.compiler.targets.cpu import codegen as cpu
from dyadic.compiler.targets.cuda import codegen as cuda
from dyadic.passes.lower.cuda.kernels.families.ring import RingSpec
def make(jobs):
    print("said", flush=True)
    eval(jobs[0]["do"])
sys.modules["fake"] = fake = types.ModuleType("fake")
sys.modules["other"] = other = types.ModuleType("other")
fake.make, other.make, maker.IMPORTED, maker.IDLE_SECONDS = make, lambda _: print("another", flush=True), (), 1.0
if sys.argv[1:] != ["gone"]:
    maker.main(*sys.argv[1:])
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
    maker.start("fake")
    assert maker._maker is not None
    first, start = maker._maker.process.pid, time.monotonic()
    well, raised, aborted, late, left = maker.forked("fake", parts, 5, 0.5)
    assert time.monotonic() - start < 20
    assert well == (0, "said\n") and aborted == (-signal.SIGABRT, "said\n") and late == (None, "said\n")
    assert raised[0] == left[0] == 1 and "ZeroDivisionError" in raised[1] and "SystemExit: 3" in left[1]
    assert maker.forked("fake", [jobs("None")] * 3, 2, 5.0) == [(0, "said\n")] * 3
    assert maker.forked("other", [jobs("None")] * 2, 2, 5.0) == [(0, "another\n")] * 2
    assert maker._maker.process.pid == first
    os.killpg(first, signal.SIGKILL)
    assert maker.forked("fake", [jobs("None")], 1, 5.0) == [(0, "said\n")]
    second = maker._maker.process
    assert second.pid != first
    assert second.wait(20) == 0  # nobody asks any more


def test_one_process_serves_all_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    maker.end()
    monkeypatch.setattr(code_generation, "forked", maker.forked)  # tests have forks of their own else
    spec = RingSpec(4, 4, 16, 1, 1, 1, 1, 16, 96)
    made = cuda.compile_kernels({"a_kernel": spec, "another": spec}, "sm_80", jobs=2)
    assert maker._maker is not None
    first = maker._maker.process.pid
    assert made.count(".visible .entry") == 2
    assert cpu.compile_kernels({}, ["x86-64"])["x86-64"].code
    assert maker._maker.process.pid == first
    maker.end()


def test_what_cannot_start_is_told(fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "COMMAND", (sys.executable, "-c", "raise SystemExit('no such thing')"))
    with pytest.raises(OSError, match="ends at once: no such thing"):
        maker.forked("fake", [jobs("None")], 1, 5.0)


def test_nothing_is_left_where_we_are_gone(fake: None) -> None:
    """Not even the forks that are at work."""
    user = "maker.COMMAND = (sys.executable, '-c', {!r}); maker.forked('fake', [[{{'do': 'time.sleep(60)'}}]], 1, 60.0)"
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
