"""Pages made from code are current, links lead somewhere, and the README's commands are what CI runs."""

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
from support.documented import PAGES, ROOT

from dyadic.compiler.knobs import KNOBS
from dyadic.runtime import errors

by_place = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def script(name: str) -> ModuleType:
    """A file of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"{name}_of_docs", ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE, SITE = script("generate"), script("site")


@pytest.mark.parametrize("name", GENERATE.PAGES)
def test_pages_made_from_the_code_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == GENERATE.PAGES[name](), "run: python docs/generate.py"


@by_place
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


PATH = re.compile(r"`((?:compiler|dialects|passes|runtime|tests|lit_tests|benchmarks|examples|docs)/[\w./-]*)`")


@by_place
def test_files_that_are_named_exist(page: Path) -> None:
    missing = [path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()]
    assert not missing, f"{page.name} names {', '.join(missing)}"


def test_every_page_is_in_a_chapter_of_the_site() -> None:
    """`python docs/site.py` builds it without a warning; .ci/run does."""
    listed = [f"{name}.md" for names in SITE.CHAPTERS.values() for name in names]
    assert sorted([*listed, "index.md"]) == sorted(SITE.pages().values())


def test_links_lead_to_the_same_pages_of_the_site() -> None:
    text = "[a](docs/data.md#x), ![b](docs/architecture.svg), [c](examples/digits/README.md), [d](examples/c/main.c)"
    wanted = "[a](data.md#x), ![b](architecture.svg), [c](examples/digits.md), d"
    assert SITE.relinked(text, "README.md", SITE.pages()) == wanted
    back = SITE.relinked("[a](../../docs/data.md), [b](https://x.org)", "examples/digits/README.md", SITE.pages())
    assert back == "[a](../data.md), [b](https://x.org)"


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
