"""The tree keeps its promises: every pass is registered and tested, every op is tested, every package ships."""

import re
import tomllib
from pathlib import Path

import pytest

from dyadic.dialects.qd import QD
from dyadic.dialects.qi import QI
from dyadic.passes import PIPELINE

ROOT = Path(__file__).resolve().parent.parent
PASS = re.compile(r"^@module_pass\ndef (\w+)\(", re.M)
REGISTERED = sorted({(one.folder, one.name) for passes in PIPELINE.values() for one in passes})
SHARED = {"lower/memory"}  # by the stages of several targets


@pytest.mark.parametrize("stage", sorted({*PIPELINE, *SHARED}))
def test_every_pass_file_is_in_its_stage(stage: str) -> None:
    in_files = {}
    for path in (ROOT / "passes" / stage).glob("*.py"):
        for name in PASS.findall(path.read_text()):
            in_files[name] = path.stem
    assert sorted(in_files) == sorted(name.replace("-", "_") for folder, name in REGISTERED if folder == stage)
    assert {one.folder for one in PIPELINE.get(stage, ())} <= {stage, *(SHARED if stage.startswith("lower") else ())}
    assert list(in_files) == list(in_files.values()), "one pass a file, and the file has its name"


def test_every_folder_of_passes_is_a_stage() -> None:
    folders = {
        str(p.parent.relative_to(ROOT / "passes"))
        for p in (ROOT / "passes").rglob("*.py")
        if PASS.search(p.read_text())
    }
    assert folders <= {*PIPELINE, *SHARED}


def test_pass_names_are_unique() -> None:
    names = [name for _, name in REGISTERED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("stage", "name"), REGISTERED)
def test_every_pass_has_a_lit_test(stage: str, name: str) -> None:
    path = ROOT / "lit_tests" / "passes" / stage / f"{name}.mlir"
    assert path.is_file()
    assert name in path.read_text(), f"{path.name} never runs {name}"


@pytest.mark.parametrize(("stage", "name"), REGISTERED)
def test_every_pass_has_a_meaning_test(stage: str, name: str) -> None:
    assert (ROOT / "tests" / "passes" / stage / f"test_{name.replace('-', '_')}.py").is_file()


def test_every_lit_test_of_a_pass_has_its_pass() -> None:
    folder = ROOT / "lit_tests" / "passes"
    # a long one goes on in files of its name and a topic: ingest-aten.moves.mlir
    written = {(str(p.parent.relative_to(folder)), p.name.partition(".")[0]) for p in folder.rglob("*.mlir")}
    assert written <= set(REGISTERED)


@pytest.mark.parametrize("dialect", [QD, QI])
def test_every_op_is_in_its_dialects_lit_test(dialect: type) -> None:
    name = dialect.DIALECT_NAMESPACE
    text = (ROOT / "lit_tests" / "dialects" / f"{name}-ops.mlir").read_text()
    missing = [op.OPERATION_NAME for op in dialect.operations if f'"{op.OPERATION_NAME}"' not in text]
    assert not missing


LONGEST = 450  # lines of a file that people read


def test_no_file_is_too_long() -> None:
    """Past that, look for the second idea."""
    read = (".py", ".cpp", ".h", ".mlir", ".jinja", ".css", ".js")
    tops = ("compiler", "dialects", "passes", "runtime", "tests", "lit_tests", "benchmarks", "examples", "docs")
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for top in tops
        for path in (ROOT / top).rglob("*")
        if path.suffix in read and "third_party" not in path.parts
    }
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST}


def test_every_package_ships() -> None:
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    on_disk = {"dyadic"} | {
        "dyadic." + ".".join(init.parent.relative_to(ROOT).parts)
        for top in ("compiler", "dialects", "passes", "runtime")
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert declared == on_disk


def test_every_file_beside_the_modules_ships() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for top in ("compiler", "dialects", "passes"):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                package = "dyadic." + ".".join(path.parent.relative_to(ROOT).parts)
                assert path.name in declared.get(package, []) + declared["*"], f"{path} would not ship"


def test_every_module_is_in_a_package() -> None:
    for top in ("compiler", "dialects", "passes", "runtime"):
        for path in (ROOT / top).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), f"{path} would not ship"


def test_the_tree_in_the_readme_exists() -> None:
    listed = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert listed, "README.md prints the tree in a ```text block"
    folder = Path()
    for line in listed[1].splitlines():
        if not line.strip():
            continue
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        path = Path(name) if indent == 0 else folder / name
        if indent == 0:
            folder = path
        assert (ROOT / path).exists(), f"README lists {path}"
        assert (ROOT / path).is_dir() == name.endswith("/"), f"README: {path} is a folder exactly if it ends with /"
