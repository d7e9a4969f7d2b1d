"""The report in reading order, as sentences and tables. A section whose data the artifact lacks is left out.

`SECTIONS` is the one list; plots.py draws for sections by their key.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, field
from statistics import median

from dyadic.compiler import formats
from dyadic.compiler.formats import counted, microseconds, milliseconds, number, percent, text
from dyadic.compiler.report import history
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.headline import shipped_of, variants_table, verdict, what_was_compiled
from dyadic.compiler.report.history import sentence
from dyadic.compiler.report.network import Network, network
from dyadic.compiler.report.quality import quality_of
from dyadic.compiler.report.schemes import bits_of, scheme_of
from dyadic.compiler.report.tables import Column, Table, table
from dyadic.compiler.report_schema import Gain, Interval, LayerTime, PlanPoint


@dataclass(frozen=True)
class Section:
    title: str
    sentences: list[str] = field(default_factory=list)
    tables: list[Table | None] = field(default_factory=list)
    drawing: Network | None = None


def sections_of(facts: Facts) -> dict[str, Section]:
    """Key -> section, those that have something to say."""
    made = {key: make(facts) for key, make in SECTIONS.items()}
    return {key: one for key, one in made.items() if any(one.sentences) or any(one.tables) or one.drawing}


def headline(facts: Facts) -> Section:
    """What the first screen leaves out."""
    c, how = facts.report.comparison, list[str]()
    if c is not None:
        where = "held-out samples" if c.held_out else "samples that the compiler also learned ranges from"
        where = "synthetic samples, made by the compiler" if c.synthetic else where
        how.append(
            f"Compared on {formats.count(c.samples)} {where}. Times are medians, float and integers timed in turn, on "
            f"{counted(c.threads, 'thread')}, batch {c.batch}; dyadic bench times the artifact alone."
        )
        if c.metric is not None:
            how.append(
                f"{c.metric} is a metric of the user's own, larger is better; intervals are a paired bootstrap's."
            )
        if c.agreement is not None:
            how.append(f"Same class as float: {percent(c.agreement)} of the samples.")
        how.append(f"Signal to quantization noise of the outputs: {formats.decibels(c.sqnr_db)}.")
        how.append(f"{formats.size(c.code_bytes)} of the file is code for {counted(c.levels, 'level')}.")
    sentences = [what_was_compiled(facts), verdict(facts), " ".join(how)]
    return Section("In short", sentences, [variants_table(facts)])


def requested(facts: Facts) -> Section:
    title, s = "Requested and applied", facts.report.selection
    if s is None:
        return Section(title)
    how = [f"{name} {said}" for name, said in zip(HOW, (s.method, s.solver, s.objective), strict=True) if said]
    budgets = [{"axis": axis, "asked": one.asked, "limit": one.limit} for axis, one in s.budgets.items()]
    units = UNITS | {"drop": quality_of(facts).word} if quality_of(facts).own else UNITS
    axes = [
        Column("Budget", "axis", kind="name"),
        Column("Asked for", "asked", text),
        Column("Limit", "limit", formats.limit),
        Column("in", lambda row: units.get(row["axis"]), kind="text"),
    ]
    names = list(dict.fromkeys([*s.requested, *s.applied]))
    plan = [{"layer": name, "requested": s.requested.get(name), "applied": s.applied.get(name)} for name in names]
    layer, why = Column("Layer", "layer", kind="name"), Column("Why", "why", text, kind="text")
    schemes = [
        Column("Requested", "requested", text, kind="code"),
        Column("Applied", "applied", text, kind="code"),
    ]
    sentences = [sentence("; ".join(how))] if how else []
    if plan or s.differences:
        differ = len(s.differences)
        sentences.append(
            "Every layer got what was requested."
            if not differ
            else f"{counted(differ, 'layer')} did not get what was requested; the table says why."
        )
    tables = [
        table("Budgets", budgets, axes),
        table("Differences between requested and applied", s.differences, [layer, *schemes, why]),
        table(
            "Schemes of all layers",
            plan,
            [layer, *schemes],
            lambda row: row["requested"] not in (None, row["applied"]),
            folded=True,
        ),
    ]
    return Section(title, sentences, tables)


FEW = 12  # rows that need no folding
UNITS = {"size": "bytes", "latency": "ms", "bops": "bit operations", "drop": "share of the samples"}
HOW = ("sensitivity by", "solved by", "objective:")


def layers(facts: Facts) -> Section:
    rows = facts.layers
    sentences = [
        "Click a heading to sort, a layer to see the rest of it. Bars show a value's share of the column's largest; "
        "bytes are the packed weights as they lie in the artifact."
    ]
    if (count := facts.report.layer_samples) is not None:
        sentences.append(f"Signal to noise (SQNR) is that of {counted(count, 'sample')}, against float.")
    if isas := sorted({row.isa for row in rows if row.isa}):
        sentences.append(f"Times are medians at level {', '.join(isas)}.")
    if (peak := facts.report.peak) is not None:
        sentences.append(
            f"The peak is that of the level's own multiply-accumulate in registers alone, on "
            f"{counted(peak.threads, 'thread')} just before and after: {peak.gmacs:,.0f} GMAC/s."
        )
    return Section("Layer by layer", [" ".join(sentences)], [table("All layers", rows, LAYER_COLUMNS, folded=False)])


def drawn(facts: Facts) -> Section:
    made = network(facts)
    return Section("The network", [] if made is None else [made.told], drawing=made)


def shown_interval(value: Interval) -> str:
    """A number, with its interval where it has one."""
    middle, low, high = astuple(value)
    return number(middle) if low == high else f"{number(middle)} ({number(low)} to {number(high)})"


def shown_range(scales: tuple[float, float]) -> str:
    """The scales of a layer's channels, from the least to the largest."""
    return f"{number(scales[0])} to {number(scales[1])}"


