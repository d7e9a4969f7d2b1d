"""The report in reading order, as sentences and tables. A section whose data the artifact lacks is left out.

`SECTIONS` is the one list; plots.py draws for sections by their key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from dyadic.compiler.quality import formats
from dyadic.compiler.quality.formats import counted, microseconds, milliseconds, number, percent, text
from dyadic.compiler.report import history
from dyadic.compiler.report.headline import shipped_of, variants_table, verdict, what_was_compiled
from dyadic.compiler.report.history import sentence
from dyadic.compiler.report.quality import ACCURACY, quality_of
from dyadic.compiler.report.tables import Column, Row, Table, table


@dataclass(frozen=True)
class Section:
    title: str
    sentences: list[str] = field(default_factory=list)
    tables: list[Table | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sections_of(facts: Row) -> dict[str, Section]:
    """Key -> section, those that have something to say."""
    made = {key: make(facts) for key, make in SECTIONS.items()}
    return {key: one for key, one in made.items() if any(one.sentences) or any(one.tables) or one.notes}


def headline(facts: Row) -> Section:
    c = facts.get("comparison") or {}
    how = []
    if c.get("samples"):
        where = "held-out samples" if c.get("held_out") else "samples that the compiler also learned ranges from"
        how.append(f"Measured on {formats.count(c['samples'])} {where}")
        if c.get("threads"):
            how[0] += f", {counted(c['threads'], 'thread')}"
            how[0] += f", batch {c['batch']}" if c.get("batch") else ""
        how[0] += f"; float is run by {c['float_engine']}." if c.get("float_engine") else "."
    if c.get("metric"):
        how.append(
            f"{c['metric']} is a metric of the user's own, larger is better; intervals are a paired bootstrap's."
        )
    if c.get("agreement") is not None:
        how.append(f"Same class as float: {percent(c['agreement'])} of the samples.")
    if c.get("sqnr_db") is not None:
        how.append(f"Signal to quantization noise of the outputs: {formats.decibels(c['sqnr_db'])}.")
    sentences = [what_was_compiled(facts), verdict(facts), " ".join(how)]
    return Section("In short", sentences, [variants_table(facts)], list(facts.get("notes") or []))


def requested(facts: Row) -> Section:
    s = facts.get("selection") or {}
    how = [f"{name} {s[key]}" for key, name in HOW if s.get(key)]
    budgets = [{"axis": axis, **(asked or {})} for axis, asked in (s.get("budgets") or {}).items()]
    units = UNITS if quality_of(facts) == ACCURACY else UNITS | {"drop": quality_of(facts).word}
    axes = [
        Column("Budget", "axis", kind="name"),
        Column("Asked for", "asked", text),
        Column("Limit", "limit", formats.limit),
        Column("in", lambda row: units.get(row["axis"]), kind="text"),
    ]
    wanted, given = s.get("requested") or {}, s.get("applied") or {}
    names = list(dict.fromkeys([*wanted, *given]))
    plan = [{"layer": name, "requested": wanted.get(name), "applied": given.get(name)} for name in names]
    differences = s.get("differences") or []
    schemes = [
        Column("Layer", "layer", kind="name"),
        Column("Requested", "requested", text, kind="code"),
        Column("Applied", "applied", text, kind="code"),
        Column("Why", "why", text, kind="text"),
    ]
    sentences = [sentence("; ".join(how))] if how else []
    if plan or differences:
        differ = len(differences)
        sentences.append(
            "Every layer got what was requested."
            if not differ
            else f"{counted(differ, 'layer')} did not get what was requested; the table says why."
        )
    tables = [
        table("Budgets", budgets, axes),
        table("Differences between requested and applied", differences, schemes),
        table("Schemes of all layers", plan, schemes, lambda row: row["requested"] not in (None, row["applied"])),
    ]
    return Section("Requested and applied", sentences, tables, list(s.get("notes") or []))


UNITS = {"size": "bytes", "latency": "ms", "bops": "bit operations", "drop": "share of the samples"}
HOW = (("method", "sensitivity by"), ("solver", "solved by"), ("objective", "objective:"))


def layers(facts: Row) -> Section:
    rows = facts.get("layers") or facts["artifact"]["layers"]
    isas = sorted({row["isa"] for row in rows if row.get("isa")})
    sentences = [
        f"{counted(len(rows), 'row')}. Click a heading to sort. Bars show a value's share of the column's largest; "
        "bytes are the packed weights as they lie in the artifact."
    ]
    if isas:
        sentences.append(f"Times are medians at level {', '.join(isas)}.")
    if peak := facts.get("peak"):
        sentences.append(
            f"The peak is that of the level's own multiply-accumulate in registers alone, on "
            f"{counted(peak['threads'], 'thread')} just before and after: {peak['gmacs']:,.0f} GMAC/s."
        )
    return Section("Layer by layer", sentences, [table("All layers", rows, LAYER_COLUMNS, wide=True)])


def shown_interval(value: object) -> str:
    """A number, with its interval where it has one."""
    found = formats.interval(value)
    if found is None:
        return text(value)
    middle, low, high = found
    return number(middle) if low == high else f"{number(middle)} ({number(low)} to {number(high)})"


def shown_range(scales: object) -> str:
    """The scales of a layer's channels, from the least to the largest."""
    if isinstance(scales, int | float):
        return number(scales)
    low, high = scales if isinstance(scales, list | tuple) and len(scales) == 2 else (None, None)
    return f"{number(low)} to {number(high)}"


