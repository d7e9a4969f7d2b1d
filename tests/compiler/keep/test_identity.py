"""Kept results depend on all that they were made by: no module that decides them is missing from the digest."""

import ast
from pathlib import Path

import pytest

from dyadic.compiler.keep import identity
from dyadic.compiler.targets.cpu import identity as cpu
from dyadic.runtime.cpu import levels, processor

ROOT = Path(__file__).resolve().parents[3]


def file_of(module: str) -> Path | None:
    path = ROOT / Path(*module.split(".")[1:])
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def used_by(path: Path, known: set[Path]) -> set[Path]:
    """Every file of ours that a file imports, those included that these import."""
    if path in known:
        return known
    known.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for found in (file_of(name) for name in names if name.startswith("dyadic.")):
            if found is not None:
                used_by(found, known)
    return known


DIGESTS = {
    "code": cpu.CODE_ROOTS,
    "tune": cpu.TUNE_ROOTS,
    "calibrate": identity.CALIBRATE_ROOTS,
    "sensitivity": identity.SENSITIVITY_ROOTS,
    "refine": identity.REFINE_ROOTS,
}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_digest_is_of_everything_that_is_imported(name: str) -> None:
    """Found here by parsing, there by a pattern."""
    roots = DIGESTS[name]
    lists = {ROOT / one for one in identity.LISTS}
    used = set(lists)
    for root in roots:
        path = ROOT / root
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            used_by(file, used)
    assert set(identity.closure(roots)) == used - lists


@pytest.mark.parametrize("name", DIGESTS)
@pytest.mark.parametrize("file", ["runtime/fixedpoint.py", "runtime/errors.py"])
def test_another_rounding_is_another_key(name: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    roots = DIGESTS[name]
    before, read_bytes = identity.digest.__wrapped__(roots, ()), Path.read_bytes
    changed = ROOT / file
    monkeypatch.setattr(Path, "read_bytes", lambda path: read_bytes(path) + b"#" * (path == changed))
    assert identity.digest.__wrapped__(roots, ()) != before


def test_what_is_never_imported_changes_no_digest() -> None:
    for roots in DIGESTS.values():
        assert ROOT / "compiler/report/page.py" not in identity.closure(roots)


def test_digests_change_with_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "TREE", tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "one.py").write_text("")
    digests = set()
    for name, text in (
        ("folder/a.py", "1"),
        ("folder/a.py", "2"),
        ("folder/b.py", ""),
        ("one.py", "1"),  # nothing of the folder imports it yet
        ("folder/b.py", "def f():\n    from dyadic import (\n        one,\n    )\n    from dyadic.one import x\n"),
        ("one.py", "2"),
    ):
        (tmp_path / name).write_text(text)
        digests |= {identity.digest.__wrapped__(("folder",), packages) for packages in ((), ("numpy",))}
    assert len(digests) == 10


def test_timings_depend_on_more_than_code() -> None:
    assert cpu.code_digest() != cpu.tune_digest()


def test_a_processor_is_known_by_what_makes_it_fast() -> None:
    level = levels.usable()[0]
    said = processor.processor(level)
    assert set(said["features"]) == levels.BY_NAME[level].needs
    assert processor.processor("x86-64") != said


def test_the_second_level_has_a_size() -> None:
    assert 1 << 17 <= processor.level_two_bytes() <= 1 << 28
