"""The table at the end of a compile: float and int8 side by side."""

from pathlib import Path

from rich import box
from rich.table import Table

from dyadic.compiler.artifact import Artifact
from dyadic.compiler.cli.console import PlainConsole
from dyadic.compiler.display import rows
from dyadic.compiler.report_schema import Difference


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
