"""Names in files of strangers reach a terminal as text: nothing in them moves the cursor or changes a colour."""

import io

import pytest

from dyadic.compiler.cli.console import PlainConsole
from dyadic.compiler.progress import RichProgress
from dyadic.runtime.commands.ending import fail
from dyadic.runtime.errors import ModelError, printable

NAME = "conv\x1b[2J\x07\u202e[red]\u2028"
SHOWN = r"conv\x1b[2J\x07\u202e[red]\u2028"


def test_printable() -> None:
    assert printable(NAME) == SHOWN and printable("Größe\n\t日本") == "Größe\n\t日本"


def test_errors_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    assert str(ModelError(f'"{NAME}" is broken')) == f'"{SHOWN}" is broken'
    fail(NAME, 3)
    RichProgress().warn(NAME)
    said = capsys.readouterr().err
    assert said == f"dyadic: {SHOWN}\nwarning: {SHOWN}\n"


def test_tables() -> None:
    from rich.table import Table

    stream = io.StringIO()
    console = PlainConsole(file=stream, force_terminal=True, color_system="truecolor", width=80)
    table = Table(box=None)
    table.add_column("layer")
    table.add_row(NAME)
    console.print(table)
    console.print(NAME)
    assert stream.getvalue().count(SHOWN) == 2 and "\x1b[2J" not in stream.getvalue()
