"""`dyadic report`: in the terminal, as a page, as JSON, and what it refuses."""

import json
import re
import sys
from pathlib import Path

import pytest
from support.command_line import Command
from support.report_example import HOSTILE, example, read

from dyadic.compiler.cli import main as cli
from dyadic.compiler.cli import report as cli_report
from dyadic.runtime.artifact import open_artifact


def test_json_is_the_report_and_more(artifact: Path, command: Command, tmp_path: Path) -> None:
    printed = json.loads(command("report", artifact, "--json").stdout)
    assert printed == json.loads(command("report", "--json", artifact).stdout)  # which is no name for the JSON
    assert command("report", artifact, "--json", "r.json").returncode == 0
    assert json.loads((tmp_path / "r.json").read_text()) == printed
    with open_artifact(artifact) as file:
        assert printed.pop("artifact")["made"] == file.made
        report = file.json("report")
        assert report["commands"]["headline"].endswith("-o model.dyq")
        assert printed.pop("commands")["headline"].endswith("-o digits.dyq")
        assert printed == {name: said for name, said in report.items() if name != "commands"}


def test_html_goes_where_it_is_wanted_or_beside_the_artifact(artifact: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "m.dyq").write_bytes(artifact.read_bytes())
    done = command("report", "m.dyq", "--html", "page.html")
    assert done.returncode == 0 and not done.stdout, done.stderr
    assert command("report", "m.dyq", "--html").stderr == "wrote m.html\n"
    text = (tmp_path / "page.html").read_text()
    assert (tmp_path / "m.html").read_text() == text
    assert text.startswith("<!DOCTYPE html>") and "/classifier/Gemm" in text and "dyadic verify m.dyq" in text


def test_without_options_it_says_the_most_important(artifact: Path, command: Command) -> None:
    said = command("report", artifact).stdout
    assert (
        "Nothing was measured" in said
        and "compiled to digits.dyq" in said
        and "/classifier/Gemm" in said
        and "MACs" in said
    )


def test_two_artifacts_are_compared(artifact: Path, command: Command, tmp_path: Path) -> None:
    for name in ("a.dyq", "b.dyq"):
        (tmp_path / name).write_bytes(artifact.read_bytes())
    said = command("report", "a.dyq", "b.dyq").stdout
    assert "B is 1.00 of the size of A; it has the same widths." in said and "Same model" in said
    printed = json.loads(command("report", "a.dyq", "b.dyq", "--json").stdout)
    assert printed["b_against_a"] == {
        "of_size": 1.0,
        "layers_of_other_widths": 0,
        "times_as_fast": None,
        "change": None,
    }
    assert command("report", "a.dyq", "b.dyq", "--html").stderr == "wrote a-b.html\n"
    assert command("report", "a.dyq", "b.dyq", "--html", "b.dyq").returncode == 2
    assert command("report", "a.dyq", "none.dyq").returncode == 6


def test_the_terminal_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    facts = example()
    facts["layers"] = [row | {"name": f"{row['name']}{i}"} for i in range(4) for row in facts["layers"]]
    cli_report.show(read(facts))
    said = capsys.readouterr().out
    flowing = " ".join(said.split())
    assert facts["selection"]["verdict"] in flowing and "91.52 %, float 91.78 %" in flowing and "[red]" in said
    assert "Example 9000 <8>, 12 cores, avx512vnni, 2 threads, batch 1, 29 November 2026" in flowing
    assert "the 12 of 20 layers with the most time" in said
    slowest = re.search(r"^ Layer.*\n.*\n (.{12})", said, re.M)
    assert slowest and HOSTILE.startswith(slowest[1].strip())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("none.dyq",), 6, "cannot read the artifact"),
        ((".", "--html"), 6, "it is a folder"),
        (("m.dyq", "."), 6, "it is a folder"),
        (("m.dyq", "m.dyq", "m.dyq"), 2, "unexpected extra argument"),
        (("text.dyq", "--json"), 5, "not an artifact of dyadic"),
        (("m.dyq", "--html", "no/folder/page.html"), 6, "there is no folder"),
        (("m.dyq", "--json", "no/folder/r.json"), 6, "there is no folder"),
        (("m.dyq", "--html", "m.dyq"), 2, "is the artifact, which would be lost"),
    ],
)
def test_what_cannot_be_done_is_said(
    artifact: Path, command: Command, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "m.dyq").write_bytes(artifact.read_bytes())
    (tmp_path / "text.dyq").write_text("no artifact" * 9)
    done = command("report", *words)
    assert done.returncode == code and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert (tmp_path / "m.dyq").read_bytes() == artifact.read_bytes()


def test_a_missing_package_is_named(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert cli.main(["report", str(artifact), "--html", str(tmp_path / "page.html")]) == 2
    assert "needs the package 'jinja2'" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
