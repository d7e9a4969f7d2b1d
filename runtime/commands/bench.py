"""`dyadic bench`: the time of an artifact, and of each of its layers."""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from dyadic.runtime.commands.declared import DEBUG, DEVICE, ISA, JSON, PROGRESS, THREADS, Command, Option
from dyadic.runtime.commands.events import result_of, say
from dyadic.runtime.errors import printable
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import MAX_BATCH, Session, load
from dyadic.runtime.timing import Times, timed


def bench(
    artifact: Path,
    device: str | None,
    threads: int | None,
    isa: str | None,
    batch: int,
    iterations: int,
    warmup: int,
    profile: bool,
    as_json: bool,
    progress: str,
) -> None:
    """Time ARTIFACT on random samples.

    On a GPU, a run includes the arrays' way there and back; --profile shows how much that is.
    """
    with load(artifact, device=device, threads=threads, max_batch=batch, isa=isa) as session:
        session.batch_first = session.fixed
        feeds = random_feeds(session, batch)
        result = measured(session, feeds, iterations, warmup)
        steps = session.profile(feeds, iterations, warmup) if profile else []
    result |= {"artifact": artifact.name, "threads": session.threads, "isa": session.isa, "batch": batch}
    result |= {"device": session.device_name or session.device}
    if profile:
        result["layers"] = [{"layer": s.layer, "op": s.op, "macs": s.macs, "us": s.median_ns / 1e3} for s in steps]
    if progress == "json":
        say(result_of("bench", result))
    if as_json:
        print(json.dumps(result))
        return
    threads_said = "1 thread" if session.threads == 1 else f"{session.threads} threads"
    print(
        f"{result['median_ms']:.3f} ms a run (fastest {result['min_ms']:.3f}, 90 % below {result['p90_ms']:.3f}), "
        f"{result['images_per_second']:.1f} images/s, {result['gmacs']:.1f} GMAC/s; "
        f"{session.isa}, {session.device_name or threads_said}, batch {batch}, {iterations} runs"
    )
    total = sum(step.median_ns for step in steps) or 1.0
    for step in steps:
        speed = f"{step.macs / step.median_ns:7.1f} GMAC/s" if step.macs else " " * 14
        share = 100 * step.median_ns / total
        print(f"{step.median_ns / 1e3:9.1f} us {share:5.1f} % {speed}  {step.op:12} {printable(step.layer)}")


def measured(session: Session, feeds: dict[str, np.ndarray], iterations: int, warmup: int) -> dict[str, Any]:
    """Of `iterations` runs after `warmup` others."""
    batch = len(next(iter(feeds.values())))
    times = Times(tuple(timed(lambda: session.run(None, feeds), iterations, warmup)))
    macs = batch * sum(step.macs for step in session.program.timed_steps)
    return {
        "iterations": iterations,
        "warmup": warmup,
        "median_ms": times.median,
        "mean_ms": statistics.fmean(times.runs),
        "min_ms": min(times.runs),
        "p90_ms": times.quantile(0.9),
        "images_per_second": 1e3 * batch / times.median,
        "gmacs": macs / times.median / 1e6,
    }


BENCH = Command(
    "bench",
    "Time ARTIFACT on random samples.",
    bench,
    ("ARTIFACT",),
    (
        DEVICE,
        THREADS,
        ISA,
        Option("--batch", "images a run", "count", "N", default=1, least=1, most=MAX_BATCH),
        Option("--iterations", "timed runs", "count", "N", default=100, least=1),
        Option("--warmup", "runs before them", "count", "N", default=10, least=0),
        Option("--profile", "median time of every layer, each by itself", "flag"),
        JSON,
        PROGRESS,
        DEBUG,
    ),
)
