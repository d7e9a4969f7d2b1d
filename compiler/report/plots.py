"""The report's plots: black and grey, told apart by markers, line styles and hatches, so that any printer will do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from dyadic.compiler import formats
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.quality import quality_of
from dyadic.compiler.report.schemes import bits_of, scheme_of
from dyadic.compiler.report.svg import WIDTHS, drawn
from dyadic.compiler.report_schema import PlanPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.0  # inches: half a page, and a phone's screen
MARKERS = "osv^DPX<>p*h"
HATCHES = ("", "////", "xxxx", "----", "\\\\\\\\", "++++", "||||")  # of lines: dots and rings make large files
UNKNOWN = "not known"
FEW = 6  # entries of a legend above a plot
MOST_NAMES = 60  # layers whose names fit beside an axis
Pairs = list[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """One figure with its caption."""

    svg: str
    caption: str
    wide: bool = False


def plots_of(facts: Facts) -> dict[str, list[Plot]]:
    """Section -> plots, those whose data are there."""
    made: dict[str, list[Plot]] = {}
    for section, (name, plot) in ((s, one) for s, several in PLOTS.items() for one in several.items()):
        if (found := plot(facts)) is not None:
            caption, alt, draw = found
            made.setdefault(section, []).append(Plot(drawn(f"plot-{name}", caption, alt, draw), caption))
    return made


Found = tuple[str, str, Callable[[], "Figure"]] | None  # caption, alt text, what draws it


def figure(height: float) -> tuple[Figure, Axes]:
    """Not from pyplot, which would keep figures and settings of its own."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(WIDTH, height))
    return made, made.add_axes((0.12, 0.02, 0.86, 0.96))


def pairs(points: Sequence[PlanPoint], x: str, y: str) -> Pairs:
    both = [(getattr(one, x), getattr(one, y)) for one in points]
    return [(a, b) for a, b in both if a is not None and b is not None]


# --- the layers


def shares(facts: Facts) -> Found:
    """Where bytes, operations and time go, by what the weights are stored as."""
    rows = facts.report.layers
    schemes = sorted({row.weights for row in rows if row.weights})
    kinds = {"bytes": "weight bytes", "macs": "MACs", "time_us": "time"}
    parts = {}
    for key, title in kinds.items():
        total = sum(getattr(row, key) or 0 for row in rows)
        if total > 0:
            sums = [sum(getattr(row, key) or 0 for row in rows if row.weights == scheme) for scheme in schemes]
            parts[title] = [part / total for part in (*sums, total - sum(sums))]
    if not schemes or not parts:
        return None
    names = [*schemes, "no weights"]
    again = {name: sum(bits_of(one) == bits_of(name) for one in names[:i]) for i, name in enumerate(names)}

    def draw() -> Figure:
        made, axes = figure(0.9 + 0.4 * len(parts) + 0.2 * (len(names) // 4))
        for i, name in enumerate(names):
            left = [sum(part[:i]) for part in parts.values()]
            widths = [part[i] for part in parts.values()]
            if any(width > 0 for width in widths):
                shade = WIDTHS.get(bits_of(name), "white") if i < len(schemes) else "0.8"
                axes.barh(
                    list(parts),
                    widths,
                    left=left,
                    color=shade,
                    edgecolor="black",
                    hatch=HATCHES[again[name] % len(HATCHES)],
                    label=name,
                    height=0.7,
                )
        axes.set_xlim(0, 1)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.0f} %")
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=4, frameon=False)
        return made

    told = [
        f"{title}: " + ", ".join(f"{name} {formats.percent(share, 1)}" for name, share in zip(names, part, strict=True))
        for title, part in parts.items()
    ]
    return "Where bytes, operations and time go", f"Stacked bars. {'; '.join(told)}.", draw


