"""Pages made from code are current, links lead somewhere, and the README's commands are what CI runs."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from dyadic.compiler.knobs import KNOBS
from dyadic.runtime import errors

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
assert SPEC and SPEC.loader
GENERATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(GENERATE)


@pytest.mark.parametrize("name", GENERATE.PAGES)
def test_pages_made_from_the_code_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == GENERATE.PAGES[name](), "run: python docs/generate.py"


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


PATH = re.compile(r"`((?:compiler|dialects|passes|runtime|tests|lit_tests|benchmarks|examples|docs)/[\w./-]*)`")


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name)
def test_files_that_are_named_exist(page: Path) -> None:
    missing = [path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()]
    assert not missing, f"{page.name} names {', '.join(missing)}"


def test_every_variable_that_is_read_is_in_the_list() -> None:
    read: set[str] = set()
    for top in ("compiler", "dialects", "passes", "runtime"):
        for path in (ROOT / top).rglob("*.py"):
            read |= set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", path.read_text()))
    assert read == {knob.name for knob in KNOBS}


def test_every_exit_code_is_explained() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text()
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.DyadicError)]
    for one in classes:
        if one is not errors.DyadicError:
            assert re.search(rf"^\| {one.exit_code} \|.*`{one.__name__}`", text, re.M), one


def test_the_readmes_two_commands_are_the_ones_that_ci_runs() -> None:
    commands = re.findall(r"^(python3 -m venv .*)$", (ROOT / "README.md").read_text(), re.M)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text()
    for command in commands:
        for part in command.split(" && ")[1:]:
            words = shlex.split(part)
            assert shlex.join(words[1:]).replace("'", "") in script.replace("'", ""), part
