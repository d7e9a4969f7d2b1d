"""Files of `--load-passes` and installed packages: run once, recorded, and refused in a sentence."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from support.onnx_models import model

import dyadic
from dyadic.compiler import extensions
from dyadic.compiler.cli.main import main
from dyadic.compiler.extensions import load_extensions, passes_of, record
from dyadic.passes import PIPELINE
from dyadic.passes.extending import EXTENSIONS
from dyadic.runtime.errors import FileError, UsageError

PASS = '''
from dyadic.passes.extending import runs_in
from dyadic.passes.rewriting import module_pass

@runs_in("{stage}")
@module_pass
def rest_a_while(module):
    """Do nothing."""
'''


@pytest.fixture(autouse=True)
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before, known = dict(PIPELINE), dict(EXTENSIONS)
    monkeypatch.setattr(extensions, "_files", {})
    monkeypatch.setattr(extensions, "_installed", {})
    yield
    PIPELINE.update(before)
    EXTENSIONS.clear()
    EXTENSIONS.update(known)


def test_a_file_is_run_once_and_again_where_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "my passes.py"
    path.write_text(PASS.format(stage="prepare"))
    load_extensions([path])
    first = EXTENSIONS["rest-a-while"].one
    load_extensions([path])
    assert EXTENSIONS["rest-a-while"].one is first
    path.write_text(PASS.format(stage="integerize"))
    load_extensions([path])
    assert EXTENSIONS["rest-a-while"].stage == "integerize"
    assert "rest-a-while" not in [one.name for one in PIPELINE["prepare"]]
    (said,) = record()
    assert said["pass"] == "rest-a-while" and said["from"]["name"] == "my passes.py"
    assert not list(tmp_path.glob("__pycache__")), "nothing is written beside it"


@pytest.mark.parametrize(
    ("name", "text", "error", "said"),
    [
        ("absent.py", None, FileError, "--load-passes: the file .*absent.py' does not exist"),
        ("passes.txt", "", UsageError, "takes a Python file, not 'passes.txt'"),
        ("broken.py", "import nothing_of_this_name", UsageError, "broken.py' cannot be run: ModuleNotFoundError"),
        ("empty.py", PASS.format(stage="nowhere"), UsageError, "there is no stage 'nowhere'"),
        ("idle.py", PASS.replace("@runs_in", "# @runs_in"), UsageError, "'rest-a-while' is in no stage: put @runs_in"),
    ],
)
def test_what_cannot_be_run_is_said(tmp_path: Path, name: str, text: str | None, error: type, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(error, match=said):
        load_extensions([tmp_path / name])


def test_installed_packages_are_loaded_and_can_be_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "package_with_passes.py").write_text(PASS.format(stage="prepare"))
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("mine", "package_with_passes", extensions.GROUP)]
    monkeypatch.setattr(extensions, "entry_points", lambda group: points)
    monkeypatch.setenv("DYADIC_EXTENSIONS", "off")
    load_extensions()
    assert "rest-a-while" not in EXTENSIONS
    monkeypatch.delenv("DYADIC_EXTENSIONS")
    load_extensions()
    assert EXTENSIONS["rest-a-while"].module == "package_with_passes"
    del sys.modules["package_with_passes"]
    points.append(EntryPoint("other", "no_such_package", extensions.GROUP))
    with pytest.raises(UsageError, match="the extension 'other' cannot be loaded: ModuleNotFoundError"):
        load_extensions()


def test_lowering_again_needs_the_passes_that_lowered(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(PASS.format(stage="lower/cpu"))
    made = {"extensions": [{"pass": "rest-a-while", "stage": "lower/cpu", "from": {"name": "mine.py"}}]}
    with pytest.raises(UsageError, match=r"made with passes of others.*rest-a-while of mine\.py"):
        passes_of(made, "lower/cpu", "m.dyq")
    usual = passes_of({}, "lower/cpu", "m.dyq")
    load_extensions([path])
    assert passes_of({}, "lower/cpu", "m.dyq") == usual, "an artifact that was made without it is read without it"
    assert [one.name for one in passes_of(made, "lower/cpu", "m.dyq")] == [*(one.name for one in usual), "rest-a-while"]


def test_verify_takes_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PASS.format(stage="lower/cpu"))
    body, samples = "y = Relu(x)", np.random.default_rng(0).normal(0, 1, (16, 4, 7, 6)).astype(np.float32)
    dyadic.compile(model(body), samples, load_passes="mine.py", isa="x86-64", measure=False).save("m.dyq")
    (one,) = PIPELINE["lower/cpu"][-1:]
    assert one.name == "rest-a-while"
    PIPELINE["lower/cpu"] = PIPELINE["lower/cpu"][:-1]
    del EXTENSIONS["rest-a-while"]
    monkeypatch.setattr(extensions, "_files", {})
    assert main(["verify", "m.dyq"]) == 2
    assert "rest-a-while of mine.py" in capsys.readouterr().err
    assert main(["verify", "m.dyq", "--load-passes", "mine.py"]) == 0
