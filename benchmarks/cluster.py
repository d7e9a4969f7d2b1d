"""What two workers are worth, and whether an agent gives the figures of this machine.

A search over random plans of one network: in one process, as anybody would start it, and in one that is held to one
processor; on a Dask cluster with a real scheduler and two workers of one core each; then again with a worker that is
killed in the middle, and the same plans have to come out. And times of an artifact, in place and from a measuring agent
over loopback. `python -m benchmarks.cluster MODEL.onnx --calibration DATA.npz --evaluate DATA.npz`; nothing else should
run on the machine. Beside the seconds of the plans stand those of the whole compile, and those of processors, which
tell more where something does.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dyadic
from dyadic.compiler.measure import evidence
from dyadic.compiler.targets import maker
from dyadic.runtime.agent_frames import make_key

PORT, AGENT_PORT = 18786, 17878
STARTS = 15.0  # seconds until scheduler and workers are there


@dataclass(frozen=True)
class Took:
    """Seconds: of the plans, of the compile, and of processors for the plans, by process that was started."""

    plans: float
    whole: float
    processors: tuple[float, ...]

    def __str__(self) -> str:
        each = " and ".join(f"{one:.1f}" for one in self.processors)
        return f"{self.plans:.1f} s (of processors {each} s; the whole compile {self.whole:.1f} s)"


def idle() -> None:
    """Nothing happens amid the plans."""


def search(given: Any, processes: Sequence[int], amid: Callable[[], object] = idle, **options: Any) -> tuple[Took, Any]:
    """How long the plans took, and what they came to; `processes` are those that compute them, `amid` is called when
    they begin."""
    took, chance = list[tuple[float, tuple[float, ...]]](), evidence.against_chance

    def watched(*asked: Any) -> Any:
        start, before = time.monotonic(), processor_seconds(processes)
        amid()
        plans = chance(*asked)
        after = processor_seconds(processes)
        took.append((time.monotonic() - start, tuple(b - a for a, b in zip(before, after, strict=True))))
        return plans

    evidence.against_chance, begin = watched, time.monotonic()
    try:
        artifact = dyadic.compile(
            given.model,
            given.calibration,
            evaluate=given.evaluate,
            max_size=given.max_size,
            compare_plans=given.plans,
            progress="rich",
            **options,
        )
    finally:
        evidence.against_chance = chance
    selection = artifact.report.selection
    assert selection is not None
    plans = [(one.loss, one.accuracy, one.agreement) for one in selection.random_plans]
    seconds, processors = took[0]
    whole = Took(seconds, time.monotonic() - begin, processors)
    return whole, (plans, bytes(artifact.emitted.sections["cpu/weights"]))


def processor_seconds(processes: Sequence[int]) -> list[float]:
    """Of each process with all that it has started, as far as that still runs or has been waited for."""
    there = running()

    def of(process: int) -> float:
        mine = there[process][1] if process in there else 0.0
        return mine + sum(of(one) for one, (parent, _) in there.items() if parent == process)

    return [of(process) for process in processes]


def running() -> dict[int, tuple[int, float]]:
    """Every process: its parent, and the seconds of processors that it and those it has waited for have had."""
    there = dict[int, tuple[int, float]]()
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
            there[int(name)] = int(fields[1]), sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return there


def kill_children(process: int, seconds: float) -> None:
    """In so many seconds, those of a `dask worker`, which watches one that computes."""

    def kill() -> None:
        for one, (parent, _) in running().items():
            if parent == process:
                os.kill(one, signal.SIGKILL)

    threading.Timer(seconds, kill).start()


def compared(seen: object, wanted: object) -> str:
    """In words."""
    return "the same plans and weights" if seen == wanted else "OTHER PLANS OR WEIGHTS"


def timed(given: Any, **options: Any) -> float:
    """Milliseconds of int8's run."""
    comparison = dyadic.compile(given.model, given.calibration, **options).report.comparison
    assert comparison is not None
    return comparison.int8_ms


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", metavar="MODEL.onnx")
    parser.add_argument("--calibration", required=True, metavar="DATA.npz")
    parser.add_argument("--evaluate", required=True, metavar="DATA.npz", help="with `labels`")
    parser.add_argument("--plans", type=int, default=64, metavar="N")
    parser.add_argument("--max-size", default="0.7x")
    given = parser.parse_args(words)
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    address, started = f"tcp://127.0.0.1:{PORT}", list[subprocess.Popen[bytes]]()

    def start(*command: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"DYADIC_CACHE": tempfile.mkdtemp(prefix="dyadic-")}  # nobody knows anything yet
        started.append(subprocess.Popen((sys.executable, "-m", *command), env=environment))
        return started[-1]

    def anew(processes: Sequence[int], amid: Callable[[], object] = idle, **options: Any) -> tuple[Took, Any]:
        maker.end()  # it may be held to one processor
        os.environ["DYADIC_CACHE"] = tempfile.mkdtemp(prefix="dyadic-")
        return search(given, processes, amid, **options)

    try:
        one, wanted = anew([os.getpid()], workers=1)
        print(f"{given.plans} plans, one process: {one}", flush=True)
        every = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(every)})
        held, seen = anew([os.getpid()], workers=1)
        os.sched_setaffinity(0, every)
        print(f"held to one processor: {held}, {compared(seen, wanted)}", flush=True)
        start("distributed.cli.dask_scheduler", "--port", str(PORT), "--no-dashboard")
        worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard")
        first = [start(*worker), start(*worker)]
        pair = [one.pid for one in first]
        time.sleep(STARTS)
        two, seen = anew(pair, cluster=address)
        print(f"two workers: {two}, {compared(seen, wanted)}")
        print(f"that is {one.plans / two.plans:.2f} times as fast, {held.plans / two.plans:.2f} times one processor")
        for one in first:
            one.terminate()
        pair = [start(*worker).pid, start(*worker).pid]  # which know nothing of these plans
        time.sleep(STARTS)
        killed, seen = anew(pair, lambda: kill_children(pair[1], two.plans / 2), cluster=address)
        print(f"a worker killed after {two.plans / 2:.0f} s: {killed}, {compared(seen, wanted)}")
        key = Path(tempfile.mkdtemp(prefix="dyadic-")) / "key"
        make_key(key)
        start("dyadic.runtime.agent", "--listen", f"127.0.0.1:{AGENT_PORT}", "--key-file", str(key))
        time.sleep(2)
        agent = {"measure_on": f"127.0.0.1:{AGENT_PORT}", "measure_key": key}
        times = [timed(given, **options) for options in (dict[str, Any](), agent, dict[str, Any](), agent)]
        here, there = min(times[::2]), min(times[1::2])
        print(f"in place {here:.4f} ms, from the agent {there:.4f} ms: {100 * (there / here - 1):+.1f} %")
    finally:
        for process in started:
            process.kill()


if __name__ == "__main__":
    main()
