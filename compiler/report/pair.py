"""Two artifacts side by side: what the second gained over the first, whether the two can be compared, layer by layer.

A ratio of times is said only where both were measured on one machine in one way, a difference of accuracies only where
both were judged on the same data.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from dyadic.compiler import formats
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.headline import Tile, day, engine
from dyadic.compiler.report.quality import quality_of
from dyadic.compiler.report.schemes import scheme_of
from dyadic.compiler.report.sections import Section
from dyadic.compiler.report.tables import Cell, Column, Table, table
from dyadic.compiler.report.trust import GOOD, UNKNOWN, WARNING, Check
from dyadic.compiler.report_schema import Layer

A, B = "A", "B"


@dataclass(frozen=True)
class Pair:
    """The first is what the second is compared with."""

    first: Facts
    second: Facts

    @property
    def both(self) -> tuple[Facts, Facts]:
        return self.first, self.second

    @property
    def names(self) -> tuple[str, str]:
        """Of the files; with their letters, since they may be called alike."""
        return f"{A}: {self.first.artifact.file}", f"{B}: {self.second.artifact.file}"


@dataclass(frozen=True)
class Gained:
    """The second against the first: how many times as fast, its share of the size, its change of accuracy or of the
    metric; None where the two cannot be compared in it."""

    times_as_fast: float | None
    of_size: float
    change: float | None
    layers_of_other_widths: int


def gained(pair: Pair) -> Gained:
    (one, other), (c, d) = pair.both, (each.report.comparison for each in pair.both)
    fast = change = None
    if c is not None and d is not None:
        if d.int8_ms and not unlike_times(pair):
            fast = c.int8_ms / d.int8_ms
        before, after = quality_of(one).of_artifact(c), quality_of(other).of_artifact(d)
        if before is not None and after is not None and not unlike_data(pair):
            change = after - before
    return Gained(fast, other.artifact.bytes / one.artifact.bytes, change, sum(map(differs, joined(pair))))


def unlike_times(pair: Pair) -> list[str]:
    """Why times cannot be compared."""
    one, other = pair.both
    if one.report.comparison is None or other.report.comparison is None:
        return ["not both were measured"]
    said = []
    machines = [whose.report.machine for whose in pair.both]
    if machines[0] is None or machines[1] is None:
        said.append("a machine is not on record")
    else:
        for what in ("processor", "device", "cores"):
            values = [getattr(machine, what) for machine in machines]
            if values[0] != values[1]:
                said.append(f"{what}: {values[0] or 'none'} and {values[1] or 'none'}")
        if len(unrun := {machine.instead_of for machine in machines if machine is not None}) > 1:
            names = " and ".join(sorted(one for one in unrun if one is not None))
            said.append(f"code for {names} could not be run where it was measured, and other code was")
    for what in ("threads", "batch"):
        values = [getattr(whose.report.comparison, what) for whose in pair.both]
        if values[0] != values[1]:
            said.append(f"{what}: {values[0]} and {values[1]}")
    return said


def unlike_data(pair: Pair) -> list[str]:
    """Why accuracies cannot be compared."""
    c, d = (whose.report.comparison for whose in pair.both)
    if c is None or d is None:
        return ["not both were measured"]
    said = []
    if c.metric != d.metric:
        said.append(f"judged by {c.metric or 'accuracy'} and {d.metric or 'accuracy'}")
    if c.synthetic or d.synthetic:
        said.append("synthetic samples are nobody's data")
    if c.samples != d.samples:
        said.append(f"{formats.count(c.samples)} and {formats.count(d.samples)} samples")
    evaluations = [whose.report.used.evaluation if whose.report.used is not None else None for whose in pair.both]
    if None not in evaluations and evaluations[0] != evaluations[1]:
        said.append(f"{evaluations[0]} and {evaluations[1]}")
    return said


def model_of(facts: Facts) -> str | None:
    """The hash of the float model, where the file has one."""
    model = facts.artifact.made.get("model")
    return model.get("sha256") if isinstance(model, dict) else None


def checks(pair: Pair) -> list[Check]:
    """Whether the two can be compared."""
    return [*same_model(pair), *same_ways(pair), *proved(pair)]


def same_model(pair: Pair) -> Iterator[Check]:
    one, other = pair.both
    models = model_of(one), model_of(other)
    if None in models:
        yield Check(UNKNOWN, "Model", f"{one.report.model} and {other.report.model}; of one no hash is on record")
    elif models[0] == models[1]:
        yield Check(GOOD, "Same model", f"{one.report.model}, the same file")
    else:
        yield Check(WARNING, "Other models", f"{one.report.model} and {other.report.model} are different files")


def same_ways(pair: Pair) -> Iterator[Check]:
    """Of times and of accuracies."""
    one, other = pair.both
    times, data = unlike_times(pair), unlike_data(pair)
    machine = other.report.machine
    days = " and ".join(dict.fromkeys(filter(None, (day(one.report.date), day(other.report.date)))))
    where = "" if machine is None else f"{machine.processor}, {days}, each timed by its own compile"
    yield Check(WARNING, "Times are not compared", "; ".join(times)) if times else Check(GOOD, "Same machine", where)
    if data:
        yield Check(WARNING, "Accuracies are not compared", "; ".join(data))
    elif other.report.comparison is not None:
        yield Check(GOOD, "Same data", f"{formats.count(other.report.comparison.samples)} samples, counted one by one")


def proved(pair: Pair) -> Iterator[Check]:
    for letter, whose in zip((A, B), pair.both, strict=True):
        islands = (whose.artifact.certificate or {}).get("islands") or []
        if islands:
            yield Check(
                WARNING, f"Not all of {letter} is integers", f"{formats.counted(len(islands), 'layer')} in float"
            )
    verified = [letter for letter, whose in zip((A, B), pair.both, strict=True) if whose.verified]
    if verified:
        yield Check(GOOD, "Verified just now", " and ".join(verified))


def lead(pair: Pair) -> str:
    """All of it in one sentence."""
    found, quality = gained(pair), quality_of(pair.second)
    said = []
    c = pair.second.report.comparison
    if found.times_as_fast is not None and c is not None:
        said.append(
            f"{formats.ratio(found.times_as_fast)} times as fast as {A} on {formats.counted(c.threads, 'thread')}"
        )
    said.append(
        f"{formats.ratio(found.of_size)} of its size" if said else f"{formats.ratio(found.of_size)} of the size of {A}"
    )
    if found.change is not None:
        said.append(f"{quality.difference(found.change)} of {quality.word}")
    others = found.layers_of_other_widths
    said.append(f"other widths in {formats.counted(others, 'layer')}" if others else "the same widths")
    return f"{B} is {', '.join(said[:-1])}; it has {said[-1]}."


def tiles(pair: Pair) -> list[Tile]:
    """B against A."""
    found, quality, made = gained(pair), quality_of(pair.second), list[Tile]()
    c, d = (whose.report.comparison for whose in pair.both)
    if found.times_as_fast is not None and c is not None and d is not None:
        times = formats.milliseconds(d.int8_ms), f"{A} {formats.milliseconds(c.int8_ms)}"
        cell = Cell(f"{formats.ratio(found.times_as_fast)}×", found.times_as_fast)
        made.append(Tile(f"as fast as {A}", cell, times, found.times_as_fast > 1))
    sizes = formats.size(pair.second.artifact.bytes), f"{A} {formats.size(pair.first.artifact.bytes)}"
    made.append(
        Tile(f"of {A}'s size", Cell(f"{formats.ratio(found.of_size)}×", found.of_size), sizes, found.of_size < 1)
    )
    if found.change is not None and c is not None and d is not None:
        values = quality.show(quality.of_artifact(d)), f"{A} {quality.show(quality.of_artifact(c))}"
        title = f"{quality.word}, change" if quality.own else "points of accuracy"
        made.append(Tile(title, Cell(quality.change(found.change), found.change), values))
    return made


# --- tables


def headline_table(pair: Pair) -> Table | None:
    """What each says of itself, a row a figure."""
    rows = [{"what": what, "a": find(pair.first), "b": find(pair.second)} for what, find in HEADLINE.items()]
    columns = [
        Column("Figure", "what", kind="name"),
        Column(pair.names[0], "a", formats.text, kind="text"),
        Column(pair.names[1], "b", formats.text, kind="text"),
    ]
    return table(
        "Side by side", [row for row in rows if row["a"] or row["b"]], columns, lambda row: row["a"] != row["b"]
    )


def of_comparison(show: Callable[[Facts, Any], str]) -> Callable[[Facts], str]:
    return lambda facts: "" if facts.report.comparison is None else show(facts, facts.report.comparison)


def of_machine(name: str) -> Callable[[Facts], str]:
    return lambda facts: formats.text(getattr(facts.report.machine, name, None))


def used(name: str) -> Callable[[Facts], str]:
    return lambda facts: formats.text(getattr(facts.report.used, name, None))


HEADLINE: dict[str, Callable[[Facts], str]] = {
    "Model": lambda facts: facts.report.model,
    "Precision": lambda facts: facts.report.precision,
    "Accuracy or metric": of_comparison(lambda facts, c: quality_of(facts).show(quality_of(facts).of_artifact(c))),
    "Against float": of_comparison(
        lambda facts, c: "" if c.difference is None else quality_of(facts).difference(c.difference.value)
    ),
    "Same class as float": of_comparison(lambda facts, c: formats.percent(c.agreement)),
    "SQNR of the outputs": of_comparison(lambda facts, c: formats.decibels(c.sqnr_db)),
    "Time": of_comparison(lambda facts, c: formats.milliseconds(c.int8_ms)),
    "Float's time": of_comparison(lambda facts, c: formats.milliseconds(c.float_ms)),
    "Float in": of_comparison(lambda facts, c: engine(c)),
    "Threads, batch": of_comparison(lambda facts, c: f"{c.threads}, {c.batch}"),
    "Size": lambda facts: formats.size(facts.artifact.bytes),
    "Code": of_comparison(lambda facts, c: formats.size(c.code_bytes)),
    "Levels": lambda facts: ", ".join(facts.artifact.levels),
    "Memory of an image": lambda facts: formats.size(facts.artifact.arena_bytes),
    "Samples": of_comparison(
        lambda facts, c: (
            formats.count(c.samples) + (", synthetic" if c.synthetic else "" if c.held_out else ", not held out")
        )
    ),
    "Evaluation data": used("evaluation"),
    "Calibration data": used("calibration"),
    "Processor": of_machine("processor"),
    "Cores": of_machine("cores"),
    "Level that was timed": of_machine("level"),
    "Day": lambda facts: day(facts.report.date),
    "dyadic": lambda facts: formats.text((facts.artifact.made.get("versions") or {}).get("dyadic")),
}


@dataclass(frozen=True)
class Both:
    """A layer of both, or of one alone."""

    name: str
    a: Layer | None
    b: Layer | None

    def of(self, side: str, what: str) -> Any:
        row = getattr(self, side)
        return None if row is None else scheme_of(row) if what == "widths" else getattr(row, what)

    def change(self, what: str) -> float | None:
        one, other = self.of("a", what), self.of("b", what)
        return None if one is None or other is None else other - one


def joined(pair: Pair) -> list[Both]:
    """By name, in the order of the first; what the second alone has comes after."""
    one, other = ({row.name: row for row in whose.layers} for whose in pair.both)
    return [Both(name, one.get(name), other.get(name)) for name in {**one, **other}]


def differs(row: Both) -> bool:
    """Whether a layer has other widths, or one of the two does not have it."""
    return row.of("a", "widths") != row.of("b", "widths") or row.a is None or row.b is None


def layer_table(pair: Pair) -> Table | None:
    """All layers, a figure of both beside each other and the difference; those that differ in widths are set off."""
    return table("Layers of both", joined(pair), layer_columns(pair), differs, folded=False)


def layer_columns(pair: Pair) -> list[Column]:
    def side(letter: str, what: str) -> Callable[[Both], Any]:
        return lambda row: row.of(letter, what)

    def change(what: str) -> Callable[[Both], float | None]:
        return lambda row: row.change(what)

    columns = [Column("Layer", "name", kind="name")]
    columns += [Column(f"Widths {s}", side(s.lower(), "widths"), formats.text, kind="text") for s in (A, B)]
    columns.append(Column("Widths Δ", lambda row: "other" if differs(row) else "=", kind="text"))
    for title, what, show in (
        ("Bytes", "bytes", formats.count),
        ("Time µs", "time_us", formats.microseconds),
        ("SQNR", "sqnr_db", formats.decibels),
        ("SQNR so far", "sqnr_so_far_db", formats.decibels),
    ):
        late = what == "sqnr_so_far_db"
        columns += [Column(f"{title} {s}", side(s.lower(), what), show, more=late) for s in (A, B)]
        if what != "time_us" or not unlike_times(pair):
            columns.append(Column(f"{title} Δ", change(what), signed, about=f"{B} minus {A}", more=late))
    return columns


def signed(change: float) -> str:
    """
    >>> signed(-768), signed(0.25), signed(-3.04), signed(-0.01), signed(0)
    ('-768', '+0.2', '-3.0', '+0.0', '0')
    """
    if isinstance(change, int):
        return f"{change:+,}" if change else "0"
    return f"{round(change, 1) + 0.0:+.1f}"


def sections_of(pair: Pair) -> dict[str, Section]:
    different = sum(differs(row) for row in joined(pair))
    told = f"{formats.counted(different, 'layer')} of {len(joined(pair))} differ in widths and are set off."
    return {
        "headline": Section("Side by side", tables=[headline_table(pair)]),
        "layers": Section("Layer by layer", [told], [layer_table(pair)]),
    }


def command(pair: Pair) -> str:
    return shlex.join(["dyadic", "report", pair.first.artifact.file, pair.second.artifact.file, "--html"])


def to_json(pair: Pair) -> dict[str, Any]:
    """Both reports in full, and what the second gained."""
    return {"a": pair.first.to_json(), "b": pair.second.to_json(), "b_against_a": asdict(gained(pair))}