LAYER_COLUMNS = (
    Column("Layer", "name", kind="name"),
    Column("Operator", "op", text, kind="text"),
    Column("Shape", "shape", formats.shape, kind="code", about="of the result: channels, height, width"),
    Column("Widths", scheme_of, text, kind="text", bits=bits_of, about="w4g32a8: 4 bits in groups of 32, results of 8"),
    Column("Bytes", "bytes", formats.count, bar=True, total=True),
    Column("MACs", "macs", formats.large, bar=True, total=True),
    Column("Time µs", "time_us", microseconds, bar=True, total=True),
    Column("SQNR", "sqnr_db", formats.decibels, about="of this layer alone, on inputs that are float's"),
    Column("SQNR so far", "sqnr_so_far_db", formats.decibels, about="with all layers before it"),
    Column("Sensitivity", "sensitivity", lambda one: number(one.value), about="its interval is among the rest"),
    Column("Sensitivity with its interval", "sensitivity", shown_interval, more=True),
    Column("Share of peak", "share_of_peak", lambda share: percent(share, 0), more=True),
    Column("Weights", "weights", text, more=True),
    Column("Activation bits", "activation", text, more=True),
    Column("Scale", "scale", number, about="real value of one step of the result", more=True),
    Column("Zero point", "zero_point", text, more=True),
    Column("Weight shape", "weight_shape", formats.shape, more=True),
    Column("Weight scales", "weight_scale", shown_range, about="least and largest of the channels", more=True),
    Column("Reads", "reads", lambda names: ", ".join(names), more=True),
    Column("Kernel", "kernel", text, more=True),
    Column("Level", "isa", text, more=True),
    Column("Why", "why", text, more=True),
)


def front(facts: Facts) -> Section:
    s, quality = facts.report.selection, quality_of(facts)
    title = f"{quality.title} against size and time"
    if s is None:
        return Section(title)
    figures = [
        Column("Loss", "loss", number),
        Column("Size", "bytes", formats.size, bar=True),
        Column("Bit operations", "bops", formats.large),
        Column("Latency", "latency_ms", milliseconds),
        Column(quality.title, quality.of, quality.show),
    ]
    choice = Column("Chosen", lambda one: one.chosen or None, lambda chosen: "yes", kind="text")
    command = Column("Compile this point", "command", text, kind="command")
    tables = [
        table("Plans that no other plan beats", s.front, [*figures, choice, command], lambda one: one.chosen, False),
        table("Random plans of about the same size", s.random_plans, figures, folded=True),
    ]
    return Section(title, [against_random(facts, s.random_plans)], tables)


