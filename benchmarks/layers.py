"""Where the time of a network goes: `python -m benchmarks.layers MODEL.dyq|NETWORK [--threads N] [--isa LEVEL]`.

Time, speed and share of the peak of every layer, with a barrier after each, and totals by kind of op. *Behind* is
the time that a layer takes beyond what its multiply-accumulates need at the peak; most behind comes first.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import dyadic
from benchmarks import machine
from benchmarks.build import FLOAT, ensure, model_path
from benchmarks.engines import OURS
from benchmarks.networks import NETWORKS
from dyadic.compiler.targets.cpu.peak import peak_gmacs
from dyadic.runtime.cpu import levels
from dyadic.runtime.random_feeds import random_feeds
from dyadic.runtime.session import StepTime


@dataclass(frozen=True)
class Line:
    """A layer, or all layers of a kind."""

    name: str
    op: str
    us: float
    macs: int
    count: int = 1

    def gmacs(self) -> float:
        return self.macs / self.us / 1e3 if self.us else 0.0

    def behind_us(self, peak: float) -> float:
        """
        >>> Line("conv", "conv2d", us=10.0, macs=4_000_000).behind_us(peak=500.0)
        2.0
        """
        return self.us - self.macs / peak / 1e3


def lines(steps: Sequence[StepTime]) -> list[Line]:
    return [Line(step.layer, kind(step), step.median_ns / 1e3, step.macs) for step in steps]


def kind(step: StepTime) -> str:
    """The op; a convolution with one channel a group has a kernel of its own, and another speed."""
    return "depthwise" if step.kernel.startswith("depthwise") else step.op.removeprefix("qi.")


def totals(layers: Sequence[Line]) -> list[Line]:
    """One line a kind, the longest first.

    >>> totals([Line("a", "add", 1.0, 0), Line("b", "conv2d", 5.0, 10), Line("c", "add", 2.0, 0)])[1]
    Line(name='', op='add', us=3.0, macs=0, count=2)
    """
    kinds: dict[str, Line] = {}
    for one in layers:
        so_far = kinds.get(one.op, Line("", one.op, 0.0, 0, 0))
        kinds[one.op] = Line("", one.op, so_far.us + one.us, so_far.macs + one.macs, so_far.count + 1)
    return sorted(kinds.values(), key=lambda kind: -kind.us)


def table(title: str, rows: Sequence[Line], whole: float, peak: float) -> Table:
    shown = Table(title=title, title_justify="left")
    for heading in ("us", "time", "behind us", "GMAC/s", "peak"):
        shown.add_column(heading, justify="right")
    shown.add_column("op")
    shown.add_column("layer")
    for row in rows:
        speed = (f"{row.gmacs():.0f}", f"{row.gmacs() / peak:.0%}") if row.macs else ("", "")
        name = row.name or (f"{row.count} layers" if row.count > 1 else "")
        shown.add_row(f"{row.us:.1f}", f"{row.us / whole:.1%}", f"{row.behind_us(peak):.1f}", *speed, row.op, name)
    return shown


def artifact(what: str, folder: Path) -> Path:
    """The file, or one made of the network of that name."""
    if what not in NETWORKS:
        return Path(what)
    for name in (FLOAT, OURS):
        if "failed" in (said := ensure(name, what, folder)):
            raise SystemExit(f"{what} cannot be built: {said['failed']}")
    return model_path(OURS, what, folder)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("model", metavar="MODEL.dyq|NETWORK", help=f"a file, or one of {', '.join(NETWORKS)}")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--batch", type=int, default=1, metavar="N")
    parser.add_argument("--isa", choices=levels.usable(), metavar="LEVEL")
    parser.add_argument("--iterations", type=int, default=50, metavar="N")
    parser.add_argument("--order", action="store_true", help="as the layers run, in place of most behind first")
    parser.add_argument("--top", type=int, metavar="N", help="only the first N lines")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        path = artifact(given.model, Path(folder))
        processors = machine.pin(given.threads)
        session = dyadic.load(path, threads=given.threads, max_batch=given.batch, isa=given.isa)
    usage = machine.Usage(processors)
    before = peak_gmacs(session.isa, processors)
    steps = session.profile(random_feeds(session, given.batch), given.iterations)
    peak = max(before, peak_gmacs(session.isa, processors))
    layers = lines(steps)
    whole, macs = sum(line.us for line in layers), sum(line.macs for line in layers)
    console = Console(width=150)
    rows = layers if given.order else sorted(layers, key=lambda row: -row.behind_us(peak))
    title = f"{given.model}, {session.isa}, {given.threads} threads, batch {given.batch}"
    console.print(table(title, rows[: given.top], whole, peak))
    console.print(table("by kind", totals(layers), whole, peak))
    console.print(
        f"{whole / 1e3:.3f} ms, {macs / whole / 1e3:.0f} GMAC/s, {macs / whole / 1e3 / peak:.0%} of the peak of "
        f"{peak:.0f} GMAC/s; others used {usage.others():.0%} of the processors"
    )


if __name__ == "__main__":
    main()