def decisions(facts: Facts) -> Found:
    """How sensitive each layer is, and the width that it got."""
    rows = [row for row in facts.report.layers if row.sensitivity is not None]
    if len(rows) < 2:
        return None
    values = [astuple(row.sensitivity) for row in rows if row.sensitivity is not None]
    schemes = sorted({(scheme_of(row) or UNKNOWN) for row in rows})
    few = len(rows) <= MOST_NAMES

    def draw() -> Figure:
        made, axes = figure(0.9 + max(0.16 * len(rows) if few else 6.0, 0.2 * len(schemes)))
        for i, scheme in enumerate(schemes):
            here = [j for j, row in enumerate(rows) if (scheme_of(row) or UNKNOWN) == scheme]
            x = [values[j][0] for j in here]
            spread = [
                [max(0, values[j][0] - values[j][1]) for j in here],
                [max(0, values[j][2] - values[j][0]) for j in here],
            ]
            style = {"mfc": WIDTHS.get(bits_of(scheme), "white"), "mec": "black", "ecolor": "0.4", "ms": 6}
            axes.errorbar(x, here, xerr=spread, fmt=MARKERS[i % len(MARKERS)], label=scheme, **style)
        axes.set_yticks(range(len(rows)) if few else range(0, len(rows), 10))
        if few:
            axes.set_yticklabels([short(row.name) for row in rows])
        else:
            axes.set_ylabel("layer, counted from 0")
        axes.set_ylim(len(rows) - 0.5, -0.5)
        scaled(axes, [low for _, low, _ in values], [], axis="x")
        if axes.get_xscale() == "linear":
            axes.locator_params(axis="x", nbins=5)  # names beside it make the plot narrow, and its numbers are long
        axes.set_xlabel("sensitivity")
        axes.grid(axis="y", color="0.88")
        above: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.4, 1), "ncols": 3}
        beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        axes.legend(frameon=False, **(above if len(schemes) <= FEW else beside))
        return made

    most = max(range(len(rows)), key=lambda i: values[i][0])
    told = f"One mark a layer, {len(rows)} of them, with intervals; most sensitive: {rows[most].name}."
    return "Sensitivity of every layer, and the width that it got", told, draw


def short(name: str, most: int = 36) -> str:
    """A long name without its middle."""
    return name if len(name) <= most else f"{name[: most // 3]}…{name[-(most - most // 3 - 1) :]}"


# --- the front


def quality_against_size(facts: Facts) -> Found:
    """Accuracy, or the metric, of all that was measured, against the bytes of their weights."""
    return measured_against(facts, "bytes")


def quality_against_time(facts: Facts) -> Found:
    """The same against their time."""
    return measured_against(facts, "latency_ms")


def measured_against(facts: Facts, x: str) -> Found:
    """Float, int8 and what ships by name; the front's points and random plans where they were measured."""
    chosen, quality = facts.report.selection, quality_of(facts)
    if chosen is None:
        return None
    named: dict[str, Pairs] = {}
    for one in chosen.variants:
        cost = (one.weight_bytes or one.bytes) if x == "bytes" else one.latency_ms
        if cost is not None and (value := quality.of(one)) is not None:
            named[one.name] = [(cost, value)]
    for name, plans in (("front", chosen.front), ("random plan", chosen.random_plans)):
        seen = [(getattr(one, x), quality.of(one)) for one in plans]
        if known := [(cost, value) for cost, value in seen if cost is not None and value is not None]:
            named[name] = known
    if sum(map(len, named.values())) < 3:
        return None
    unit, factor = unit_of(x, max(cost for marks in named.values() for cost, _ in marks))

    def draw() -> Figure:
        made, axes = figure(2.9)
        for name, marks in named.items():
            costs, values = columns_of(marks)
            axes.plot(
                [cost / factor for cost in costs], values, ls="", label=name, **STYLES.get(name, STYLES["chosen"])
            )
        if not quality.own:
            axes.yaxis.set_major_formatter(lambda value, _: f"{round(100 * value, 3):g} %")
        finished_axes(axes, unit, quality.word)
        return made

    told = "; ".join(f"{n} {quality.show(m[0][1])}" for n, m in named.items() if len(m) == 1)
    return f"{quality.title} against {AXES[x][0]}, measured", f"{told}." if told else "One mark a plan.", draw


STYLES: dict[str, dict[str, Any]] = {
    "float": {"marker": "s", "mfc": "white", "mec": "black", "ms": 7},
    "int8": {"marker": "D", "mfc": WIDTHS[8], "mec": "black", "ms": 7},
    "chosen": {"marker": "*", "mfc": WIDTHS[4], "mec": "black", "ms": 14},
    "front": {"marker": "o", "mfc": "black", "mec": "black", "ms": 4},
    "random plan": {"marker": "x", "color": "0.45", "ms": 5},
}


