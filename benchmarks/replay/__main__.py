"""`python -m benchmarks.replay`: record what the compiler makes of a zoo, or say what differs from a record.

Before and after a change that is to change nothing:

    python -m benchmarks.replay -o before.json
    python -m benchmarks.replay --against before.json
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.replay import record, zoo
from benchmarks.replay.difference import CODE, differences, notes

RECORDED = Path(__file__).with_name("small.json")  # of the small zoo; a test compares with it


def replay(cases: Mapping[str, zoo.Case]) -> dict[str, Any]:
    """Compile and hash; a network that fails is recorded as such, and the others go on."""
    # Float sums, of calibration above all, depend on how they are split among threads.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    networks: dict[str, Any] = {}
    try:
        for name, case in cases.items():
            start = time.perf_counter()
            try:
                networks[name] = record.of(case)
            except Exception as error:  # whatever a compiler under change may raise: it is the result, and is shown
                networks[name] = {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
                traceback.print_exc()
            print(f"{time.perf_counter() - start:6.1f} s  {name}", file=sys.stderr, flush=True)
    finally:
        torch.set_num_threads(threads)
    versions = {name: version(name) for name in (*CODE, "numpy", "torch")}
    machine = {
        "level": record.best_level(),
        "float vectors": torch.backends.cpu.get_cpu_capability(),
        "processor": processor(),
    }
    learned = [name for name, case in cases.items() if case.learned]
    return {"versions": versions, "machine": machine, "learned": learned, "networks": networks}


def processor() -> str:
    """What it calls itself, with family, model and stepping."""
    lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()]
    said = {name.strip(): value.strip() for name, _, value in lines}
    return " ".join(said.get(name, "?") for name in ("model name", "cpu family", "model", "stepping"))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description="Prove that a change of code changed nothing that is compiled."
    )
    parser.add_argument("--small", action="store_true", help="the small zoo, of less than a minute")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="networks whose name matches, as in 'layers/*'")
    parser.add_argument("--against", metavar="FILE", type=Path, help="say what differs from this record")
    parser.add_argument("-o", metavar="FILE", dest="output", type=Path, help="write the record to this file")
    given = parser.parse_args()
    cases = zoo.small() if given.small else zoo.large()
    cases = {name: case for name, case in cases.items() if fnmatch.fnmatchcase(name, given.only)}
    if not cases:
        parser.error(f"no network of this zoo is called '{given.only}'")
    try:
        before = None if given.against is None else json.loads(given.against.read_text())
    except (OSError, ValueError) as error:
        parser.error(f"cannot read the record '{given.against}': {error}")
    made = replay(cases)
    if given.output is not None:
        given.output.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    failed = [name for name, one in made["networks"].items() if "failed" in one]
    for name in failed:
        print(f"{name}: FAILED: {made['networks'][name]['failed']}")
    if before is None:
        print(f"{len(cases)} networks compiled, {len(failed)} failed")
        return 1 if failed else 0
    if given.small or given.only != "*":  # a part of the record was asked for
        before["networks"] = {name: one for name, one in before["networks"].items() if name in cases}
    for note in notes(before, made):
        print(f"NOTE: {note}")
    found = differences(before, made)
    print("\n".join(found) if found else f"nothing differs in {len(cases)} networks")
    return 1 if found or failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
