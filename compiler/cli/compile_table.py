"""The table at the end of a compile: float and int8 side by side."""

from dataclasses import astuple
from pathlib import Path

from rich import box
from rich.table import Table

from dyadic.compiler.artifact import Artifact
from dyadic.compiler.cli.console import PlainConsole
from dyadic.compiler.quality.formats import measure, measure_change
from dyadic.compiler.report_schema import Comparison, Difference


def show(artifact: Artifact, output: Path) -> None:
    console = PlainConsole()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    report = artifact.report
    if report.comparison is not None:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column(output.name)
        for name in ("float", report.precision):
            table.add_column(name, justify="right")
        table.add_column("")
        for row in rows(report.comparison):
            table.add_row(*row)
        console.print(table)
    notes = [*report.notes]
    if chosen := report.selection:
        console.print(chosen.verdict)
        notes += [*chosen.notes, *map(difference, chosen.differences)]
    for note in notes:
        console.print(f"note: {note}")
    if report.tune is not None:
        console.print(report.tune.summary)
    console.print(artifact.certificate.summary())


def difference(one: Difference) -> str:
    return f"{one.layer}: {one.requested} was asked for, {one.applied} applies, since {one.why}"


FILE_WIDTH = 110  # where the table goes to a file or a pipe


def rows(c: Comparison) -> list[tuple[str, str, str, str]]:
    """(what, float, int8, how they compare)."""
    where = f"{c.samples} samples" if c.held_out else f"{c.samples} of the calibration samples"
    where = f"{c.samples} synthetic samples" if c.synthetic else where
    lines: list[tuple[str, str, str, str]] = []
    if c.metric is not None and c.difference is not None:
        change, low, high = map(measure_change, astuple(c.difference))
        values = measure(c.float_metric), measure(c.int8_metric)
        lines.append((c.metric, *values, f"{change}, 95 % interval {low} to {high}, {where}"))
    elif c.float_accuracy is not None and c.int8_accuracy is not None and c.difference is not None:
        change, low, high = (f"{100 * x:+.2f}" for x in astuple(c.difference))
        accuracies = f"{100 * c.float_accuracy:.2f} %", f"{100 * c.int8_accuracy:.2f} %"
        lines.append(("accuracy", *accuracies, f"{change} points, 95 % interval {low} to {high}, {where}"))
    if c.agreement is not None:
        lines.append(("same class as float", "", f"{100 * c.agreement:.2f} %", where))
    lines.append(("output SQNR", "", f"{c.sqnr_db:.1f} dB", where))
    threads = f"{c.threads} thread{'s' if c.threads > 1 else ''}, batch {c.batch}"
    times = f"{c.float_ms:.3f} ms", f"{c.int8_ms:.3f} ms"
    lines.append(
        ("time per image", *times, f"{c.float_ms / c.int8_ms:.2f} times as fast as {c.float_engine}, {threads}")
    )
    if c.float_bytes is not None:
        sizes = megabytes(c.float_bytes), megabytes(c.int8_bytes)
        code = f"{megabytes(c.code_bytes)} of it code for {c.levels} level{'s' if c.levels > 1 else ''}"
        lines.append(("size", *sizes, f"{100 * c.int8_bytes / c.float_bytes:.0f} %, {code}"))
    return lines


def megabytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