LAYER_COLUMNS = (
    Column("Layer", "name", kind="name"),
    Column("Operator", "op", text, kind="text"),
    Column("Shape", "shape", formats.shape, kind="code", about="of the result: channels, height, width"),
    Column("Weights", "weights", text, kind="code", about="w4g32: 4 bits in groups of 32 input channels"),
    Column("Activation bits", "activation", text, bar=True),
    Column("Bytes", "bytes", formats.count, bar=True, total=True),
    Column("MACs", "macs", formats.large, bar=True, total=True),
    Column("Time µs", "time_us", microseconds, bar=True, total=True),
    Column("Share of peak", "share_of_peak", lambda share: percent(share, 0)),
    Column("Sensitivity", "sensitivity", shown_interval, about="with its interval"),
    Column("SQNR", "sqnr_db", formats.decibels, about="of this layer alone, on inputs that are float's"),
    Column("SQNR so far", "sqnr_so_far_db", formats.decibels, about="with all layers before it"),
    Column("Scale", "scale", shown_range, about="real value of one step of the result"),
    Column("Zero point", "zero_point", text),
    Column("Weight shape", "weight_shape", formats.shape, kind="code"),
    Column("Weight scales", "weight_scale", shown_range, about="least and largest of the output channels"),
    Column("Kernel", "kernel", text, kind="code"),
    Column("ISA", "isa", text, kind="code"),
    Column("Why", "why", text, kind="text"),
)


def front(facts: Row) -> Section:
    s = facts.get("selection") or {}
    points, rivals, quality = s.get("front") or [], s.get("random_plans") or [], quality_of(facts)
    figures = [
        Column("Loss", "loss", number),
        Column("Size", "bytes", formats.size, bar=True),
        Column("Bit operations", "bops", formats.large),
        Column("Latency", "latency_ms", milliseconds),
        Column(quality.title, quality.key, quality.show),
    ]
    choice = Column("Chosen", lambda row: row.get("chosen") or None, lambda chosen: "yes", kind="text")
    command = Column("Compile this point", "command", text, kind="command")
    tables = [
        table(
            "Plans that no other plan beats", points, [*figures, choice, command], lambda row: bool(row.get("chosen"))
        ),
        table("Random plans of about the same size", rivals, figures),
    ]
    return Section("The Pareto front", [against_random(facts, rivals)], tables)


def against_random(facts: Row, rivals: list[Row]) -> str:
    """What choosing gained over not choosing."""
    quality = quality_of(facts)
    seen = [row[quality.key] for row in rivals if row.get(quality.key) is not None]
    mine = shipped_of(facts).get(quality.key)
    if not seen or mine is None:
        return ""
    mean = sum(seen) / len(seen)
    return (
        f"{len(seen)} random plans average {quality.show(mean)} {quality.word} ({quality.show(min(seen))} to "
        f"{quality.show(max(seen))}); what ships has {quality.show(mine)}, {quality.difference(mine - mean)} against "
        "their mean."
    )


