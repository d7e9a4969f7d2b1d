"""Kept results depend on all that they were made by: no module that decides them is missing from the digest."""

import ast
from pathlib import Path

import pytest

from dyadic.compiler import identity
from dyadic.runtime import targets

ROOT = Path(__file__).resolve().parent.parent.parent


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


def covered(sources: tuple[str, ...]) -> set[Path]:
    every = [ROOT / source for source in sources]
    return {file for path in every for file in (path.rglob("*.py") if path.is_dir() else [path])}


def test_all_that_generates_a_kernel_is_in_the_digest() -> None:
    used = used_by(ROOT / "passes/lower/cpu/kernels/registry.py", set())
    missing = {path for path in used - covered(identity.CODE_SOURCES) if path.name != "__init__.py"}
    assert not missing, f"add to CODE_SOURCES, or import less: {missing}"


def test_all_that_calibrates_is_in_the_digest() -> None:
    used = used_by(ROOT / "compiler/calibrate/__init__.py", set())
    missing = used - covered(identity.CALIBRATE_SOURCES)
    elsewhere = {ROOT / "compiler" / name for name in ("cache.py", "identity.py", "progress.py")}
    others = {path for path in missing - elsewhere if ROOT / "runtime" not in path.parents}
    assert {path.name for path in others} <= {"__init__.py"}, "add to CALIBRATE_SOURCES"


def test_all_that_measures_sensitivities_is_in_the_digest() -> None:
    used = used_by(ROOT / "compiler/sensitivity/__init__.py", set())
    missing = used - covered(identity.SENSITIVITY_SOURCES)
    elsewhere = {ROOT / "compiler" / name for name in ("cache.py", "identity.py", "progress.py")}
    elsewhere |= {ROOT / "compiler/calibrate/data.py"}  # the samples themselves are in the key
    others = {path for path in missing - elsewhere if ROOT / "runtime" not in path.parents}
    assert {path.name for path in others} <= {"__init__.py"}, f"add to SENSITIVITY_SOURCES: {others}"


def test_digests_change_with_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "TREE", tmp_path)
    (tmp_path / "folder").mkdir()
    digests = set()
    for name, text in (("folder/a.py", "1"), ("folder/a.py", "2"), ("folder/b.py", ""), ("one.py", "1")):
        (tmp_path / name).write_text(text)
        sources = ("folder", "one.py") if (tmp_path / "one.py").exists() else ("folder",)
        digests |= {identity.digest.__wrapped__(sources, ()), identity.digest.__wrapped__(sources, ("numpy",))}
    assert len(digests) == 8


def test_timings_depend_on_more_than_code() -> None:
    assert identity.code_digest() != identity.tune_digest()


def test_a_processor_is_known_by_what_makes_it_fast() -> None:
    level = targets.usable()[0]
    said = identity.processor(level)
    assert set(said["features"]) == targets.BY_NAME[level].needs
    assert identity.processor("x86-64") != said


def test_the_second_level_has_a_size() -> None:
    assert 1 << 17 <= identity.level_two_bytes() <= 1 << 28
