"""Every command of the pages is one that exists, and by night each is run on small files of the names it speaks of."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import click
import pytest
from support.documented import PAGES, ROOT, Command, desk
from support.documented import commands as commands_of
from support.forks import forked, run_command

from dyadic.compiler.cli.main import commands as dyadic
from dyadic.compiler.opt.main import main as opt
from dyadic.compiler.opt.main import parser as opt_parser

LINES = [command for page in PAGES for command in commands_of(page)]
OURS = [command for command in LINES if command.words and command.words[0] in ("dyadic", "dyadic-opt")]
MODULES = [command for command in LINES if re.match(r"(\S*/)?python3? -m (benchmarks|dyadic)", command.line)]
by_line = pytest.mark.parametrize("command", OURS, ids=lambda c: f"{c.page}: {c.line[:60]}")

# what a page's command ends with here, where not with 0
ENDS = {"--device cuda": 7}
# the files here are of smaller images
SMALLER = {"resize=256,crop=224": "resize=20,crop=16"}


def test_pages_have_commands() -> None:
    assert len(OURS) > 50 and len(MODULES) > 10


@by_line
def test_a_command_is_one_that_exists(command: Command) -> None:
    tool, *words = command.words
    if tool == "dyadic-opt":
        opt_parser().parse_args(words)
        return
    name, *rest = words
    assert name in dyadic.commands, f"there is no command {name}"
    try:
        dyadic.commands[name].make_context(name, list(rest))
    except click.FileError:
        pass
    except click.BadParameter as error:  # files that are not there
        assert "does not exist" in error.message, error.message


@pytest.mark.parametrize("command", MODULES, ids=lambda c: f"{c.page}: {c.line[:60]}")
def test_a_module_has_the_options_that_are_named(command: Command) -> None:
    words = command.words[command.words.index("-m") + 1 :]
    place = ROOT / words[0].replace(".", "/")
    place = place if words[0].startswith("benchmarks") else ROOT / words[0].removeprefix("dyadic.").replace(".", "/")
    files = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    missing = [word for word in words if word.startswith("--") and f'"{word.partition("=")[0]}"' not in text]
    assert not missing, f"{words[0]} has no {', '.join(missing)}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk(tmp_path_factory.mktemp("desk"))


def run_opt(words: list[str]) -> None:
    raise SystemExit(opt(words))


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({command.page for command in OURS}))
def test_a_pages_commands_run_in_order(page: str, prepared: Path, tmp_path: Path) -> None:
    """What a command reads is there or was written by one above; a page about an artifact that none has made begins
    with it. A minute in all: `pytest -m slow tests/test_docs_commands.py`."""
    folder = shutil.copytree(prepared, tmp_path / "desk")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    first = "compile model.onnx --calibration samples.npz --evaluate labelled.npz -o model.dyq".split()
    if not page.endswith(("tutorial.md", "own_pass/README.md")):
        assert run_command(first, folder, environment).returncode == 0
    if page == "examples/own_pass/README.md":
        for name in ("model.onnx", "samples.npz"):
            shutil.copy(folder / name, folder / "examples" / "own_pass")
    where = folder
    for command in commands_of(ROOT / page):
        for large, small in SMALLER.items():
            command = replace(command, line=command.line.replace(large, small))
        tool, *words = command.words or [""]
        if tool == "cd":
            where = folder / words[0]
        if tool not in ("dyadic", "dyadic-opt"):
            continue
        if tool == "dyadic":
            done = run_command(words, where, environment)
        else:
            done = forked(run_opt, [words], where, environment, 600)
        wanted = next((code for part, code in ENDS.items() if part in command.line), 0)
        assert done.returncode == wanted, f"{command.line}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