def finished_axes(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.xaxis.set_major_locator(ticks())
    axes.margins(0.1)
    axes.grid(color="0.9")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.45, 1), ncols=4)


def loss_against_size(facts: Facts) -> Found:
    """What was predicted of the front's points."""
    return predicted_against(facts, "bytes")


def loss_against_time(facts: Facts) -> Found:
    """The same against their predicted time."""
    return predicted_against(facts, "latency_ms")


def predicted_against(facts: Facts, x: str) -> Found:
    chosen = facts.report.selection
    points = chosen.front if chosen is not None else ()
    front, rivals = sorted(pairs(points, x, "loss")), pairs(() if chosen is None else chosen.random_plans, x, "loss")
    if len({cost for cost, _ in front}) < 2:
        return None
    unit, factor = unit_of(x, max(cost for cost, _ in front + rivals))
    kept = pairs([point for point in points if point.chosen], x, "loss")

    def draw() -> Figure:
        made, axes = figure(2.9)
        # sizes make a line, times need not
        joined: dict[str, Any] = {"ls": "-", "lw": 1, "color": "black"} if x == "bytes" else {"ls": ""}
        for name, marks in (("random plan", rivals), ("front", front), ("chosen", kept)):
            if marks:
                costs, values = columns_of(marks)
                line: dict[str, Any] = (joined if name == "front" else {"ls": ""}) | STYLES[name]
                axes.plot([cost / factor for cost in costs], values, label=name, **line)
        finished_axes(axes, unit, "predicted loss")
        return made

    told = f"{len(front)} plans that no other beats and {len(rivals)} random ones; the table has them all."
    return f"Predicted loss against {AXES[x][0]}: the Pareto front", told, draw


AXES = {"bytes": ("weight size", "B"), "latency_ms": ("time", "ms")}


def unit_of(axis: str, most: float) -> tuple[str, float]:
    """What an axis is called, and what its values are divided by for that."""
    title, unit = AXES[axis]
    for prefix, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)) if axis != "latency_ms" else ():
        if most >= factor:
            return f"{title}, {prefix}{unit}", factor
    return f"{title}, {unit}".rstrip(", "), 1.0


def columns_of(points: Pairs) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


# --- predicted against measured


def latency(facts: Facts) -> Found:
    """One mark a layer; on the line where the prediction holds."""
    said = facts.report.latency
    rows = [row for row in said.layers if row.predicted_us and row.measured_us] if said is not None else []
    points = [(row.predicted_us, row.measured_us) for row in rows]
    if len(points) < 2:
        return None
    within = sum(abs(p / m - 1) <= 0.1 for p, m in points)

    def draw() -> Figure:
        made, axes = figure(3.6)
        x, y = columns_of(points)
        ends = [0.8 * min(*x, *y), 1.25 * max(*x, *y)]
        axes.plot(ends, ends, "-", color="black", lw=1, label="predicted = measured")
        for factor, label in ((1.1, "10 % more or less"), (1 / 1.1, "_")):
            axes.plot(ends, [factor * end for end in ends], "--", color="0.5", lw=1, label=label)
        axes.plot(x, y, "o", mfc="white", mec="black", ms=5, label="layer")
        # the three layers that cost most among the wrong ones are worth a name
        wrong = sorted(rows, key=lambda row: abs(row.predicted_us - row.measured_us), reverse=True)[:3]
        for row in wrong:
            if abs(row.predicted_us / row.measured_us - 1) > 0.1:
                at = row.predicted_us, row.measured_us
                above = at[1] > at[0]  # names go away from the line
                place: dict[str, Any] = {"xytext": (-7, 4), "ha": "right"} if above else {"xytext": (7, -9)}
                axes.annotate(short(row.name), at, textcoords="offset points", fontsize=8, **place)
        scaled(axes, x, y)
        axes.set_xlabel("predicted, µs")
        axes.set_ylabel("measured, µs")
        axes.grid(color="0.9")
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.45, 1), ncols=3)
        return made

    told = f"{len(points)} layers, {within} of them within 10 % of the line on which the prediction holds."
    return "Predicted and measured time of every layer", told, draw


