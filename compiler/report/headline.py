"""The first thing that a reader wants to know: what was gained over what, measured where.

A ratio is never said without what it is against, and on how many threads; all figures are the ones of the table that
ends a compile.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from datetime import datetime

from dyadic.compiler import formats
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.quality import Quality, quality_of
from dyadic.compiler.report.tables import Cell, Column, Table, table
from dyadic.compiler.report_schema import Comparison, Interval, Variant

ENGINES = {"onnxruntime": "ONNX Runtime", "torch": "PyTorch"}


@dataclass(frozen=True)
class Gains:
    """What the artifact is worth against the float model: how many times as fast, its share of the size, its change of
    accuracy or of the metric; against what and how, in `engine`, `threads` and `batch`."""

    times_as_fast: float | None
    of_size: float | None
    change: float | None
    engine: str
    threads: int
    batch: int


def gains(facts: Facts) -> Gains | None:
    """Nothing where nothing was measured."""
    c = facts.report.comparison
    if c is None:
        return None
    return Gains(
        c.float_ms / c.int8_ms if c.int8_ms and c.float_ms is not None else None,
        c.int8_bytes / c.float_bytes if c.float_bytes else None,
        None if c.difference is None else c.difference.value,
        engine(c),
        c.threads,
        c.batch,
    )


def engine(c: Comparison) -> str:
    """What ran the float model, with its version where that is known."""
    return " ".join(filter(None, (ENGINES.get(c.float_engine, c.float_engine), (c.engine_version or "").split("+")[0])))


def lead(facts: Facts) -> str:
    """All of it in one sentence."""
    gained, c, quality = gains(facts), facts.report.comparison, quality_of(facts)
    if gained is None or c is None:
        return "Nothing was measured when this was compiled, so that nothing is said of accuracy or speed."
    said = []
    if gained.times_as_fast is not None:
        said.append(f"{formats.ratio(gained.times_as_fast)} times as fast as float in {conditions(c)}")
    else:
        said.append(f"{formats.milliseconds(c.int8_ms)} an image on {formats.counted(c.threads, 'thread')}")
    if gained.of_size is not None:
        whose = "its" if gained.times_as_fast is not None else "float's"
        said.append(f"{formats.ratio(gained.of_size)} of {whose} size")
    if gained.change is not None:
        said.append(f"{quality.difference(gained.change)} of {quality.word}")
    elif c.agreement is not None:
        said.append(f"the same class for {formats.percent(c.agreement)} of {those(c)}")
    else:
        said.append(f"{formats.decibels(c.sqnr_db)} of signal to noise at its outputs")
    return f"{', '.join(said)}."


def those(c: Comparison) -> str:
    """The samples that a share without labels is of."""
    return f"{formats.counted(c.samples, 'synthetic sample')}, not of real data" if c.synthetic else "the samples"


def conditions(c: Comparison) -> str:
    """What the float model was run by, and how."""
    return f"{engine(c)} on {formats.counted(c.threads, 'thread')}" + (f", batch {c.batch}" if c.batch > 1 else "")


def measured_on(facts: Facts) -> str:
    """The machine and the day, in one line; what is not known is said to be unknown."""
    machine, c = facts.report.machine, facts.report.comparison
    if c is None:
        return f"Compiled {day(facts.report.date)}" if facts.report.date else ""
    if machine is None:
        return f"Measured on a machine that is not on record, {formats.counted(c.threads, 'thread')}, batch {c.batch}"
    where = machine.processor if machine.device is None else f"{machine.device} ({machine.processor})"
    said = [f"{where}, {formats.counted(machine.cores, 'core')}"]
    said += [machine.level] if machine.level else []
    said += [formats.counted(c.threads, "thread"), f"batch {c.batch}", day(facts.report.date)]
    return f"Measured on {', '.join(filter(None, said))}"


def day(date: str | None) -> str:
    """
    >>> day("2026-11-29T13:11:29+00:00"), day("yesterday"), day(None)
    ('29 November 2026', 'yesterday', '')
    """
    try:
        return "" if date is None else f"{(read := datetime.fromisoformat(date)).day} {read:%B %Y}"
    except ValueError:
        return date or ""


@dataclass(frozen=True)
class Tile:
    """One number in large type, what it is, and what to compare it with. `good`: better than float, None of neither."""

    title: str
    cell: Cell
    beside: tuple[str, ...]
    good: bool | None = None


def tiles(facts: Facts) -> list[Tile]:
    """Speed, size and accuracy against float's, each with what was measured."""
    gained, c, quality = gains(facts), facts.report.comparison, quality_of(facts)
    if gained is None or c is None:
        return []
    made = []
    if gained.times_as_fast is not None:
        times = formats.milliseconds(c.int8_ms), formats.milliseconds(c.float_ms)
        cell = Cell(f"{formats.ratio(gained.times_as_fast)}×", gained.times_as_fast)
        made.append(Tile("as fast as float", cell, (times[0], f"float {times[1]}"), gained.times_as_fast > 1))
    else:
        made.append(Tile("an image", Cell(formats.milliseconds(c.int8_ms), c.int8_ms), ("float was not timed there",)))
    sizes = formats.size(c.int8_bytes), formats.size(c.float_bytes)
    if gained.of_size is not None:
        cell = Cell(f"{formats.ratio(gained.of_size)}×", gained.of_size)
        made.append(Tile("of float's size", cell, (sizes[0], f"float {sizes[1]}"), gained.of_size < 1))
    else:
        made.append(Tile("size", Cell(sizes[0], c.int8_bytes), ()))
    value = quality.of_artifact(c)
    if value is not None and c.difference is not None:
        cell = Cell(quality.change(c.difference.value), c.difference.value)
        values = quality.show(value), f"float {quality.show(quality.of_float(c))}"
        title = f"{quality.word}, change" if quality.own else "points of accuracy"
        made.append(Tile(title, cell, (*values, interval(c.difference, quality)), significant(c.difference)))
    elif c.agreement is not None:
        made.append(
            Tile(
                "same class as float",
                Cell(formats.percent(c.agreement), c.agreement),
                ("of synthetic samples" if c.synthetic else "no labels given",),
            )
        )
    else:
        made.append(Tile("signal to noise", Cell(formats.decibels(c.sqnr_db), c.sqnr_db), ("of the outputs",)))
    return made


