"""Is the predicted time of a mixed network true? `python -m benchmarks.prediction --networks resnet18 --threads 1,2`.

Each network is compiled within limits on size and on time, as `dyadic compile` does it; what the search predicted from
uniform networks is compared with the time of the artifact. Weights are rounded to nearest: times do not depend on
their values, and learning better ones takes minutes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.build import FLOAT, data, ensure, source_path
from benchmarks.networks import NETWORKS
from dyadic.compiler.driver import build_artifact
from dyadic.compiler.job import Job
from dyadic.compiler.measure import evidence
from dyadic.compiler.progress import Progress
from dyadic.compiler.refine import TECHNIQUES
from dyadic.compiler.tools import Tools
from dyadic.passes.prepare.equalize_layers import equalize_layers
from dyadic.runtime.cpu import levels

LIMITS = {"size 0.6x": {"max_size": "0.6x"}, "time 1.5x": {"max_latency": "1.5x"}}


def predict(network: str, folder: Path, level: str, threads: int) -> dict[str, dict[str, Any]]:
    """By name of a limit: milliseconds predicted and measured, the error as a share, and how many have which width."""
    found = {}
    for name, limits in LIMITS.items():
        without = (equalize_layers.name, *TECHNIQUES)
        model, calibration = str(source_path(network, folder)), data(network, folder, "calibration")
        job = Job(model, calibration, isa=(level,), threads=threads, sensitivity="sqnr", without=without, **limits)  # pyright: ignore
        compiled = build_artifact(job, Tools.of(job))
        assert compiled.selection.searched is not None
        decisions = compiled.selection.decisions
        said = evidence.latency(compiled.selection.searched, compiled.built, Progress())
        schemes = [*decisions.weights.values(), *(f"a{bits}" for bits in decisions.activations.values())]
        widths = {scheme: schemes.count(scheme) for scheme in sorted(set(schemes))}
        found[name] = {key: getattr(said, key) for key in ("predicted_ms", "measured_ms", "error")} | {"widths": widths}
    return found


def line(row: Mapping[str, Any]) -> str:
    """One measurement for people."""
    widths = ", ".join(f"{count} {scheme}" for scheme, count in row["widths"].items())
    return (
        f"{row['network']:16} {row['threads']} threads, {row['limit']}: {row['predicted_ms']:.3f} ms predicted, "
        f"{row['measured_ms']:.3f} measured, {row['error']:+.1%}; {widths}"
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.prediction", description=(__doc__ or "").split("\n\n")[1]
    )
    parser.add_argument("--networks", default=",".join(NETWORKS), metavar="A,B")
    parser.add_argument("--threads", default="1", metavar="1,2")
    parser.add_argument("--isa", choices=levels.usable(), default=levels.usable()[0], metavar="LEVEL")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args(words)
    console = Console(width=150)
    rows = []
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for network in given.networks.split(","):
            if "failed" in (said := ensure(FLOAT, network, folder)):
                raise SystemExit(f"{network} cannot be built: {said['failed']}")
            for threads in map(int, given.threads.split(",")):
                for limit, row in predict(network, folder, given.isa, threads).items():
                    rows.append({"network": network, "threads": threads, "limit": limit, **row})
                    console.print(line(rows[-1]))  # now: all of them take long
            source_path(network, folder).unlink()
    worst = max(rows, key=lambda row: abs(row["error"]))
    console.print(f"largest error: {worst['error']:+.1%} ({worst['network']}, {worst['limit']})")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