def scaled(axes: Axes, x: Sequence[float], y: Sequence[float], axis: str = "xy") -> None:
    """Logarithmic where the numbers span more than a decade."""
    from matplotlib.ticker import LogLocator

    for letter, numbers in (("x", x), ("y", y)):
        if letter in axis and min(numbers) > 0 and max(numbers) > 10 * min(numbers):
            getattr(axes, f"set_{letter}scale")("log")
            one = getattr(axes, f"{letter}axis")
            one.set_major_locator(LogLocator(subs=(1, 2, 5) if max(numbers) < 300 * min(numbers) else (1,)))
            one.set_major_formatter(lambda value, _: f"{value:g}")  # its own labels are formulas
            one.set_minor_formatter("")


# --- how well the sensitivity ranks


def sensitivity(facts: Facts) -> Found:
    """Predicted and measured rank of every trial, one mark a scheme."""
    rows = facts.report.sensitivity.points if facts.report.sensitivity is not None else ()
    if len(rows) < 3:
        return None
    predicted, measured = ranks([row.predicted for row in rows]), ranks([row.measured for row in rows])
    schemes = sorted({row.scheme for row in rows})

    def draw() -> Figure:
        made, axes = figure(3.6)
        axes.plot([1, len(rows)], [1, len(rows)], "-", color="0.5", lw=1, label="same rank")
        for i, scheme in enumerate(schemes):
            here = [j for j, row in enumerate(rows) if row.scheme == scheme]
            fill = "black" if i % 2 == 0 else "white"
            x, y = [predicted[j] for j in here], [measured[j] for j in here]
            axes.plot(x, y, MARKERS[i % len(MARKERS)], mfc=fill, mec="black", ms=6, label=scheme)
        axes.set_xlabel("rank of the predicted loss")
        axes.set_ylabel("rank of the measured loss")
        axes.xaxis.set_major_locator(ticks())
        axes.yaxis.set_major_locator(ticks())
        axes.grid(color="0.9")
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.45, 1), ncols=3)
        return made

    told = f"{len(rows)} trials of one layer each; on the line, prediction and measurement rank a trial alike."
    return "Predicted and measured rank", told, draw


def ranks(values: Sequence[float]) -> list[float]:
    """From 1, equal values sharing the mean of theirs.

    >>> ranks([10, 30, 20, 20])
    [1.0, 4.0, 2.5, 2.5]
    """
    return [sum(v < value for v in values) + (sum(v == value for v in values) + 1) / 2 for value in values]


def correlations(facts: Facts) -> Found:
    """Rank correlations with their intervals, the method that was used filled."""
    said = facts.report.sensitivity
    if said is None or not said.correlations:
        return None
    records = said.correlations

    def draw() -> Figure:
        made, axes = figure(0.8 + 0.26 * len(records))
        for i, (method, record) in enumerate(records.items()):
            fill = "black" if method == said.used else "white"
            axes.plot([record.low, record.high], [i, i], "-", color="black", lw=1)
            axes.plot([record.rho], [i], "o", mfc=fill, mec="black", ms=7)
        axes.axvline(0, color="0.5", lw=1, ls=":")
        axes.set_yticks(range(len(records)), [f"{m} (used)" if m == said.used else m for m in records])
        axes.set_ylim(len(records) - 0.5, -0.5)
        axes.set_xlim(right=1.02)
        axes.set_xlabel("rank correlation with what was measured (1: the same order)")
        axes.grid(axis="x", color="0.9")
        return made

    told = "; ".join(f"{method} {record.rho:+.2f}" for method, record in records.items())
    return "How well each method ranks the layers", f"Rank correlations with intervals: {told}.", draw


PLOTS: dict[str, dict[str, Callable[[Facts], Found]]] = {
    "layers": {"shares": shares, "decisions": decisions},
    "front": {
        "quality-size": quality_against_size,
        "quality-time": quality_against_time,
        "loss-size": loss_against_size,
        "loss-time": loss_against_time,
    },
    "latency": {"latency": latency},
    "sensitivity": {"ranks": sensitivity, "correlations": correlations},
}
