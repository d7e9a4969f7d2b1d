"""Put faults into a copy of the tree and see whether the tests notice. `python -m benchmarks.mutation --seed 1`

A sample of mutants of each area, the same for the same seed and source; each is tried with the tests of its area, those
of its own file first, until one fails. A mutant that survives is a hole in the tests, or changes nothing that matters:
look at it. The tests are those of `pytest` without the long cases; nothing here knows which lines they run.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks.mutation.mutants import Mutant, every

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Area:
    """Folders of code and the tests that look at them, quick ones first."""

    code: tuple[str, ...]
    tests: tuple[str, ...]


AREAS = {
    "kernels": Area(
        ("passes/lower/cpu/kernels",),
        (
            "tests/passes/lower/cpu", "tests/arithmetic", "tests/compiler/networks/test_bit_exact.py",
            "tests/compiler/targets/cpu",
        ),
    ),
    "integerize": Area(
        ("passes/integerize",),
        (
            "tests/passes/integerize", "tests/dialects", "tests/compiler/widths",
            "tests/passes/lower/cpu/test_select_kernels.py", "tests/compiler/networks/test_bit_exact.py",
            "tests/compiler/refine",
        ),
    ),
    "select": Area(
        ("compiler/select", "compiler/solvers", "compiler/widths"),
        (
            "tests/compiler/solvers", "tests/compiler/widths", "tests/compiler/select",
            "tests/compiler/cli/test_options.py", "tests/compiler/cli/test_choosing.py",
        ),
    ),
}  # fmt: skip
KILLED, SURVIVED, TIMED_OUT = "killed", "SURVIVED", "killed (timed out)"


@dataclass
class Copy:
    """A copy of the tree whose files may be broken; its tests import it and nothing else of ours."""

    folder: Path
    cache: Path
    running: set[int] = field(default_factory=set)

    @staticmethod
    def of(root: Path, folder: Path, cache: Path) -> "Copy":
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, check=True, capture_output=True, text=True,
        ).stdout.split("\0")  # fmt: skip
        native = [str(path.relative_to(root)) for path in (root / "runtime/native").glob("libdyadic*.so")]
        for name in (*filter(None, listed), *native):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (root / name).is_symlink() or (root / name).exists():
                shutil.copy2(root / name, target, follow_symlinks=False)
        return Copy(folder, cache)

    def test(self, tests: list[str], seconds: float | None) -> tuple[str, str]:
        """(how it ended, the first test that failed)"""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DYADIC_")}
        environment |= {"PYTHONPATH": str(self.folder), "DYADIC_TEST_CACHE": str(self.cache)}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *tests]
        run = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        timer = threading.Timer(seconds or 1e6, lambda: os.killpg(run.pid, signal.SIGKILL))
        timer.start()
        started = time.monotonic()
        said = run.communicate()[0]
        timer.cancel()
        failed = [line.removeprefix("FAILED ").removeprefix("ERROR ") for line in said.splitlines()
                  if line.startswith(("FAILED ", "ERROR "))]  # fmt: skip
        if run.returncode == -signal.SIGKILL and time.monotonic() - started >= (seconds or 1e6):
            return TIMED_OUT, ""
        if run.returncode == 0:
            return SURVIVED, ""
        return KILLED, failed[0].partition(" - ")[0] if failed else said.strip().rpartition("\n")[2]

    def try_(self, mutant: Mutant, tests: list[str], seconds: float | None) -> tuple[str, str]:
        file = self.folder / mutant.file
        text = file.read_text(encoding="utf-8")
        try:
            self.write(file, mutant.applied(text))
            return self.test(tests, seconds)
        finally:
            self.write(file, text)

    def write(self, file: Path, text: str) -> None:
        """Byte code is taken for that of a file of the same second and size, so it goes, too."""
        file.write_text(text, encoding="utf-8")
        for stale in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            stale.unlink()
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)


def tests_for(root: Path, mutant: Mutant, tests: tuple[str, ...]) -> list[str]:
    """The tests of the file's own name first; pytest runs each test once."""
    own = sorted((root / "tests").rglob(f"test_{Path(mutant.file).stem}.py"))
    return [*(str(path.relative_to(root)) for path in own), *(one for one in tests if (root / one).exists())]


def sample(root: Path, count: int, seed: int, areas: list[str]) -> list[tuple[str, Mutant]]:
    """`count` of each area; which, depends on nothing but the seed and the source."""
    chosen = []
    for name in areas:
        found = list(every(root, AREAS[name].code))
        chosen += [(name, one) for one in random.Random(f"{seed} {name}").sample(found, min(count, len(found)))]
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=12, metavar="N", help="mutants of each area (%(default)s)")
    parser.add_argument("--area", choices=AREAS, action="append", help="only these")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at a time (one a core)")
    parser.add_argument("--timeout", type=float, default=900, metavar="S", help="seconds for a mutant (%(default)s)")
    parser.add_argument("--unchecked", action="store_true", help="do not see first that the tests pass without faults")
    parser.add_argument("--list", action="store_true", help="name the mutants and try none")
    parser.add_argument("--output", type=Path, metavar="FILE", help="results as JSON, a line a mutant")
    given = parser.parse_args()
    chosen = sample(ROOT, given.sample, given.seed, given.area or list(AREAS))
    print(f"seed {given.seed}: {len(chosen)} mutants", flush=True)
    if given.list:
        print(*(f"{area}: {mutant}" for area, mutant in chosen), sep="\n")
        return 0
    if not given.unchecked and (broken := untouched(ROOT, given)):
        print(f"these tests fail without any fault: {', '.join(broken)}")
        return 1
    results = run(ROOT, [(area, one, tests_for(ROOT, one, AREAS[area].tests)) for area, one in chosen], given)
    for area in dict.fromkeys(one["area"] for one in results):
        of_area = [one for one in results if one["area"] == area]
        print(f"{area}: {sum(one['end'] != SURVIVED for one in of_area)} of {len(of_area)} killed")
    print(f"{sum(one['end'] != SURVIVED for one in results)} of {len(results)} killed, seed {given.seed}")
    return 0


def untouched(root: Path, given: argparse.Namespace) -> list[str]:
    """What fails of the areas' tests without any fault: then no result would mean anything."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Copy.of(root, Path(folder) / "copy", Path(folder) / "cache")
        ends = {name: copy.test(list(AREAS[name].tests), None) for name in given.area or AREAS}
    return [f"{by} ({name})" for name, (end, by) in ends.items() if end != SURVIVED]


def run(root: Path, work: list[tuple[str, Mutant, list[str]]], given: argparse.Namespace) -> list[dict[str, Any]]:
    """Each mutant in one of `--jobs` copies."""
    free: SimpleQueue[Copy] = SimpleQueue()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ThreadPoolExecutor(given.jobs) as pool:
        for number in range(given.jobs):
            free.put(Copy.of(root, Path(folder) / f"copy{number}", Path(folder) / "cache"))

        def one(item: tuple[str, Mutant, list[str]]) -> dict[str, Any]:
            area, mutant, tests = item
            copy, started = free.get(), time.monotonic()
            try:
                end, by = copy.try_(mutant, tests, given.timeout)
            finally:
                free.put(copy)
            result = {**mutant.to_json(), "area": area, "end": end, "by": by, "seconds": time.monotonic() - started}
            print(f"{end}: {mutant} {'(' + by + ')' if by else ''}", flush=True)
            if given.output:
                with given.output.open("a") as file:
                    file.write(json.dumps(result) + "\n")
            return result

        return list(pool.map(one, work))


if __name__ == "__main__":
    sys.exit(main())
