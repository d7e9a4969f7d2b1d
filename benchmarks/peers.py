"""Ours beside its peers: `python -m benchmarks.peers --networks resnet18,mobilenet_v2 --threads 1,2`.

Builds the same networks for every engine, runs them in alternation in one pinned process for each network, batch and
number of threads, and prints medians, spreads, ratios to ours, and shares of the peak measured just before and after.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.build import FLOAT, ensure, model_path
from benchmarks.engines import FILES, OURS, Missing, engine, release
from benchmarks.measure import Spec, in_child
from benchmarks.networks import NETWORKS
from benchmarks.tables import means, quality_table, summary, table
from dyadic.runtime.cpu import levels


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    def names(known: Sequence[str]) -> Callable[[str], list[str]]:
        def read(text: str) -> list[str]:
            chosen = [word for word in text.split(",") if word]
            if wrong := [word for word in chosen if word not in known]:
                raise argparse.ArgumentTypeError(f"'{wrong[0]}' is none of {', '.join(known)}")
            return chosen

        return read

    def counts(text: str) -> list[int]:
        return [int(word) for word in text.split(",")]

    peers = [name for name in FILES if name != OURS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--networks", type=names(list(NETWORKS)), default=list(NETWORKS), metavar="A,B")
    parser.add_argument("--peers", type=names(peers), default=peers, metavar="A,B", help=", ".join(peers))
    parser.add_argument("--batch", type=counts, default=[1], metavar="1,8")
    parser.add_argument("--threads", type=counts, default=[1], metavar="1,2")
    best = levels.usable()[0]
    parser.add_argument("--isa", type=names(levels.usable()), default=[best], metavar="LEVELS", help=f"default: {best}")
    parser.add_argument("--iterations", type=int, default=30, metavar="N", help="rounds at least (default: 30)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="measure at least so long (default: 5)")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="keep models here (default: a temporary folder)")
    parser.add_argument("--no-build", action="store_true", help="take all models from --workdir as they are")
    parser.add_argument("--litert-python", type=Path, default=Path(sys.executable), metavar="PYTHON")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a bar for every engine and network (.png, .svg)")
    return parser.parse_args(words)


def build_all(given: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """network -> engine -> what is known of its model: size, or why there is none."""
    known: dict[str, dict[str, Any]] = {}
    for network in given.networks:
        known[network] = {}
        for name in (FLOAT, OURS, *given.peers):
            said: dict[str, Any] = {}
            if not given.no_build:
                say(f"building {network} for {name}")
                python = given.litert_python if name == "litert" else Path(sys.executable)
                said = ensure(name, network, folder, python, given.isa)
            if name != FLOAT and "failed" not in said:
                said["bytes"] = model_bytes(name, network, folder)
                if not said["bytes"]:
                    said["failed"] = "there is no model in the folder"
            if "failed" in said:
                say(f"{network}: {name}: {said['failed']}")
            known[network][name] = said
    return known


def model_bytes(name: str, network: str, folder: Path) -> int:
    try:
        path = model_path(name, network, folder)
    except Missing:
        return 0
    return sum(part.stat().st_size for part in folder.glob(f"{path.stem}.*") if ".float." not in part.name)


def main(words: Sequence[str] | None = None) -> None:
    given, console = arguments(words), Console(width=150)
    if given.workdir:
        given.workdir.mkdir(parents=True, exist_ok=True)
        report = run(given, given.workdir.resolve(), console)
    else:
        with tempfile.TemporaryDirectory() as folder:
            report = run(given, Path(folder), console)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))
    if given.plot:
        from benchmarks.plot import plot

        plot(report, given.plot)


def run(given: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    """Build, measure, print; what comes back is what the JSON file holds."""
    from benchmarks.machine import description
    from dyadic.compiler.targets.cpu.peak import CACHE_BYTES, DRAM_BYTES, bandwidth_gbytes

    def say(text: str) -> None:
        console.print(text, style="dim", markup=False, highlight=False)

    console.print(f"machine: {description()}", markup=False, highlight=False)
    built = build_all(given, folder, say)
    first = given.isa[0]
    gbytes = {"memory": bandwidth_gbytes(first, DRAM_BYTES), "24 MiB": bandwidth_gbytes(first, CACHE_BYTES)}
    console.print(
        f"reading: {gbytes['memory']:.1f} GB/s from memory, {gbytes['24 MiB']:.1f} GB/s of 24 MiB again and again"
    )
    engines = (OURS, *given.peers)
    report: dict[str, Any] = {"machine": description(), "gbytes_per_second": gbytes, "built": built, "cells": []}
    report["versions"] = {name: installed(name) for name in engines}
    quality: dict[str, dict[str, Any]] = {}
    for level in given.isa:
        for threads in given.threads:
            for batch in given.batch:
                cells: dict[str, dict[str, Any]] = {}
                for network in given.networks:
                    there = tuple(name for name in engines if "failed" not in built[network][name])
                    spec = Spec(network, str(folder), there, level, batch, threads, given.iterations, given.seconds)
                    measured = in_child(replace(spec, accuracy=network not in quality))
                    if "failed" in measured and "rounds" not in measured:
                        say(f"{network}: {measured['failed']}")
                        cells[network] = {"engines": {}, "failed": measured["failed"]}
                        continue
                    cells[network] = summary(measured)
                    for name, why in measured["failed"].items():
                        say(f"{network}: {name}: {why}")
                    quality.setdefault(network, cells[network])
                title = f"{level}, {threads} thread{'s' * (threads > 1)}, batch {batch}"
                console.print(table(title, cells, engines))
                mean = means(list(cells.values()), given.peers)
                console.print("geometric means: " + ", ".join(f"{name} {value:.2f}x" for name, value in mean.items()))
                cell = {"isa": level, "threads": threads, "batch": batch, "networks": cells, "means": mean}
                report["cells"].append(cell)
    report["memory"] = memory(given, folder, built)
    console.print(quality_table(quality, built, report["memory"]))
    return report


def installed(name: str) -> str:
    try:
        return release(engine(name).PACKAGES)
    except Missing as reason:
        return str(reason)


def memory(given: argparse.Namespace, folder: Path, built: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The peak of a process that runs one engine on one image with one thread."""
    found: dict[str, dict[str, Any]] = {}
    for network in given.networks:
        there = [name for name in (OURS, *given.peers) if "failed" not in built[network][name]]
        specs = {n: Spec(network, str(folder), (n,), given.isa[0], 1, 1, 1, 0.0, alone=True) for n in there}
        found[network] = {name: in_child(spec) for name, spec in specs.items()}
    return found


if __name__ == "__main__":
    main()