def significant(change: Interval) -> bool | None:
    """Whether it is better than float, None where the interval holds both."""
    return None if change.low <= 0 <= change.high else change.low > 0


def interval(change: Interval, quality: Quality) -> str:
    """The paired interval, where there is one."""
    if change.low == change.high:
        return ""
    return f"95 %: {quality.change(change.low)} to {quality.change(change.high)}"


def variants_of(facts: Facts) -> tuple[Variant, ...]:
    """Float, int8 and what was chosen: as the selection measured them, else as the final comparison did."""
    if facts.report.selection is not None and facts.report.selection.variants:
        return facts.report.selection.variants
    c, quality = facts.report.comparison, quality_of(facts)
    if c is None:
        return ()

    def with_quality(one: Variant, value: float | None) -> Variant:
        return replace(one, metric=value) if quality.own else replace(one, accuracy=value)

    floating = Variant("float", c.float_bytes, latency_ms=c.float_ms)
    artifact = Variant(
        facts.report.precision, c.int8_bytes, latency_ms=c.int8_ms, difference=c.difference, shipped=True
    )
    return with_quality(floating, quality.of_float(c)), with_quality(artifact, quality.of_artifact(c))


def shipped_of(facts: Facts) -> Variant | None:
    """The variant that the artifact holds."""
    return next((one for one in variants_of(facts) if one.shipped), None)


def what_was_compiled(facts: Facts) -> str:
    """One sentence on the artifact itself."""
    artifact = facts.artifact
    islands = (artifact.certificate or {}).get("islands") or []
    kept = "stays" if len(islands) == 1 else "stay"
    floating = f" Not all of it is integers: {formats.counted(len(islands), 'layer')} {kept} in float."
    return (
        f"{facts.report.model} was compiled to {artifact.file}: {formats.large(artifact.macs)} multiply-accumulates an "
        f"image in {formats.counted(len(artifact.layers), 'layer')}, {formats.size(artifact.bytes)} with machine code "
        f"for {formats.counted(len(artifact.levels), 'instruction set level')} ({', '.join(artifact.levels)})."
    ) + (floating if islands else "")


def verdict(facts: Facts) -> str:
    """What the selection says of its choice, if there was one."""
    return facts.report.selection.verdict if facts.report.selection is not None else ""


def variants_table(facts: Facts) -> Table | None:
    """All variants, with the one that ships set off."""
    quality = quality_of(facts)

    def span(change: Interval) -> str:
        value, low, high = map(quality.change, astuple(change))
        return value if low == high else f"{value} ({low} to {high})"

    columns = [
        Column("Variant", "name", kind="name"),
        Column(quality.title, quality.of, quality.show),
        Column(
            "Change against float" if quality.own else "Points against float",
            "difference",
            span,
            about="with the paired 95 % interval, on the same samples",
        ),
        Column("Size", "bytes", formats.size, bar=True),
        Column("Latency", "latency_ms", formats.milliseconds, bar=True),
        Column("from", "latency_low_ms", formats.milliseconds, about="lower quartile"),
        Column("to", "latency_high_ms", formats.milliseconds, about="upper quartile"),
        Column("In the artifact", lambda one: one.shipped or None, lambda shipped: "yes", kind="text"),
    ]
    return table("Float, int8 and what was chosen", variants_of(facts), columns, lambda one: one.shipped)
