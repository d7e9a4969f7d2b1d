"""The run: `python -m benchmarks.gpu run FOLDER --json OUT`. Imports nothing of the compiler.

Ends with exit code 7 and the runtime's sentence where there is no GPU, with 1 where a bit was wrong.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.gpu import bits, graphs, parts, peaks, peers, tiles
from benchmarks.gpu.carried import PLAN, plan
from benchmarks.gpu.device import Bench
from benchmarks.gpu.parts import Part, Result
from dyadic.runtime.atomic_file import replacing

SECONDS = 400
SAVE_SECONDS = 1  # between two writes of the JSON
MACHINE = 7  # exit code of MachineError


def begin_device(folder: Path) -> Callable[[str], Result]:
    return lambda item: Bench().said() | {"nvidia-smi": _smi()}


def _smi() -> str:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "not installed"
    asked = "--query-gpu=name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,temperature.gpu"
    done = subprocess.run(
        [tool, asked, "--format=csv,noheader"], capture_output=True, text=True, timeout=20, check=False
    )
    return (done.stdout or done.stderr).strip()


# name, items, begin, seconds of the part, seconds of an item, failures in a row that are enough
PARTS = (
    Part("device", lambda folder: ["device"], begin_device, 60, 60),
    Part("kernels", bits.tests, bits.begin_kernels, 90, 20),
    Part("networks", bits.networks, bits.begin_networks, 60, 20),
    Part("peaks", peaks.items, peaks.begin, 20, 15),
    Part("graphs", graphs.timed, graphs.begin, 60, 15),
    Part("squares", tiles.squares, tiles.begin_squares, 30, 20),
    Part("tiles", tiles.layers, tiles.begin_layers, 40, 25),
    Part("products", peers.products, peers.begin_products, 30, 20, 3),
    Part("torch", peers.networks("graph"), peers.begin_networks("graph"), 60, 30, 3),
    Part("torch.compile", peers.networks("compiled"), peers.begin_networks("compiled"), 120, 60, 3),
    Part("tensorrt", peers.tensorrt, peers.begin_tensorrt, 100, 60, 3),
)
BY_NAME = {part.name: part for part in PARTS}


def run(folder: Path, out: Path, names: Sequence[str], seconds: float) -> int:
    """Every part; what an exit code should be."""
    until = time.monotonic() + seconds
    without = plan(folder)["left out"] if (folder / PLAN).exists() else {}
    report: Result = {"not prepared": without, "seconds": {}, "parts": {}}
    saved = 0.0

    def save(always: bool = True) -> None:
        nonlocal saved
        if always or time.monotonic() - saved > SAVE_SECONDS:
            saved = time.monotonic()
            with replacing(out) as place, open(place, "w", closefd=False) as file:
                file.write(json.dumps(report, indent=1) + "\n")

    for part in PARTS:
        if part.name not in names and part.name != "device":
            continue
        start = time.monotonic()

        def keep(answers: Result, name: str = part.name) -> None:
            report["parts"][name] = answers
            save(always=False)

        answers = parts.run(part, folder, until, keep)
        report["seconds"][part.name] = round(time.monotonic() - start, 1)
        if part.name == "networks" and (level := bits.trusted(report["parts"].get("kernels", {}), answers)):
            os.environ[bits.LEVEL_VARIABLE] = report["level"] = level
            print(f"the best code gives wrong bits; from here on networks run with that of {level}", flush=True)
        save()
        print(f"{part.name}: {said(answers)} ({report['seconds'][part.name]} s)", flush=True)
        if part.name == "device" and "failed" in answers["device"]:
            print(answers["device"]["failed"], file=sys.stderr)
            return answers["device"].get("exit", 1)
    return int(any(wrong(report["parts"].get(name, {})) for name in ("kernels", "networks", "tiles", "squares")))


def wrong(answers: Result) -> int:
    """How many answers have bits that should be others."""
    return sum(bool(one.get("wrong")) or '"same bits": false' in json.dumps(one) for one in answers.values())


def said(answers: Result) -> str:
    """
    >>> said({"a": {"wrong": 0}, "b": {"wrong": 2}, "c": {"failed": "why"}})
    '3 items, 1 with wrong bits, 1 failed'
    """
    counts = [f"{len(answers)} items"]
    if bad := wrong(answers):
        counts.append(f"{bad} with wrong bits")
    for kind in ("failed", "left out"):
        if count := sum(kind in one for one in answers.values()):
            counts.append(f"{count} {kind}")
    return ", ".join(counts)


def child(name: str, folder: Path, first: int, said: Path) -> None:
    """What `parts.run` starts."""
    parts.work(BY_NAME[name], folder, first, said)
    sys.stdout.flush()
    os._exit(0)  # whatever libraries would do at the end has no one to wait for it
