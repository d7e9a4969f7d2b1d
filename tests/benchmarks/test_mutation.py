"""Mutants are faults of one place; a runner says which of them the tests notice, and leaves the tree as it was."""

import subprocess
import textwrap
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.mutation.__main__ import AREAS, KILLED, ROOT, SURVIVED, run, sample
from benchmarks.mutation.mutants import Mutant, mutants

CODE = '''
"""Says 1 < 2 and max."""
def f(a: int, b: int = 3) -> int:
    """Or 4 + 5."""
    if not a < b:
        raise ValueError(f"{a + 1} is too much, at most {3 * b}")
    print("é", min(a, b) << 2)
    return -a if a in (b, 7) and True else a // b
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "f.py").write_text(CODE)
    return tmp_path / "f.py"


def test_every_kind_of_fault_is_found_and_no_sentence_is_touched(file: Path) -> None:
    assert [str(one).partition(":")[2] for one in mutants(file, file.parent)] == [
        "3:23: 3 -> 4",
        "5:7: not a < b -> a < b",
        "5:7: not a < b -> not (not a < b)",
        "5:13: < -> <=",
        '7:4: print("é", min(a, b) << 2) -> pass',
        "7:15: min -> max",
        "7:25: << -> >>",
        "7:28: 2 -> 3",
        "8:11: -a -> a",
        "8:19: in -> not in",
        "8:26: 7 -> 8",
        "8:29: and -> or",
        "8:33: True -> False",
        "8:45: // -> *",
    ]


def test_a_fault_changes_its_place_alone(file: Path) -> None:
    for one in mutants(file, file.parent):
        changed = one.applied(CODE)
        compile(changed, "f.py", "exec")
        lines = zip(CODE.splitlines(), changed.splitlines(), strict=True)
        assert [number for number, (old, new) in enumerate(lines, 1) if old != new] == [one.line]


def test_a_fault_of_another_source_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="not in this file"):
        Mutant("f.py", 5, 7, "<=", "<").applied(CODE)


def test_a_sample_depends_on_the_seed_alone() -> None:
    first, again, other = (sample(ROOT, 3, seed, ["select"]) for seed in (1, 1, 2))
    assert first == again != other and len(first) == 3


def test_areas_name_what_is_there() -> None:
    for area in AREAS.values():
        assert all((ROOT / path).exists() for path in (*area.code, *area.tests))


def test_what_no_test_notices_survives(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "tests").mkdir(parents=True)
    (tree / "sums.py").write_text("def plus(a, b):\n    return a + b\ndef minus(a, b):\n    return a - b\n")
    test = "from sums import plus\n\n\ndef test_plus():\n    assert plus(1, 2) == 3\n"
    (tree / "tests" / "test_sums.py").write_text(textwrap.dedent(test))
    (tree / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    work = [("area", one, ["tests"]) for one in mutants(tree / "sums.py", tree)]
    ends = run(tree, work, Namespace(jobs=1, timeout=100, output=tmp_path / "results"))
    assert [(one["line"], one["end"]) for one in ends] == [(2, KILLED), (4, SURVIVED)]
    assert ends[0]["by"] == "tests/test_sums.py::test_plus"
    assert "return a + b" in (tree / "sums.py").read_text()
    assert len((tmp_path / "results").read_text().splitlines()) == 2