def against_random(facts: Facts, rivals: Sequence[PlanPoint]) -> str:
    """What choosing gained over not choosing."""
    quality, shipped = quality_of(facts), shipped_of(facts)
    seen = [value for one in rivals if (value := quality.of(one)) is not None]
    mine = None if shipped is None else quality.of(shipped)
    if not seen or mine is None:
        return ""
    mean = sum(seen) / len(seen)
    return (
        f"{len(seen)} random plans average {quality.show(mean)} {quality.word} ({quality.show(min(seen))} to "
        f"{quality.show(max(seen))}); what ships has {quality.show(mine)}, {quality.difference(mine - mean)} against "
        "their mean."
    )


def latency(facts: Facts) -> Section:
    title, said = "Predicted and measured latency", facts.report.latency
    if said is None:
        return Section(title)
    sentences = [
        f"From the costs of its layers the whole network was predicted to take {milliseconds(said.predicted_ms)}; "
        f"measured: {milliseconds(said.measured_ms)}, so that the prediction is off by {percent(said.error)}.",
        f"Level {said.level}, {counted(said.threads, 'thread')}.",
    ]
    columns = [
        Column("Layer", "name", kind="name"),
        Column("Predicted µs", "predicted_us", microseconds, total=True, bar=True),
        Column("Measured µs", "measured_us", microseconds, total=True, bar=True),
        Column("Error", error_of, lambda e: f"{100 * e:+.1f} %"),
    ]
    return Section(title, sentences, [table("By layer", said.layers, columns, folded=len(said.layers) > FEW)])


def error_of(row: LayerTime) -> float | None:
    return row.predicted_us / row.measured_us - 1 if row.measured_us else None


def sensitivity(facts: Facts) -> Section:
    title, said = "How well the sensitivity ranks the layers", facts.report.sensitivity
    if said is None:
        return Section(title)
    chosen = f"The plan was chosen by {said.used}" + (f", in units of {said.unit}." if said.unit else ".")
    correlations = [{"method": method, **asdict(one)} for method, one in said.correlations.items()]
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
        table("Rank correlation with what was measured", correlations, ranks, lambda row: row["method"] == said.used),
        table("One layer changed at a time", said.points, points, folded=True),
    ]
    return Section(title, [chosen], tables)


def refine(facts: Facts) -> Section:
    rows, sentences = facts.report.refine, list[str]()
    for one in dict.fromkeys(row.technique for row in rows):
        gains = [gain_of(row) for row in rows if row.technique == one]
        sentences.append(f"{one}: {median(gains):+.1f} dB in the median of {counted(len(gains), 'layer')}.")
    if (tried := facts.report.equalized) is not None:
        sentences.append(
            f"{tried.way}: {tried.after_db - tried.before_db:+.1f} dB of the network's outputs, "
            f"{'kept' if tried.kept else 'so that it was not kept'}."
        )
    columns = [
        Column("Layer", "layer", kind="name"),
        Column("Technique", "technique", text, kind="text"),
        Column("SQNR before", "before_db", formats.decibels),
        Column("after", "after_db", formats.decibels),
        Column("Gain", gain_of, lambda db: f"{db:+.1f} dB", bar=True),
    ]
    return Section(
        "What refining gained",
        [" ".join(sentences)],
        [table("By layer and technique", rows, columns, folded=len(rows) > FEW)],
    )


def gain_of(row: Gain) -> float:
    return row.after_db - row.before_db


SECTIONS: dict[str, Callable[[Facts], Section]] = {
    "headline": headline,
    "layers": layers,
    "network": drawn,
    "front": front,
    "requested": requested,
    "latency": latency,
    "sensitivity": sensitivity,
    "refine": refine,
    "certificate": lambda facts: Section(*history.certificate(facts)),
    "made": lambda facts: Section(*history.made(facts)),
    "commands": lambda facts: Section(*history.commands(facts)),
}
