"""Every exit code, its one sentence on standard error, and nothing half-written."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.command_line import DIGITS, Command

from dyadic.compiler.cli import main as cli
from dyadic.compiler.job import source
from dyadic.runtime.cpu import levels

MODEL = DIGITS / "digits.onnx"


def one_sentence(done: subprocess.CompletedProcess[str], code: int, *parts: str, listed: int = 0) -> None:
    """One line, and after it one for each thing that it lists."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 + listed and lines[0].startswith("dyadic: "), done.stderr
    for part in parts:
        assert part in done.stderr


def compile_words(model: str | Path, calibration: str | Path, *more: str) -> list[str | Path]:
    return ["compile", model, "--calibration", calibration, "-o", "out.dyq", "--progress", "off", *more]


def broken(tmp_path: Path, change: str) -> Path:
    """A model that something is wrong with."""
    path = tmp_path / "models" / f"{change}.onnx"
    path.parent.mkdir(exist_ok=True)
    model = onnx.load(MODEL)
    if change == "nan":
        weight = model.graph.initializer[0]
        array = numpy_helper.to_array(weight).copy()
        array.flat[:12] = np.nan
        weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    if change == "unsupported":
        x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in "xy")
        nodes = [
            helper.make_node("Bernoulli", ["x"], ["c"], "/wave/a"),
            helper.make_node("RandomNormalLike", ["c"], ["y"], "/wave/b"),
        ]
        model = helper.make_model(helper.make_graph(nodes, "g", [x], [y]))
    data = model.SerializeToString()
    path.write_bytes(data[: len(data) // 2] if change == "truncated" else data)
    return path


def test_0_help_and_version(command: Command, started_anew: Command) -> None:
    for words in ((), ("--help",), ("--version",), ("compile", "-h")):
        assert command(*words).returncode == 0
    assert started_anew("--help").stdout == command("--help").stdout


def test_1_an_internal_error_is_a_sentence_with_a_reproducer(tmp_path: Path) -> None:
    program = f"""
import sys
from dyadic.compiler import float_network
from dyadic.compiler.cli import main as cli
from dyadic.passes.rewriting import Pass

def fail(module):
    raise ZeroDivisionError("planted")

float_network.PIPELINE["prepare"] = (Pass("remove-identities", "", fail),)
sys.exit(cli.main(["compile", {str(MODEL)!r}, "--until", "prepare", "--progress", "off"]))
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    one_sentence(done, 1, "internal error", "ZeroDivisionError: planted", "--debug")
    found = re.search(r"replay it with: (dyadic-opt [^;]+);", done.stderr)
    assert found
    replay = [sys.executable, "-m", "dyadic.compiler.opt.main", *shlex.split(found[1])[1:]]
    again = subprocess.run(replay, capture_output=True, text=True, check=False)
    assert again.returncode == 0 and '"qd.conv2d"' in again.stdout


def test_debug_shows_the_traceback(command: Command) -> None:
    assert "Traceback" in command("--debug", "inspect", "none.dyq").stderr
    assert "Traceback" in command("inspect", "none.dyq", "--debug").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["compile", str(MODEL), "-o", "out.dyq", "--progress", "off"], "--calibration is needed"),
        (["compile", "m.onnx", "--calibration", "c.npz"], "--output is needed"),
        (["compile", "m.onnx", "--calibration", "c.npz", "-o", "o.dyq", "--isa", "z80"], "isa 'z80' is no level"),
        (["compile", "m.onnx", "--shape", "x"], "'x' is not of the form name=1x3x224x224"),
        (["compile", "m.onnx", "--until", "qi"], "'qi' is not one of"),
        (["compile", "m.onnx", "--until", "lower", "--emit", "qi"], "leave --until lower out"),
        (["run", "m.dyq", "--input", "x.txt", "--output", "y.npy"], "neither .npz nor .npy"),
        (["bench", "m.dyq", "--iterations", "0"], "--iterations"),
        (["bench", "m.dyq", "--batch", "0"], "'--batch': 0 is not from 1 to 1048576"),
        (["bench", "m.dyq", "--iterations", "-1"], "'--iterations': -1 is less than 1"),
        (["run", "m.dyq", "--input", "x.npy", "--output", "y.npy", "--threads", "1025"], "'--threads': 1025"),
    ],
)
def test_2_wrong_usage(command: Command, words: list[str], said: str) -> None:
    one_sentence(command(*words), 2, said)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"input": np.zeros((2, 1, 8, 8), np.float32)}, 'no array named "image" (it has: "input")'),
        ({"image": np.zeros((2, 8, 8), np.float32)}, '"image" has shape [2, 8, 8], the model reads [N, 1, 8, 8]'),
        ({"image": np.zeros((0, 1, 8, 8), np.float32)}, "holds no samples"),
        ({"image": np.full((2, 1, 8, 8), np.nan, np.float32)}, 'sample 0 of "image" holds NaN or infinity'),
    ],
)
def test_2_calibration_data_that_does_not_fit(
    command: Command, tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    np.savez(tmp_path / "c.npz", allow_pickle=False, **arrays)
    one_sentence(command(*compile_words(MODEL, tmp_path / "c.npz")), 2, "c.npz", said)
    assert not (tmp_path / "out.dyq").exists()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("truncated", ("truncated.onnx", "cut short")),
        ("unsupported", ("/wave/a", "/wave/b")),
        ("nan", ("12 NaN",)),
    ],
)
def test_3_models_that_cannot_be_compiled(
    command: Command, tmp_path: Path, calibration: Path, change: str, parts: tuple[str, ...]
) -> None:
    listed = 2 if change == "unsupported" else 0
    one_sentence(command(*compile_words(broken(tmp_path, change), calibration)), 3, *parts, listed=listed)
    assert not (tmp_path / "out.dyq").exists()


@pytest.mark.parametrize("damage", ["flipped", "truncated", "other"])
def test_5_artifacts_that_are_refused(command: Command, tmp_path: Path, artifact: Path, damage: str) -> None:
    data = bytearray(artifact.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    path = tmp_path / "bad.dyq"
    path.write_bytes({"flipped": data, "truncated": data[:-100], "other": b"PK\x03\x04" * 100}[damage])
    for words in (("inspect",), ("verify",), ("bench",), ("run", "--input", DIGITS / "test.npz", "--output", "y.npy")):
        one_sentence(command(words[0], path, *words[1:]), 5, "bad.dyq")


def test_2_an_empty_text_is_a_variable_that_is_not_set(command: Command, calibration: Path) -> None:
    """As a path it would be the current folder."""
    for words, place in (
        (["compile", "", "--calibration", calibration, "-o", "out.dyq"], "one of the arguments is"),
        (compile_words(MODEL, calibration, "--evaluate", ""), "--evaluate is followed by"),
        (["inspect", ""], "one of the arguments is"),
        (["bench", "model.dyq", "--isa="], "--isa= is followed by"),
    ):
        one_sentence(command(*words), 2, f"{place} an empty text: is a variable of the shell not set?")


def test_a_slash_behind_a_files_name_changes_nothing(command: Command, calibration: Path) -> None:
    done = command(*compile_words(f"{MODEL}/", f"{calibration}/", "--until", "ingest", "-o", "i.mlir"))
    assert done.returncode == 0, done.stderr
    assert source(f"{MODEL}/") == source(MODEL)


def test_6_what_is_not_there_is_said_with_what_is_near(command: Command, tmp_path: Path, calibration: Path) -> None:
    (tmp_path / "dangling.npz").symlink_to("nowhere.npz")
    near = f"did you mean {calibration}?"
    one_sentence(command(*compile_words(MODEL, calibration.with_name(f"x{calibration.name}"))), 6, near)
    one_sentence(command(*compile_words(MODEL, tmp_path / "dangling.npz")), 6, "it is a link to 'nowhere.npz', which")
    one_sentence(command("inspect", tmp_path / "dangling.npz"), 6, "it is a link to 'nowhere.npz', which is not there")


def test_6_the_file_system(command: Command, started_anew: Command, tmp_path: Path, calibration: Path) -> None:
    one_sentence(started_anew(*compile_words(tmp_path / "none.onnx", calibration)), 6, "none.onnx")
    one_sentence(command(*compile_words(MODEL, tmp_path / "none.npz")), 6, "none.npz does not exist")
    one_sentence(command("inspect", "none.dyq"), 6, "none.dyq")


def test_6_unwritable_output_is_said_before_the_work(command: Command, tmp_path: Path, calibration: Path) -> None:
    """The model does not exist either: that would be found later."""
    words = compile_words(tmp_path / "none.onnx", calibration)
    one_sentence(command(*words, "-o", "no/such/folder/out.dyq"), 6, "no/such/folder/out.dyq", "create it first")
    one_sentence(command(*words, "-o", tmp_path), 6, "not a regular file")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_6_standard_output_that_is_full(artifact: Path) -> None:
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "dyadic", "inspect", artifact, "--json"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 6
    assert done.stderr == "dyadic: standard output cannot be written: No space left on device\n"


def test_6_a_current_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert cli.main(["compile", "m.onnx", "--calibration", "c.npz", "-o", "m.dyq", "--progress", "off"]) == 6
    assert capsys.readouterr().err == "dyadic: the current folder is not there any more: change into another\n"


def test_7_a_machine_without_the_features(
    artifact: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(levels, "features", lambda: frozenset[str]())
    assert cli.main(["bench", str(artifact)]) == 7
    assert "this machine cannot run the artifact" in capsys.readouterr().err


def test_8_out_of_memory(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cli, "Job", too_much)
    assert cli.main(["compile", "m.onnx"]) == 8
    assert capsys.readouterr().err.startswith("dyadic: out of memory")


def test_130_an_interrupt_that_became_another_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an extension module does that is interrupted while it is loaded."""

    def initialize(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(cli, "Job", initialize)
    before = signal.getsignal(signal.SIGINT)
    assert cli.main(["compile", "m.onnx"]) == 130
    assert capsys.readouterr().err == "dyadic: interrupted; nothing was written\n"
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by SIGTERM")]
)
def test_130_and_143_ended_while_calibrating_leaves_nothing(tmp_path: Path, number: int, code: int, said: str) -> None:
    np.savez(tmp_path / "many.npz", image=np.zeros((50_000, 1, 8, 8), np.float32))
    (tmp_path / "empty").mkdir()
    line = ["compile", str(MODEL), "--calibration", str(tmp_path / "many.npz"), "-o", "out.dyq", "--progress", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dyadic", *line], cwd=tmp_path / "empty", stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for text in process.stderr:
        event = json.loads(text)
        if (event["stage"], event["event"]) == ("calibrate", "start"):
            process.send_signal(number)
            break
    rest = process.stderr.read().strip().splitlines()
    assert process.wait() == code
    assert rest[-1] == f"dyadic: {said}; nothing was written"
    assert "Traceback" not in "".join(rest)
    assert list((tmp_path / "empty").iterdir()) == []
