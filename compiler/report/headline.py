"""The first thing that a reader wants to know: what came out, and is it as good, as small and as fast as hoped?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dyadic.compiler.quality import formats
from dyadic.compiler.report.quality import Quality, quality_of
from dyadic.compiler.report.tables import Cell, Column, Row, Table, table


@dataclass(frozen=True)
class Tile:
    """One number in large type, and what to compare it with."""

    title: str
    cell: Cell
    beside: tuple[str, ...]


def variants_of(facts: Row) -> list[Row]:
    """Float, int8 and what was chosen: as the selection measured them, else as the final comparison did."""
    if given := (facts.get("selection") or {}).get("variants"):
        return given
    c, key = facts.get("comparison"), quality_of(facts).key
    if not c:
        return []
    return [
        {
            "name": "float",
            "bytes": c.get("float_bytes"),
            "latency_ms": c.get("float_ms"),
            key: c.get(f"float_{key}"),
        },
        {
            "name": facts.get("precision") or "int8",
            "bytes": c.get("int8_bytes"),
            "latency_ms": c.get("int8_ms"),
            key: c.get(f"int8_{key}"),
            "difference": c.get("difference"),
            "shipped": True,
        },
    ]


def shipped_of(facts: Row) -> Row:
    """The variant that the artifact holds."""
    return next((one for one in variants_of(facts) if one.get("shipped")), {})


def what_was_compiled(facts: Row) -> str:
    """One sentence on the artifact itself."""
    artifact = facts["artifact"]
    name, macs = facts.get("model") or "A network", formats.large(artifact["macs"])
    levels, layers = artifact["levels"], facts.get("layers") or artifact["layers"]
    islands = (artifact.get("certificate") or {}).get("islands") or []
    kept = "stays" if len(islands) == 1 else "stay"
    floating = f" Not all of it is integers: {formats.counted(len(islands), 'layer')} {kept} in float."
    return (
        f"{name} was compiled to {artifact['file']}: {macs} multiply-accumulates an image in "
        f"{formats.counted(len(layers), 'layer')}, {formats.size(artifact['bytes'])} with machine code for "
        f"{formats.counted(len(levels), 'instruction set level')} ({', '.join(levels)})."
    ) + (floating if islands else "")


def verdict(facts: Row) -> str:
    """The selection's own, else one made of the comparison."""
    if said := (facts.get("selection") or {}).get("verdict"):
        return said
    c = facts.get("comparison")
    if not c:
        return ""
    name, parts = facts.get("precision") or "int8", []
    if c.get("difference"):
        quality = quality_of(facts)
        value, low, high = c["difference"]
        parts.append(
            f"its {quality.word} differs from float's by {quality.difference(value)} "
            f"(95 % interval {quality.change(low)} to {quality.change(high)})"
        )
    if c.get("float_ms") and c.get("int8_ms"):
        parts.append(f"it takes {formats.significant(c['int8_ms'] / c['float_ms'])} of the time of {c['float_engine']}")
    if c.get("float_bytes") and c.get("int8_bytes"):
        parts.append(f"{formats.significant(c['int8_bytes'] / c['float_bytes'])} of the bytes, code included")
    return f"Against float, {name}: {', '.join(parts)}." if parts else ""


def tiles(facts: Row) -> list[Tile]:
    """Accuracy or the metric, size and latency of what ships, each beside the same of the other variants."""
    shipped, quality = shipped_of(facts), quality_of(facts)
    others = [one for one in variants_of(facts) if not one.get("shipped")]
    kinds: list[tuple[str, str, Callable[[Any], str], str]] = [
        (quality.title, quality.key, quality.show, change_text(shipped, quality)),
        ("Size", "bytes", formats.size, ""),
        ("Latency", "latency_ms", formats.milliseconds, latency_interval(shipped)),
    ]
    made = []
    for title, key, show, more in kinds:
        if (value := shipped.get(key)) is None:
            continue
        beside = [f"{one['name']} {show(one[key])}" for one in others if one.get(key) is not None]
        made.append(Tile(title, Cell(show(value), value), tuple(filter(None, [more, *beside]))))
    return made


def change_of(variant: Row) -> formats.Interval | None:
    """(change against float, low, high): of the difference, or the other way round of a drop."""
    if (change := formats.interval(variant.get("difference"))) is not None:
        return change
    drop = formats.interval(variant.get("drop"))
    return None if drop is None else (-drop[0], -drop[2], -drop[1])


def change_text(variant: Row, quality: Quality) -> str:
    """How far the accuracy or metric lies from float's, with the paired interval where there is one."""
    change = change_of(variant)
    if change is None:
        return ""
    value, low, high = change
    said = quality.difference(value)
    return said if low == high else f"{said} (95 % interval {quality.change(low)} to {quality.change(high)})"


def latency_interval(variant: Row) -> str:
    low, high = variant.get("latency_low_ms"), variant.get("latency_high_ms")
    return "" if low is None or high is None else f"{formats.milliseconds(low)} to {formats.milliseconds(high)}"


def variants_table(facts: Row) -> Table | None:
    """All variants, with the one that ships set off."""
    quality = quality_of(facts)

    def span(change: formats.Interval) -> str:
        value, low, high = map(quality.change, change)
        return value if low == high else f"{value} ({low} to {high})"

    columns = [
        Column("Variant", "name", kind="name"),
        Column(quality.title, quality.key, quality.show),
        Column(
            "Change against float" if quality.key == "metric" else "Points against float",
            change_of,
            span,
            about="with the paired 95 % interval, on the same samples",
        ),
        Column("Size", "bytes", formats.size, bar=True),
        Column("Latency", "latency_ms", formats.milliseconds, bar=True),
        Column("from", "latency_low_ms", formats.milliseconds),
        Column("to", "latency_high_ms", formats.milliseconds),
        Column("In the artifact", lambda row: row.get("shipped") or None, lambda shipped: "yes", kind="text"),
    ]
    return table("Float, int8 and what was chosen", variants_of(facts), columns, lambda row: bool(row.get("shipped")))
