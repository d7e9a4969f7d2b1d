"""The first thing that a reader wants to know: what came out, and is it as good, as small and as fast as hoped?"""

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import Any

from dyadic.compiler.quality import formats
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.quality import Quality, quality_of
from dyadic.compiler.report.tables import Cell, Column, Table, table
from dyadic.compiler.report_schema import Interval, Variant


@dataclass(frozen=True)
class Tile:
    """One number in large type, and what to compare it with."""

    title: str
    cell: Cell
    beside: tuple[str, ...]


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
    artifact, layers = facts.artifact, facts.layers
    islands = (artifact.certificate or {}).get("islands") or []
    kept = "stays" if len(islands) == 1 else "stay"
    floating = f" Not all of it is integers: {formats.counted(len(islands), 'layer')} {kept} in float."
    return (
        f"{facts.report.model} was compiled to {artifact.file}: {formats.large(artifact.macs)} multiply-accumulates an "
        f"image in {formats.counted(len(layers), 'layer')}, {formats.size(artifact.bytes)} with machine code for "
        f"{formats.counted(len(artifact.levels), 'instruction set level')} ({', '.join(artifact.levels)})."
    ) + (floating if islands else "")


def verdict(facts: Facts) -> str:
    """The selection's own, else one made of the comparison."""
    if facts.report.selection is not None and facts.report.selection.verdict:
        return facts.report.selection.verdict
    c, parts = facts.report.comparison, []
    if c is None:
        return ""
    if c.difference is not None:
        quality = quality_of(facts)
        parts.append(
            f"its {quality.word} differs from float's by {quality.difference(c.difference.value)} "
            f"(95 % interval {quality.change(c.difference.low)} to {quality.change(c.difference.high)})"
        )
    if c.float_ms and c.int8_ms:
        parts.append(f"it takes {formats.significant(c.int8_ms / c.float_ms)} of the time of {c.float_engine}")
    if c.float_bytes and c.int8_bytes:
        parts.append(f"{formats.significant(c.int8_bytes / c.float_bytes)} of the bytes, code included")
    return f"Against float, {facts.report.precision}: {', '.join(parts)}." if parts else ""


def tiles(facts: Facts) -> list[Tile]:
    """Accuracy or the metric, size and latency of what ships, each beside the same of the other variants."""
    shipped, quality = shipped_of(facts), quality_of(facts)
    if shipped is None:
        return []
    others = [one for one in variants_of(facts) if not one.shipped]
    kinds: list[tuple[str, Callable[[Variant], float | None], Callable[[Any], str], str]] = [
        (quality.title, quality.of, quality.show, change_text(shipped, quality)),
        ("Size", lambda one: one.bytes, formats.size, ""),
        ("Latency", lambda one: one.latency_ms, formats.milliseconds, latency_interval(shipped)),
    ]
    made = []
    for title, find, show, more in kinds:
        if (value := find(shipped)) is None:
            continue
        beside = [f"{one.name} {show(seen)}" for one in others if (seen := find(one)) is not None]
        made.append(Tile(title, Cell(show(value), value), tuple(filter(None, [more, *beside]))))
    return made


def change_text(variant: Variant, quality: Quality) -> str:
    """How far the accuracy or metric lies from float's, with the paired interval where there is one."""
    change = variant.difference
    if change is None:
        return ""
    said = quality.difference(change.value)
    if change.low == change.high:
        return said
    return f"{said} (95 % interval {quality.change(change.low)} to {quality.change(change.high)})"


def latency_interval(variant: Variant) -> str:
    low, high = variant.latency_low_ms, variant.latency_high_ms
    return "" if low is None or high is None else f"{formats.milliseconds(low)} to {formats.milliseconds(high)}"


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
        Column("from", "latency_low_ms", formats.milliseconds),
        Column("to", "latency_high_ms", formats.milliseconds),
        Column("In the artifact", lambda one: one.shipped or None, lambda shipped: "yes", kind="text"),
    ]
    return table("Float, int8 and what was chosen", variants_of(facts), columns, lambda one: one.shipped)
