"""`dyadic report`: what an artifact says about itself, in the terminal, as a page, as JSON."""

import io
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from dyadic.compiler.cli.artifact import ARTIFACT, DEBUG
from dyadic.compiler.report.facts import Facts, facts_of
from dyadic.compiler.report.headline import gains, lead, measured_on, tiles, verdict, what_was_compiled
from dyadic.compiler.report.pair import A, B, Pair, differs, headline_table, joined, layer_columns, to_json
from dyadic.compiler.report.pair import checks as checks_of_two
from dyadic.compiler.report.pair import lead as said_of_two
from dyadic.compiler.report.sections import LAYER_COLUMNS
from dyadic.compiler.report.tables import Table, table
from dyadic.compiler.report.trust import GOOD, UNKNOWN, WARNING, all_notes, checks
from dyadic.compiler.report_schema import Layer
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.atomic_file import check_output, refuse_overwriting, replacing
from dyadic.runtime.commands.verify import proofs
from dyadic.runtime.errors import UsageError, printable

STANDARD_OUTPUT = "-"
BESIDE = "\0"  # --html without a file; no path holds this
TOP = 12  # layers shown in the terminal
SHOWN = ("Layer", "Operator", "Widths", "Bytes", "MACs", "Time µs", "SQNR")
SIGNS = {GOOD: "+", WARNING: "!", UNKNOWN: "?"}
FILE_WIDTH = 120  # where the lines go to a file or a pipe


