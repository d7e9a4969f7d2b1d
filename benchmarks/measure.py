"""One alternating run, in a process of its own: `python -m benchmarks.measure SPEC` with the spec as JSON.

All engines are open in the one pinned process. In each round each of them, in an order that changes, runs once untimed,
so that caches and threads are its own again, and once timed. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.build import data, model_path
from benchmarks.engines import TREE, Run, engine
from benchmarks.figures import Rounds, Turn, agreement, sqnr_db

WARMUP = 3
MARK = "measured: "


@dataclass(frozen=True)
class Spec:
    """What one process measures. `alone`: how much memory the one engine takes, in place of time."""

    network: str
    folder: str
    engines: tuple[str, ...]
    level: str
    batch: int
    threads: int
    iterations: int
    seconds: float  # rounds go on until both are had, but not beyond three times this
    accuracy: bool = False
    alone: bool = False


def in_child(spec: Spec) -> dict[str, Any]:
    """Measure in a child process; `failed` says why there is no result."""
    command = [sys.executable, "-m", "benchmarks.measure", json.dumps(asdict(spec))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TREE)
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            return json.loads(line[len(MARK) :])
    last = [line for line in done.stderr.splitlines() if line.strip()]
    return {"failed": last[-1].strip() if last else f"exit code {done.returncode}"}


def alternate(runs: dict[str, Callable[[], object]], iterations: int, seconds: float, seed: int = 0) -> Rounds:
    """Rounds in which each engine has its turn."""
    order, shuffled = list(runs), random.Random(seed)
    rounds: Rounds = {name: [] for name in runs}
    for run in list(runs.values()) * WARMUP:
        run()
    start, count = time.perf_counter(), 0
    while count < iterations or time.perf_counter() - start < seconds:
        shuffled.shuffle(order)
        for name in order:
            runs[name]()
            rounds[name].append(timed(runs[name]))
        count += 1
        if seconds and count >= 3 and time.perf_counter() - start > 3 * seconds:
            break
    return rounds


def timed(run: Callable[[], object]) -> Turn:
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    start = time.perf_counter()
    run()
    took = time.perf_counter() - start
    return Turn(1e3 * took, resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw != switches)


def filled(images: np.ndarray, batch: int) -> np.ndarray:
    """The first `batch` images, repeated where there are fewer."""
    return np.resize(images, (batch, *images.shape[1:]))


def answers(run: Run, images: np.ndarray, batch: int) -> np.ndarray:
    parts = [np.array(run(filled(images[i : i + batch], batch))) for i in range(0, len(images), batch)]
    return np.concatenate(parts)[: len(images)]


def memory(spec: Spec, images: np.ndarray) -> dict[str, float]:
    """MiB of the whole process at its peak: interpreter, libraries, model, and a few runs."""
    (name,), folder = spec.engines, Path(spec.folder)
    run = engine(name).open(model_path(name, spec.network, folder), spec.batch, spec.threads, spec.level)
    for _ in range(WARMUP):
        run(images)
    # not ru_maxrss: it remembers the process that this one was forked from
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"peak_mib": int(status["VmHWM"].split()[0]) / 1024}


def measure(spec: Spec) -> dict[str, Any]:
    folder = Path(spec.folder)
    processors = machine.pin(spec.threads)
    if spec.level != "amx":
        machine.without_amx()
    evaluation = data(spec.network, folder, "evaluation")
    images = filled(evaluation, spec.batch)
    if spec.alone:
        return memory(spec, images)
    from dyadic.compiler.targets.cpu.peak import peak_gmacs  # not where memory is measured: the code generator is large

    opened: dict[str, Run] = {}
    failed: dict[str, str] = {}
    for name in spec.engines:
        try:
            opened[name] = engine(name).open(
                model_path(name, spec.network, folder), spec.batch, spec.threads, spec.level
            )
            opened[name](images)
        except (RuntimeError, ValueError) as error:
            failed[name] = str(error).splitlines()[0]
            opened.pop(name, None)
    before = peak_gmacs(spec.level, processors)
    usage = machine.Usage(processors)
    rounds = alternate({n: lambda r=r: r(images) for n, r in opened.items()}, spec.iterations, spec.seconds)
    others = usage.others()
    after = peak_gmacs(spec.level, processors)
    result: dict[str, Any] = {
        "spec": asdict(spec),
        "failed": failed,
        "macs": int(data(spec.network, folder, "macs")) * spec.batch,
        "peak_gmacs": [before, after],
        "others": others,
        "rounds": {name: [(turn.ms, turn.disturbed) for turn in turns] for name, turns in rounds.items()},
    }
    if spec.accuracy:
        wanted = data(spec.network, folder, "reference")
        said = {name: answers(run, evaluation, spec.batch) for name, run in opened.items()}
        result["accuracy"] = {
            name: {"agreement": agreement(wanted, s), "sqnr_db": sqnr_db(wanted, s)} for name, s in said.items()
        }
    return result


def main() -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    given = json.loads(sys.argv[1])
    spec = Spec(**given | {"engines": tuple(given["engines"])})
    print(MARK + json.dumps(measure(spec)), flush=True)
    os._exit(0)  # some engines end badly when the interpreter takes them down in its own order


if __name__ == "__main__":
    main()
