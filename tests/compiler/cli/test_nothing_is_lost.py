"""No file of the user's is written over, and what is finished is on disk before anything else is tried."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.command_line import DIGITS

import dyadic
from dyadic.compiler import driver
from dyadic.compiler.artifact import Artifact
from dyadic.compiler.cli.main import main
from dyadic.compiler.job import Job
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.errors import FileError, ModelError, UsageError

pytestmark = pytest.mark.usefixtures("short_fronts")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, its data, a plan and a metric, and that folder as the current one."""
    (tmp_path / "m.onnx").write_bytes((DIGITS / "digits.onnx").read_bytes())
    data = np.load(DIGITS / "test.npz")
    np.savez(tmp_path / "c.npz", image=data["image"][:32])
    np.savez(tmp_path / "e.npz", image=data["image"][:40], labels=data["labels"][:40])
    (tmp_path / "p.json").write_text('{"dyadic_plan": 1, "layers": {}}')
    (tmp_path / "q.py").write_text(
        "def right(outputs, data):\n    return outputs['logits'].argmax(1) == data['labels']\n"
    )
    (tmp_path / "folder").mkdir()
    os.symlink("m.onnx", tmp_path / "link.onnx")
    os.symlink("m.onnx", tmp_path / "link.dyq")
    os.link(tmp_path / "c.npz", tmp_path / "hard.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compile_words(*words: str, output: str = "out.dyq") -> list[str]:
    line = ["compile", "m.onnx", "--calibration", "c.npz", "--evaluate", "e.npz", "-o", output, "--isa", "x86-64"]
    return [*line, "--progress", "off", *words]


@pytest.mark.parametrize(
    ("words", "output", "said"),
    [
        ((), "m.onnx", "an artifact is no ONNX file, name it m.dyq"),
        ((), "./folder/../m.onnx", "an artifact is no ONNX file"),
        ((), "other.npz", "--output other.npz: an artifact is no file of arrays, name it other.dyq"),
        ((), "link.dyq", "--output link.dyq is the model, which would be lost"),
        ((), "c.npz", "is the calibration data"),
        ((), "hard.npz", "--output hard.npz is the calibration data"),
        ((), "e.npz", "is the evaluation data"),
        (("--plan", "p.json"), "p.json", "is the plan"),
        (("--metric", "q.py:right"), "q.py", "is the metric's file"),
        (("--emit-plan", "m.onnx"), "out.dyq", "--emit-plan m.onnx is the model"),
        (("--emit-plan", "folder/../out.bin"), "out.bin", "are one file"),
        (("--emit-plan", "other.dyq"), "out.dyq", "--emit-plan other.dyq: a plan is no artifact, name it other.json"),
        ((), "-", "--output -: an artifact is a file, name it"),
        (("--until", "ingest"), "m.onnx", "is the model"),
        (("--emit", "qi"), "link.onnx", "is the model"),
    ],
)
def test_2_outputs_that_are_inputs(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, words: tuple[str, ...], output: str, said: str
) -> None:
    before = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
    for name in ("float_network", "calibrate"):
        monkeypatch.setattr(driver, name, lambda *_: pytest.fail("this is work"))
    assert main(compile_words(*words, output=output)) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()} == before