def latency(facts: Row) -> Section:
    said = facts.get("latency") or {}
    predicted, measured = said.get("predicted_ms"), said.get("measured_ms")
    sentences = []
    if predicted is not None and measured:
        error = said.get("error", predicted / measured - 1)
        sentences.append(
            f"From the costs of its layers the whole network was predicted to take {milliseconds(predicted)}; "
            f"measured: {milliseconds(measured)}, so that the prediction is off by {percent(error)}."
        )
    if said.get("level"):
        threads = f", {counted(said['threads'], 'thread')}" if said.get("threads") else ""
        sentences.append(f"Level {said['level']}{threads}.")

    def error_of(row: Row) -> float | None:
        p, m = row.get("predicted_us"), row.get("measured_us")
        return None if p is None or not m else p / m - 1

    columns = [
        Column("Layer", "name", kind="name"),
        Column("Predicted µs", "predicted_us", microseconds, total=True, bar=True),
        Column("Measured µs", "measured_us", microseconds, total=True, bar=True),
        Column("Error", error_of, lambda e: f"{100 * e:+.1f} %"),
    ]
    return Section("Predicted and measured latency", sentences, [table("By layer", said.get("layers") or [], columns)])


def sensitivity(facts: Row) -> Section:
    said = facts.get("sensitivity") or {}
    used, unit = said.get("used"), said.get("unit")
    chosen = f"The plan was chosen by {used}" + (f", in units of {unit}." if unit else ".") if used else ""
    correlations = [{"method": m, **(record or {})} for m, record in (said.get("correlations") or {}).items()]
    about = "1: it ranks as the measurement does; 0: as chance does"
    ranks = [
        Column("Method", "method", kind="name"),
        Column("Rank correlation", "rho", lambda rho: f"{rho:+.3f}", about=about),
        Column("from", "low", lambda rho: f"{rho:+.3f}"),
        Column("to", "high", lambda rho: f"{rho:+.3f}"),
        Column("Layers", "layers", text),
    ]
    points = [
        Column("Layer", "layer", kind="name"),
        Column("Scheme", "scheme", text, kind="code"),
        Column("Predicted", "predicted", number, bar=True),
        Column("Measured", "measured", number, bar=True),
    ]
    tables = [
        table("Rank correlation with what was measured", correlations, ranks, lambda row: row["method"] == used),
        table("One layer changed at a time", said.get("points") or [], points),
    ]
    return Section("How well the sensitivity ranks the layers", [chosen], tables)


def refine(facts: Row) -> Section:
    rows = facts.get("refine") or []
    techniques = dict.fromkeys(row["technique"] for row in rows if row.get("technique"))
    sentences = []
    for one in techniques:
        gains = [gain for row in rows if row.get("technique") == one and (gain := gain_of(row)) is not None]
        if gains:
            sentences.append(f"{one}: {median(gains):+.1f} dB in the median of {counted(len(gains), 'layer')}.")
    if (tried := facts.get("equalized")) is not None:
        gain = tried["after_db"] - tried["before_db"]
        sentences.append(
            f"{tried.get('way', 'equalize-layers')}: {gain:+.1f} dB of the network's outputs, "
            f"{'kept' if tried['kept'] else 'so that it was not kept'}."
        )
    columns = [
        Column("Layer", "layer", kind="name"),
        Column("Technique", "technique", text, kind="text"),
        Column("SQNR before", "before_db", formats.decibels),
        Column("after", "after_db", formats.decibels),
        Column("Gain", gain_of, lambda db: f"{db:+.1f} dB", bar=True),
    ]
    return Section("What refining gained", [" ".join(sentences)], [table("By layer and technique", rows, columns)])


def gain_of(row: Row) -> float | None:
    before, after = row.get("before_db"), row.get("after_db")
    return None if before is None or after is None else after - before


SECTIONS: dict[str, Callable[[Row], Section]] = {
    "headline": headline,
    "requested": requested,
    "layers": layers,
    "front": front,
    "latency": latency,
    "sensitivity": sensitivity,
    "refine": refine,
    "certificate": lambda facts: Section(*history.certificate(facts)),
    "made": lambda facts: Section(*history.made(facts)),
    "commands": lambda facts: Section(*history.commands(facts)),
}