class ReportCommand(click.Command):
    """`--html m.dyq` alone means a page about m.dyq, though click takes what follows for the page's name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter:
            alone = {"--html": f"--html={BESIDE}", "--json": f"--json={STANDARD_OUTPUT}"}
            pairs = zip(given, [*given[1:], ""], strict=True)
            words = [alone.get(word, word) if after.endswith(".dyq") else word for word, after in pairs]
            if words == given:
                raise
            return super().parse_args(ctx, words)


@click.command(
    "report", cls=ReportCommand, short_help="Say what was chosen for ARTIFACT, and how good, small and fast it is."
)
@ARTIFACT
@click.argument("other", required=False, type=click.Path(path_type=Path))
@click.option(
    "--html", metavar="[FILE]", is_flag=False, flag_value=BESIDE, help="write a page (default: beside ARTIFACT)"
)
@click.option(
    "--json", "as_json", metavar="[FILE]", is_flag=False, flag_value=STANDARD_OUTPUT, help="write JSON (default: print)"
)
@DEBUG
def report_command(artifact: Path, other: Path | None, html: str | None, as_json: str | None) -> None:
    """Say what was chosen for ARTIFACT, and how good, small and fast it is; of two, what OTHER gained over ARTIFACT.

    Without an option: in short, with the layers that cost most. With --html: all of it, as one page that works offline.
    """
    given = {"the artifact": artifact} | ({} if other is None else {"the other artifact": other})
    name = artifact.stem if other is None else f"{artifact.stem}-{other.stem}"
    where = str(artifact.parent / f"{name}.html") if html == BESIDE else html
    outputs = {"--html": where, "--json": as_json}
    refuse_overwriting(given, {option: path for option, path in outputs.items() if path != STANDARD_OUTPUT})
    if where is not None:
        check_output("--html", where, "a page", ".html", "; --html behind the artifacts writes it beside them")
    if as_json not in (None, STANDARD_OUTPUT):
        check_output("--json", as_json, "JSON", ".json", "; --json behind the artifacts prints it")
    facts = [read(path) for path in given.values()]
    if html is None and as_json is None:
        show(*facts) if other is None else show_pair(Pair(*facts))
    if where is not None:
        from dyadic.compiler.report.page import page, page_of_two

        facts = [replace(one, verified=verified(path)) for one, path in zip(facts, given.values(), strict=True)]
        write(page(*facts) if other is None else page_of_two(Pair(*facts)), Path(where))
    if as_json is not None:
        said = json.dumps(as_record(*facts) if other is None else to_json(Pair(*facts)), indent=1)
        write(f"{said}\n", Path(as_json))


def read(artifact: Path) -> Facts:
    with open_artifact(artifact) as file:
        return here(facts_of(file))


def as_record(facts: Facts) -> dict[str, Any]:
    """The report, what it says of the artifact, and the ratios of the headline."""
    found = gains(facts)
    return facts.to_json() | ({} if found is None else {"gains": asdict(found)})


def here(facts: Facts) -> Facts:
    """With this machine's processor, where times are another's."""
    from dyadic.runtime.machine import processor_name

    measured, this = facts.report.machine, processor_name()
    return facts if measured is None or measured.processor == this else replace(facts, elsewhere=this)


def verified(artifact: Path) -> tuple[str, ...]:
    """What `dyadic verify` says of a file; nothing where what looks is not installed. Raises ArtifactError."""
    with open_artifact(artifact, verify="all") as file:
        try:
            return tuple(proofs(file)[0])
        except UsageError:  # passes of others lowered it, which are not here
            return ()


def write(text: str, path: Path) -> None:
    """Whole or not at all; to standard output, where that is said."""
    if str(path) == STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    with replacing(path) as file, open(file, "w", encoding="utf-8", closefd=False) as stream:
        stream.write(text)
    click.echo(f"wrote {path}", err=True)


def console_here() -> Any:
    from dyadic.compiler.cli.console import PlainConsole

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # there are terminals without a sign for times
    console = PlainConsole()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console


def bold(sentence: str) -> Any:
    from rich.text import Text

    return Text(printable(sentence), style="bold")


def show(facts: Facts) -> None:
    """The headline and the top of the layer table."""
    console = console_here()
    console.print(bold(lead(facts)))
    for sentence in (measured_on(facts), what_was_compiled(facts), verdict(facts)):
        if sentence:
            console.print(sentence)
    for tile in tiles(facts):
        console.print(f"{tile.cell.text:>10} {tile.title}: {', '.join(filter(None, tile.beside))}")
    for check in checks(facts):
        console.print(f"{SIGNS[check.state]} {check.said}: {check.more}")
    for note in all_notes(facts):
        console.print(f"note: {note}")
    rows, by = costliest(facts)
    columns = [column for column in LAYER_COLUMNS if column.title in SHOWN]
    if (top := table("", rows[:TOP], columns)) is not None:
        console.print(as_rich(top))
    if len(rows) > TOP:
        console.print(f"the {TOP} of {len(rows)} layers with the most {by}; all of them, and the plots: --html")


def show_pair(pair: Pair) -> None:
    """The headline, whether the two can be compared, and the layers that differ."""
    console = console_here()
    console.print(bold(said_of_two(pair)))
    for check in checks_of_two(pair):
        console.print(f"{SIGNS[check.state]} {check.said}: {check.more}")
    different = [row for row in joined(pair) if differs(row)]
    columns = [column for column in layer_columns(pair) if column.title.endswith((A, B)) or column.kind == "name"]
    for one in (headline_table(pair), table("", different[:TOP], columns)):
        if one is not None:
            console.print(as_rich(one))
    if len(different) > TOP:
        console.print(f"{TOP} of the {len(different)} layers that differ; all of them: --html")


def costliest(facts: Facts) -> tuple[list[Layer], str]:
    """The layers in order of what is known to be spent on them, and what that is."""
    rows = [*facts.layers]
    for key, name in (("time_us", "time"), ("macs", "work"), ("bytes", "bytes")):
        if any(getattr(row, key) for row in rows):
            return sorted(rows, key=lambda row: getattr(row, key) or 0, reverse=True), name
    return rows, "work"


def as_rich(shown: Table) -> Any:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    places = [i for i, column in enumerate(shown.columns) if not column.more]
    for column in (shown.columns[i] for i in places):
        number = column.kind == "number"
        made.add_column(Text(column.title), justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in shown.rows:
        made.add_row(*(Text(printable(row[i].text)) for i in places))
    return made
