"""Commands that run artifacts, where nothing but numpy is installed: the runtime's own reading of the command line."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import DIGITS

import dyadic
from dyadic import __main__ as entry
from dyadic.compiler.cli import main as cli
from dyadic.compiler.opt.main import main as opt_main
from dyadic.runtime.commands import line
from dyadic.runtime.commands.evaluate import Counts, Share

TEST = DIGITS / "test.npz"


@pytest.mark.parametrize("main", [line.main, cli.main], ids=["numpy alone", "click"])
def test_every_command_does_the_same_whatever_reads_its_words(
    main, artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: object) -> str:
        assert main([*map(str, words)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    run("run", artifact, "--input", TEST, "--output", tmp_path / "y.npz")
    assert np.load(tmp_path / "y.npz")["logits"].shape == (597, 10)
    facts = json.loads(run("bench", artifact, "--iterations", 3, "--warmup=0", "--json", "--threads", 1))
    assert (facts["iterations"], facts["threads"]) == (3, 1) and facts["min_ms"] <= facts["median_ms"]
    assert json.loads(run("inspect", artifact, "--json"))["levels"]["x86-64"]["kernels"] > 0
    assert json.loads(run("verify", artifact, "--json"))["hashes"] == "right"
    facts = json.loads(run("evaluate", artifact, TEST, "--json"))
    assert facts["samples"] == 597 and facts["top1"]["low"] < facts["top1"]["value"] < facts["top1"]["high"] < 1
    assert "accuracy" in run("evaluate", artifact, TEST)
    assert "evaluate" in run("--help") and "--iterations" in run("bench", "--help")
    assert dyadic.__version__ in run("--version")


def test_what_is_wrong_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str], artifact: Path) -> None:
    for words, said in (
        (("nonsens",), "No such command 'nonsens'"),
        (("bnch", "m.dyq"), "did you mean bench?"),
        (("bench",), "required: ARTIFACT"),
        (("bench", "m.dyq", "--iterashuns", "3"), "did you mean --iterations?"),
        (("bench", "m.dyq", "--iterations", "x"), "'x' is no whole number"),
        (("bench", "m.dyq", "--batch", "0"), "0 is not from 1 to 1048576"),
        (("bench", "m.dyq", "--progress", "jsn"), "did you mean json?"),
        (("bench", "m.dyq", "n.dyq"), "unexpected extra argument 'n.dyq'"),
        (("run", str(artifact), "--input", "x.npy"), "required: --output"),
        (("compile", "m.onnx", "-o", "m.dyq"), "pip install 'dyadic[compile]'"),
        (("report", "m.dyq"), "pip install 'dyadic[compile]'"),
    ):
        assert line.main([*words]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error


def test_commands_that_need_more_say_what_to_install(
    capsys: pytest.CaptureFixture[str], artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is missing is no mistake of ours, whatever needs it."""
    for name in [one for one in sys.modules if one.startswith("dyadic.compiler.targets")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dyadic.compiler.targets.registry", None)
    monkeypatch.setitem(sys.modules, "iced_x86", None)

    def missing(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'iced_x86'", name="iced_x86")

    monkeypatch.setattr("dyadic.runtime.commands.verify.of_compiler", missing)
    monkeypatch.setattr("dyadic.runtime.commands.evaluate.of_compiler", missing)
    assert line.main(["verify", str(artifact)]) == 0
    done = capsys.readouterr()
    assert "every hash is right" in done.out and "'iced_x86', which is not installed" in done.err
    assert line.main(["evaluate", str(artifact), str(TEST), "--model", "m.onnx"]) == 2
    assert "dyadic evaluate needs the package 'iced_x86'" in capsys.readouterr().err


def test_evaluate_beside_the_float_model_and_by_a_metric(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def facts(*words: object) -> dict[str, Any]:
        assert cli.main(["evaluate", str(artifact), str(TEST), *map(str, words), "--progress", "json"]) == 0
        return json.loads(capsys.readouterr().err.splitlines()[-1])

    beside = facts("--model", DIGITS / "digits.onnx")
    assert (beside["event"], beside["command"], beside["schema"]) == ("result", "evaluate", 1)
    assert beside["agreement"]["value"] > 0.99 and beside["sqnr_db"] > 30
    assert beside["float"]["engine"] == "onnxruntime" and abs(beside["difference"]["value"]) < 0.01
    change = beside["top1"]["value"] - beside["float"]["top1"]["value"]
    assert change == pytest.approx(beside["difference"]["value"])
    (tmp_path / "m.py").write_text(
        "def right(outputs, data):\n    return outputs['logits'].argmax(1) == data['labels']\n", encoding="utf-8"
    )
    measured = facts("--metric", f"{tmp_path / 'm.py'}:right", "--model", DIGITS / "digits.onnx")
    assert measured["metric"]["name"] == "right"
    assert measured["metric"]["value"] == pytest.approx(beside["top1"]["value"])
    assert measured["metric"]["low"] < measured["metric"]["value"] <= measured["metric"]["high"]
    assert "top1" not in measured and measured["float"]["metric"]["value"] > 0.98
    # labels are the metric's own, whatever they are
    few = np.load(TEST)["image"][:20]
    np.savez(tmp_path / "own.npz", image=few, labels=np.linspace(-3, 900, 40).reshape(20, 2))
    (tmp_path / "n.py").write_text("def mean(outputs, data):\n    return data['labels'][:, 0].mean()\n", "utf-8")
    assert (
        cli.main(["evaluate", str(artifact), str(tmp_path / "own.npz"), "--metric", f"{tmp_path / 'n.py'}:mean"]) == 0
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: {"image": d["image"]}, 'has no array named "labels" (it has: "image")'),
        (lambda d: {"image": d["image"], "labels": d["labels"] + 3}, "the network has 10 classes, numbered from 0"),
        (
            lambda d: {"image": d["image"].transpose(0, 2, 3, 1), "labels": d["labels"]},
            "expected [N, 1, 8, 8]: it looks like channels last",
        ),
        (lambda d: {"image": d["image"], "labels": d["labels"][:, None]}, 'labels" holds int64 of shape [8, 1]'),
        (lambda d: {"image": d["image"] * np.nan, "labels": d["labels"]}, 'sample 0 of "image" holds NaN or infinity'),
        (lambda d: {"image": (16 * d["image"]).astype(np.uint8), "labels": d["labels"]}, "dtype uint8"),
        (lambda d: {"picture": d["image"], "labels": d["labels"]}, "has no array named"),
    ],
    ids=["no labels", "other classes", "NHWC", "labels of two dimensions", "NaN", "uint8", "other name"],
)
def test_evaluation_data_that_do_not_fit(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, said: str
) -> None:
    few = {name: array[:8] for name, array in np.load(TEST).items()}
    np.savez(tmp_path / "few.npz", **change(few))
    assert line.main(["evaluate", str(artifact), str(tmp_path / "few.npz")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize("dtype", ["float64", "float16", ">f4"])
def test_files_may_hold_floats_of_any_width(artifact: Path, tmp_path: Path, dtype: str) -> None:
    """NumPy writes float64 where nobody says otherwise, and a compile takes the same files."""
    few = np.load(TEST)["image"][:4]
    source, output = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(source, few.astype(dtype))
    assert line.main(["run", str(artifact), "--input", str(source), "--output", str(output)]) == 0
    with dyadic.load(artifact, max_batch=4) as session:
        np.testing.assert_array_equal(np.load(output), session(few.astype(dtype).astype(np.float32)))


@pytest.mark.parametrize("main", [cli.main, line.main], ids=["click", "alone"])
@pytest.mark.parametrize("missing", ["--input", "--output"])
def test_what_must_be_given_is_asked_for(main: Any, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [f"{flag}=x.npy" for flag in ("--input", "--output") if flag != missing]
    assert main(["run", "model.dyq", *given]) == 2
    said = capsys.readouterr().err
    assert missing in said and said.count("\n") == 1


def test_dyadic_opt_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "dyadic.compiler.opt.main", raising=False)
    monkeypatch.setitem(sys.modules, "torch_mlir", None)
    assert entry.opt() == 2
    assert "dyadic-opt needs the package 'torch_mlir', which is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(errno.EPIPE, 0, ""), (errno.ENOSPC, 1, "error: standard output cannot be written: No space left on device\n")],
)
def test_dyadic_opt_ends_where_nobody_takes_its_text(
    number: int, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(number, os.strerror(number))

        def fileno(self) -> int:
            return os.open(os.devnull, os.O_WRONLY)

    monkeypatch.setattr(sys, "stdout", Full())
    assert opt_main(["--list-passes"]) == code
    assert capsys.readouterr().err == said


def test_shares_have_wilsons_interval() -> None:
    assert Share(0, 10).interval == pytest.approx((0, 0.2775), abs=1e-4)
    assert Share(10, 10).interval == pytest.approx((0.7225, 1), abs=1e-4)


def test_of_equal_numbers_the_first_is_the_best() -> None:
    counts = Counts()
    counts.add(np.array([[1.0, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]]), np.array([0, 1]))
    counts.add(np.array([[0.0, 0, 0, 0, 0, 0, 0]]), np.array([5]))
    assert (counts.samples, counts.right, counts.best) == (3, 1, 2)
    counts = Counts()
    counts.add(np.array([[3], [4]]), np.array([3, 5]))
    assert (counts.right, counts.best) == (1, None)


@pytest.mark.slow
def test_a_wheel_and_numpy_are_enough(artifact: Path, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DYADIC_", "PYTHON"))}

    def run(*words: object, code: int = 0) -> str:
        done = subprocess.run([*map(str, words)], capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "wheels", root)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    run(sys.executable, "-m", "venv", "alone")
    python = tmp_path / "alone" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", wheel)
    installed = run(python, "-m", "pip", "list", "--format=freeze").split()
    assert {one.partition("==")[0] for one in installed} <= {"dyadic", "numpy", "pip", "setuptools", "wheel"}
    dyadic_command = tmp_path / "alone" / "bin" / "dyadic"
    run(dyadic_command, "run", artifact, "--input", TEST, "--output", "y.npz")
    for command in ("bench", "inspect", "verify"):
        run(dyadic_command, command, artifact)
    assert "accuracy" in run(dyadic_command, "evaluate", artifact, TEST)
    for command in ("compile", "report", "compare", "export"):
        assert "pip install 'dyadic[compile]'" in run(dyadic_command, command, "m", code=2)
    said = run(python, "-c", "import dyadic; dyadic.compile", code=1)
    assert "ImportError: dyadic.compile needs the package" in said
