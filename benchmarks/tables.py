"""What was measured, as figures and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from benchmarks.engines import FILES, OURS
from benchmarks.figures import Rounds, Turn, geometric_mean, ratios, share_of_peak, times, undisturbed


def summary(measured: dict[str, Any]) -> dict[str, Any]:
    """The figures of one alternating run."""
    rounds: Rounds = {name: [Turn(ms, bad) for ms, bad in turns] for name, turns in measured["rounds"].items()}
    peak = max(measured["peak_gmacs"])
    to_ours = ratios(rounds, OURS) if OURS in rounds else {}
    rows = {}
    for name, time in times(rounds).items():
        rows[name] = {
            "ms": [time.low, time.median, time.high],
            "spread": time.spread,
            "share_of_peak": share_of_peak(measured["macs"], time.median, peak),
        }
        if ratio := to_ours.get(name):
            rows[name]["ratio"] = [ratio.low, ratio.median, ratio.high]
    return {
        "peak_gmacs": peak,
        "others": measured["others"],
        "rounds": len(undisturbed(rounds)),
        "engines": rows,
        "failed": measured["failed"],
        "accuracy": measured.get("accuracy", {}),
    }


def best_peer(cell: dict[str, Any]) -> float | None:
    """How many times as long as ours the fastest peer takes."""
    found = [row["ratio"][1] for row in cell.get("engines", {}).values() if "ratio" in row]
    return min(found) if found else None


def means(cells: Sequence[dict[str, Any]], peers: Sequence[str]) -> dict[str, float]:
    """Geometric means over networks, of the best peer and of each."""
    best = [ratio for cell in cells if (ratio := best_peer(cell)) is not None]
    found = {"best peer": geometric_mean(best)} if best else {}
    for name in peers:
        every = [cell["engines"][name]["ratio"][1] for cell in cells if "ratio" in cell["engines"].get(name, {})]
        if every:
            found[name] = geometric_mean(every)
    return found


def table(title: str, cells: dict[str, dict[str, Any]], engines: Sequence[str]) -> Table:
    """One line a network: time and share of the peak of each engine, and the ratio to ours."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("network")
    for name in engines:
        shown.add_column(f"{name}\nms ± %, peak" + ("" if name == OURS else ", ratio"), justify="right")
    shown.add_column("best peer", justify="right")
    shown.add_column("others", justify="right")
    for network, cell in cells.items():
        line = [network]
        for name in engines:
            row = cell.get("engines", {}).get(name)
            if row is None:
                line.append("-")
                continue
            ratio = f"  [bold]{row['ratio'][1]:.2f}x[/]" if "ratio" in row else ""
            line.append(f"{row['ms'][1]:.2f} ±{row['spread']:.0%} {row['share_of_peak']:.0%}{ratio}")
        best = best_peer(cell)
        others = f"{cell['others']:.0%}" if "others" in cell else "-"
        shown.add_row(*line, f"{best:.2f}x" if best else "-", others)
    return shown


def quality_table(
    cells: dict[str, dict[str, Any]], built: dict[str, dict[str, Any]], memory: dict[str, dict[str, Any]]
) -> Table:
    """One line a network: agreement with float, signal to noise, size and memory of each engine."""
    engines = [name for name in FILES if any(name in said for said in built.values())]
    shown = Table(title="same class as float / logit SQNR dB / model MiB / process MiB", title_justify="left")
    shown.add_column("network")
    for name in engines:
        shown.add_column(name, justify="right")
    for network, cell in cells.items():
        line = [network]
        for name in engines:
            right = cell.get("accuracy", {}).get(name)
            size = built[network].get(name, {}).get("bytes", 0) / 2**20
            peak = memory.get(network, {}).get(name, {}).get("peak_mib", 0)
            line.append(
                f"{right['agreement']:.0%} / {right['sqnr_db']:.1f} / {size:.1f} / {peak:.0f}" if right else "-"
            )
        shown.add_row(*line)
    return shown