def test_2_external_data_of_the_model_is_an_input_too(files: Path, capsys: Any) -> None:
    onnx.save(onnx.load("m.onnx"), "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert main(compile_words(output="weights.bin")) == 2
    assert "--output weights.bin is weights.bin, data of the model, which would be lost" in capsys.readouterr().err


def test_2_in_python_too(files: Path) -> None:
    with pytest.raises(UsageError, match=r"""^emit_plan="link\.onnx" is the model"""):
        dyadic.compile("m.onnx", "c.npz", emit_plan="link.onnx")
    events: list[dict[str, Any]] = []
    artifact = dyadic.compile("m.onnx", "c.npz", isa="x86-64", measure=False, progress=events.append)
    for path in ("m.onnx", "folder/../link.onnx", Path("hard.npz")):
        with pytest.raises(UsageError, match="which would be lost"):
            artifact.save(path)
    for path, said in (
        ("other.onnx", "is no ONNX file, name it other.dyq"),
        ("", "which '' is not"),
        ("a\0b", "is not"),
    ):
        with pytest.raises(UsageError, match=said):
            artifact.save(path)
    with pytest.raises(UsageError, match=r"the model .* no file has such a name, with a zero character in it"):
        dyadic.compile("m\0.onnx", "c.npz")
    assert artifact.save("out.dyq") == os.path.getsize("out.dyq")
    first, last = events[0], events[-1]
    assert (first["event"], first["stage"], last["event"], last["command"]) == ("start", "import", "result", "compile")
    assert last["bytes"] == os.path.getsize("out.dyq") and last["model"] == "m.onnx" and "artifact" not in last
    assert repr(artifact).startswith("<Artifact of m.onnx: int8, ") and len(repr(artifact)) < 300
    assert len(repr(artifact.emitted)) < 200 and "x86-64" in repr(artifact.emitted)


def test_2_what_other_commands_write(artifact: Path, tmp_path: Path, capsys: Any) -> None:
    np.save(tmp_path / "x.npy", np.load(DIGITS / "test.npz")["image"][:2])
    os.symlink(tmp_path / "x.npy", tmp_path / "y.npy")
    x, y, html = (str(tmp_path / name) for name in ("x.npy", "y.npy", "r.html"))
    for words, said in (
        (["run", str(artifact), "--input", x, "--output", y], "is the input, which would be lost"),
        (["report", str(artifact), "--html", str(artifact)], "is the artifact, which would be lost"),
        (["report", str(artifact), "--json", str(artifact)], "is the artifact, which would be lost"),
        (["report", str(artifact), "--html", html, "--json", html], "are one file: name another"),
    ):
        assert main(words) == 2
        assert said in capsys.readouterr().err
    assert np.load(x).shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--input", "x.npy", "--output", "no/y.npy"), "create it first"),
        (("report", "--html", "no/page.html"), "create it first"),
        (("report", "--html", "other.dyq"), "a page is no artifact, name it other.html; --html behind the artifacts"),
        (("report", "--json", "m.onnx"), "JSON is no ONNX file, name it m.json; --json behind the artifacts prints it"),
        (("export", "-o", "other.dyq"), "an ONNX file is no artifact, name it other.onnx"),
        (("export", "-o", "no/m.onnx"), "create it first"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_what_cannot_be_written_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, words: tuple[str, ...], said: str
) -> None:
    """`dyadic report --html other.dyq m.dyq` would be a page over an artifact."""
    monkeypatch.chdir(tmp_path)
    Path("other.dyq").write_text("mine")
    name, *rest = words
    assert main([name, *rest, "missing.dyq"]) in (2, 6)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and Path("other.dyq").read_text() == "mine"


def test_6_a_plan_that_cannot_be_written_is_said_before_the_search(files: Path, capsys: Any) -> None:
    assert main(compile_words("--emit-plan", "no/such/plan.json", "--max-size", "0.5x")) == 6
    assert "no/such/plan.json" in capsys.readouterr().err and not Path("out.dyq").exists()
    with pytest.raises(FileError, match=r"no/such/plan\.json"):
        dyadic.compile("missing.onnx", "c.npz", emit_plan="no/such/plan.json")


def broken_off(error: BaseException) -> Any:
    def measure(*_: Any) -> None:
        assert not Path("out.dyq").exists() or main(["verify", "out.dyq"]) == 0
        raise error

    return measure


def test_130_an_interrupted_comparison_leaves_the_artifact(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(driver, "measure", broken_off(KeyboardInterrupt()))
    assert main(compile_words()) == 130
    error = capsys.readouterr().err.lstrip()
    assert error == "dyadic: interrupted; the artifact is complete in out.dyq, without measurements in its report\n"
    with open_artifact("out.dyq") as file:
        report = file.json("report")
    assert report["layers"] and "comparison" not in report
    assert main(["report", "out.dyq"]) == 0


def test_130_an_interrupt_that_became_another_error_leaves_it_too(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def measure(*_: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("an extension module was interrupted") from None

    monkeypatch.setattr(driver, "measure", measure)
    assert main(compile_words()) == 130
    assert "interrupted; the artifact is complete in out.dyq" in capsys.readouterr().err
    assert main(["verify", "out.dyq"]) == 0


def test_2_an_error_in_the_comparison_leaves_the_artifact(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(driver, "measure", broken_off(UsageError("the metric failed")))
    assert main(compile_words()) == 2
    assert "the metric failed; the artifact is complete in out.dyq" in capsys.readouterr().err
    assert main(["verify", "out.dyq"]) == 0


def test_in_python_there_is_an_artifact_too(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "measure", broken_off(KeyboardInterrupt()))
    with pytest.warns(RuntimeWarning, match="interrupted: the artifact is complete"):
        artifact = dyadic.compile("m.onnx", "c.npz", isa="x86-64")
    assert artifact.save("out.dyq") > 0
    monkeypatch.setattr(driver, "measure", broken_off(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError) as caught:
        dyadic.compile("m.onnx", "c.npz", isa="x86-64")
    assert isinstance(caught.value.artifact, Artifact)  # pyright: ignore[reportAttributeAccessIssue]
    assert "the artifact itself is complete" in caught.value.__notes__[0]


def of_labels(labels: Any, images: int = 8) -> dict[str, Any]:
    return {"image": np.load(DIGITS / "test.npz")["image"][:images], "labels": np.asarray(labels)}


@pytest.mark.parametrize(
    ("evaluate", "said"),
    [
        (of_labels([1, 2, 3, 10, 4, 5, 6, 7]), '"labels" of sample 3 is 10; the model has 10 classes, numbered from 0'),
        (of_labels([1, 2, 3, -1, 4, 5, 6, 7]), '"labels" of sample 3 is -1; the model has 10 classes'),
        (of_labels([1, 2, 3]), 'a different number of samples for each input: 8 of "image", 3 of "labels"'),
        (of_labels([0.5] * 8), "one whole number a sample is needed"),
        ({"image": np.full((8, 1, 8, 8), np.nan)}, 'sample 0 of "image" holds NaN or infinity'),
        ({"image": np.zeros((8, 1, 9, 8))}, "has shape [8, 1, 9, 8], the model reads"),
        ({"image": np.zeros((0, 1, 8, 8))}, "holds no samples"),
        ([of_labels([1] * 8), of_labels([1] * 7 + [12])], '"labels" of sample 15 is 12'),
    ],
)
def test_2_evaluation_data_is_checked_before_the_long_work(
    files: Path, monkeypatch: pytest.MonkeyPatch, evaluate: Any, said: str
) -> None:
    monkeypatch.setattr(driver, "calibrate", lambda *_: pytest.fail("this is the long work"))
    with pytest.raises(UsageError) as caught:
        dyadic.compile("m.onnx", "c.npz", evaluate=evaluate, isa="x86-64")
    assert said in str(caught.value)
    if isinstance(evaluate, dict):
        np.savez("wrong.npz", **evaluate)
        with pytest.raises(UsageError) as caught:
            dyadic.compile("m.onnx", "c.npz", evaluate="wrong.npz", isa="x86-64")
        assert said in str(caught.value)


def test_labels_of_calibration_data_are_classes_too(files: Path) -> None:
    """They are read where a sensitivity asks for them."""
    job = Job("m.onnx", of_labels([10] * 8), max_size="0.6x", isa="x86-64", sensitivity="loss")
    with pytest.raises(UsageError, match='"labels" of sample 0 is 10; the model has 10 classes'):
        driver.build_artifact(job, driver.Tools.of(job))


class OneAtATime(torch.nn.Module):
    """Takes no other batch than 1."""

    def __init__(self) -> None:
        super().__init__()
        self.token = torch.nn.Parameter(torch.ones(1, 1, 8, 8))
        self.conv = torch.nn.Conv2d(2, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cat([self.token, x], 1))


def test_a_module_that_takes_one_sample_at_a_time_is_compared_all_the_same() -> None:
    images = np.load(DIGITS / "test.npz")["image"][:32]
    artifact = dyadic.compile(OneAtATime().eval(), images, example_inputs=(torch.zeros(1, 1, 8, 8),), isa="x86-64")
    assert artifact.report.comparison is not None and artifact.report.comparison.sqnr_db > 25


def test_a_float_model_that_does_not_run_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an artifact, and nothing to compare it with; where a comparison was asked for, that is an error."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("planted")

    images = np.load(DIGITS / "test.npz")["image"][:32]
    monkeypatch.setattr("onnxruntime.InferenceSession", refuse)
    with pytest.warns(RuntimeWarning, match="nothing was measured: onnxruntime cannot run the float model"):
        artifact = dyadic.compile(DIGITS / "digits.onnx", images, isa="x86-64")
    assert artifact.report.comparison is None and artifact.report.notes[0].endswith("ZeroDivisionError: planted")
    with pytest.raises(ModelError, match="onnxruntime cannot run the float model to compare with"):
        dyadic.compile(DIGITS / "digits.onnx", images, evaluate=images, isa="x86-64")
