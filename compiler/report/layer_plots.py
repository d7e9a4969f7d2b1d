"""Plots of the layers: what each loses, what the worst of them make of float's numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.pair import A, B, Pair, joined
from dyadic.compiler.report.plots import Found, Plot, figure, short
from dyadic.compiler.report.schemes import NAMES, bits_of, scheme_of
from dyadic.compiler.report.svg import WIDTHS, drawn
from dyadic.compiler.report_schema import Histogram, Layer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSSLESS_DB = 120.0  # beyond that nothing was rounded: it would flatten everything else
NAMED = 3  # of the worst layers


def along(facts: Facts) -> Found:
    """Signal to noise of every layer in the network's order, alone and with all before it."""
    rows = [row for row in facts.layers if row.sqnr_db is not None or row.sqnr_so_far_db is not None]
    alone = levels([row.sqnr_db for row in rows])
    so_far = levels([row.sqnr_so_far_db for row in rows])
    if len(rows) < 2 or not alone:
        return None

    def draw() -> Figure:
        made, axes = figure(2.9)
        axes.plot([*so_far], [*so_far.values()], "-", lw=1.4, color="0.35", label="with all before it")
        widths = {i: bits_of(scheme_of(rows[i])) for i in alone}
        for bits in sorted(set(widths.values())):
            here = [i for i, width in widths.items() if width == bits]
            name, fill = NAMES.get(bits, f"{bits} bits"), WIDTHS.get(bits, "white")
            style = {"marker": "o", "ms": 4.5, "mfc": fill, "mec": "black", "mew": 0.6, "zorder": 4}
            axes.plot(here, [alone[i] for i in here], ls="", label=f"alone, {name}", **style)
        for place, i in enumerate(sorted(worst(alone, len(rows)))):
            # below everything, on two lines: neighbours may have long names
            third = min(2, 3 * i // len(rows))
            axes.annotate(
                short(rows[i].name, 24),
                (i, alone[i]),
                xytext=(i, 0.03 + 0.09 * (place % 2)),
                textcoords=("data", "axes fraction"),
                ha=("left", "center", "right")[third],
                fontsize=8,
                arrowprops={"arrowstyle": "-", "color": "0.5", "lw": 0.7, "shrinkB": 3, "relpos": (third / 2, 1)},
                zorder=3,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            )
        axes.set_xlabel("layer, in the network's order")
        axes.set_ylabel("SQNR, dB")
        low, high = axes.get_ylim()
        axes.set_ylim(low - 0.2 * (high - low), high)
        axes.grid(axis="y", color="0.9")
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2)
        return made

    least = min(alone, key=lambda i: alone[i])
    told = f"{len(rows)} layers; {rows[least].name} loses most alone, {alone[least]:.1f} dB"
    told += f"; {[*so_far.values()][-1]:.1f} dB are left at the end" if so_far else ""
    return "Signal to noise along the network", f"{told}.", draw


def levels(decibels: list[float | None]) -> dict[int, float]:
    """By place, those that say something.

    >>> levels([None, 40.2, 200.0, 38.1])
    {1: 40.2, 3: 38.1}
    """
    return {i: db for i, db in enumerate(decibels) if db is not None and abs(db) < LOSSLESS_DB}


def worst(alone: dict[int, float], layers: int) -> list[int]:
    """The places with the least signal to noise; of neighbours, whose names would collide, the worst."""
    taken: list[int] = []
    for i in sorted(alone, key=lambda i: alone[i]):
        if all(abs(i - other) > layers / 3 for other in taken):
            taken.append(i)
    return taken[:NAMED]


def histogram(one: Histogram, row: Layer | None) -> Found:
    """Float's results as an outline over the integers' bars, on a scale that shows rare values too."""
    bins = len(one.float_counts)
    totals = sum(one.float_counts), sum(one.integer_counts)
    if not bins or bins != len(one.integer_counts) or not all(totals):
        return None
    step = (one.high - one.low) / bins
    edges = [one.low + i * step for i in range(bins + 1)]
    floats, integers = ([count / sum(of) for count in of] for of in (one.float_counts, one.integer_counts))

    def draw() -> Figure:
        made, axes = figure(2.4)
        axes.bar(
            edges[:-1], integers, width=step, align="edge", color="0.78", edgecolor="0.78", lw=0.3, label="integers"
        )
        axes.stairs(floats, edges, color="black", lw=1.2, label="float", baseline=None)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.yaxis.set_minor_formatter("")
        axes.set_xlabel("value of the result")
        axes.set_ylabel("share of values")
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
        return made

    alone = f", {row.sqnr_db:.1f} dB alone" if row is not None and row.sqnr_db is not None else ""
    moved = sum(abs(a - b) for a, b in zip(floats, integers, strict=True)) / 2
    told = f"Shares of {bins} bins from {one.low:.4g} to {one.high:.4g}; {100 * moved:.1f} % of the values change bins."
    return f"{short(one.layer)}{alone}: float and integers", told, draw


def layer_plots(facts: Facts) -> list[Plot]:
    """SQNR along the network, then the layers that lose most."""
    rows = {row.name: row for row in facts.layers}
    found: list[tuple[str, Callable[[], Found]]] = [("along", lambda: along(facts))]
    found += [
        (f"histogram-{i}", lambda one=one: histogram(one, rows.get(one.layer)))
        for i, one in enumerate(facts.report.histograms)
    ]
    made = []
    for name, make in found:
        if (plot := make()) is not None:
            caption, alt, draw = plot
            made.append(Plot(drawn(f"plot-{name}", caption, alt, draw), caption))
    return made


def along_both(two: Pair) -> list[Plot]:
    """Signal to noise with all layers before it, of two artifacts, layer by layer of the first."""
    rows = joined(two)
    lines = [levels([row.of(side, "sqnr_so_far_db") for row in rows]) for side in ("a", "b")]
    if min(map(len, lines)) < 2:
        return []

    def draw() -> Figure:
        made, axes = figure(2.9)
        for name, line, style in zip(two.names, lines, ("-", "--"), strict=True):
            axes.plot([*line], [*line.values()], style, lw=1.4, color="black", label=short(name))
        axes.set_xlabel(f"layer, in the order of {A}")
        axes.set_ylabel("SQNR so far, dB")
        axes.grid(axis="y", color="0.9")
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2)
        return made

    ends = [[*line.values()][-1] for line in lines]
    told = f"At the end {ends[0]:.1f} dB are left of {A} and {ends[1]:.1f} dB of {B}."
    caption = "Signal to noise along both"
    return [Plot(drawn("plot-both", caption, told, draw), caption)]
