"""What two workers are worth, and whether an agent gives the figures of this machine.

A search over random plans of one network, in one process and on a Dask cluster with a real scheduler and two workers of
one core each; then again with a worker that is killed in the middle, and the same plans have to come out. And times of
an artifact, in place and from a measuring agent over loopback. `python -m benchmarks.cluster MODEL.onnx --calibration
DATA.npz --evaluate DATA.npz`; nothing else should run on the machine.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dyadic
from dyadic.compiler.measure import evidence
from dyadic.runtime.agent_frames import make_key

PORT, AGENT_PORT = 18786, 17878
STARTS = 15.0  # seconds until scheduler and workers are there


def search(given: Any, **options: Any) -> tuple[float, Any]:
    """Seconds that the plans took, and what they came to."""
    seconds, chance = list[float](), evidence.against_chance

    def watched(*asked: Any) -> Any:
        start = time.monotonic()
        plans = chance(*asked)
        seconds.append(time.monotonic() - start)
        return plans

    evidence.against_chance = watched
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
    return seconds[0], (plans, bytes(artifact.emitted.sections["cpu/weights"]))


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

    def alone(**options: Any) -> tuple[float, Any]:
        os.environ["DYADIC_CACHE"] = tempfile.mkdtemp(prefix="dyadic-")
        return search(given, **options)

    try:
        one, wanted = alone(workers=1)
        start("distributed.cli.dask_scheduler", "--port", str(PORT), "--no-dashboard")
        worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard")
        start(*worker)
        victim = start(*worker)
        time.sleep(STARTS)
        two, seen = alone(cluster=address)
        print(f"{given.plans} plans: one process {one:.1f} s, two workers {two:.1f} s, {one / two:.2f} times as fast")
        print("the same plans and weights" if seen == wanted else "OTHER PLANS OR WEIGHTS")
        threading.Timer(two / 2, lambda: victim.send_signal(signal.SIGKILL)).start()
        killed, seen = alone(cluster=address)
        print(f"a worker killed: {killed:.1f} s, {'the same' if seen == wanted else 'OTHER'} plans and weights")
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
