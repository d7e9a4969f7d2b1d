"""Wrong input of every kind, at both doors: one sentence that says what, where and what would work.

What the right answer must hold stands in one table; nothing is compiled.
"""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS

import dyadic
from dyadic.compiler.cli import main as cli
from dyadic.runtime.errors import DyadicError
from dyadic.runtime.file_kinds import kind_of_bytes, looks_like_onnx

MODEL = DIGITS / "digits.onnx"


def archive(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(name, "")


def safetensors(path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))


# name of the file, how it is made, what it is called
FILES: list[tuple[str, Callable[[Path], object], str]] = [
    ("model.pt", lambda p: archive(p, "model/data.pkl", "model/version"), "a file of PyTorch"),
    ("script.pt", lambda p: archive(p, "s/data.pkl", "s/code/__torch__.py"), "a TorchScript module"),
    ("exported.pt2", lambda p: archive(p, "e/archive_format", "e/models/model.json"), "an exported program of PyTorch"),
    ("old.pth", lambda p: p.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9"), "a pickle"),
    ("weights.safetensors", safetensors, "a file of weights"),
    ("model.tflite", lambda p: p.write_bytes(b"\x1c\0\0\0TFL3\0\0"), "a TensorFlow Lite model"),
    ("model.keras", lambda p: archive(p, "metadata.json", "config.json"), "a model of Keras"),
    ("model.h5", lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n\0"), "an HDF5 file"),
    ("frozen.pb", lambda p: p.write_bytes(b"\x0a\x05\xff\xfe"), "a graph of TensorFlow"),
    ("model.mlmodel", lambda p: p.write_bytes(b"\x08\x04\x12\x02hi"), "a Core ML model"),
    ("model.onnx.data", lambda p: p.write_bytes(bytes([200, 0, 100, 255] * 4)), "the external data of an ONNX model"),
    ("model.ort", lambda p: p.write_bytes(b"\x1c\0\0\0ORTM"), "a model in ONNX Runtime's own format"),
    ("samples.npz", lambda p: np.savez(p, x=np.zeros(3)), "a .npz file of arrays"),
    ("text.onnx", lambda p: p.write_text("to do: export the model\n"), "a text file"),
    ("page.onnx", lambda p: p.write_text("<!DOCTYPE html><html>"), "a web page"),
    ("lfs.onnx", lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
    ("empty.onnx", lambda p: p.write_bytes(b""), "an empty file"),
    ("folder", lambda p: p.mkdir(), "a folder"),
]


def answers(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The one line that a command ends with."""
    code = cli.main([*map(str, words)])
    said = capsys.readouterr().err.strip()
    assert code in (2, 3, 5, 6), said
    assert said.startswith("dyadic: ") and "\n" not in said and len(said) < 400
    return said


@pytest.mark.parametrize(("name", "make", "kind"), FILES, ids=[name for name, *_ in FILES])
def test_files_that_are_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, make: Callable[[Path], object], kind: str
) -> None:
    path = tmp_path / name
    make(path)
    typed = answers(capsys, "compile", path, "--calibration", "c.npz", "-o", tmp_path / "o.dyq", "--progress", "off")
    assert f'{name}" is {kind}' in typed and ", not an ONNX model: " in typed
    with pytest.raises(DyadicError) as caught:
        dyadic.compile(path, "c.npz")
    assert f'{name}" is {kind}' in str(caught.value)
    refused = answers(capsys, "inspect", path)
    assert name in refused and (kind in refused or "a folder" in refused)
    assert not (tmp_path / "o.dyq").exists()


def test_a_model_is_no_artifact_and_an_artifact_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answers(capsys, "run", MODEL, "--input", "x.npy", "--output", tmp_path / "y.npy")
    assert "x.npy" in said  # what is read first
    said = answers(capsys, "bench", MODEL)
    assert "it is an ONNX model" in said and "dyadic compile digits.onnx --calibration DATA.npz -o digits.dyq" in said
    artifact = tmp_path / "m.dyq"
    artifact.write_bytes(b"\x89DYQ\r\n\x1a\x04" + bytes(100))
    said = answers(capsys, "compile", artifact, "--calibration", "c.npz", "-o", tmp_path / "o.dyq", "--progress", "off")
    assert "compiled already" in said and "dyadic run" in said
    for model in (artifact.read_bytes(), bytearray(artifact.read_bytes())[:0] + b"PK"):
        with pytest.raises(DyadicError, match="an ONNX"):
            dyadic.compile(bytes(model), "c.npz")


# words behind `compile digits.onnx`, the same keywords in Python, and what each is answered with
OPTIONS: list[tuple[list[str], dict[str, object], str, str]] = [
    (["--presicion", "w4a8"], {"presicion": "w4a8"}, "Did you mean '--precision'?", "did you mean precision?"),
    (["--precision", "w4a9"], {"precision": "w4a9"}, "did you mean w4a8 or", "did you mean w4a8 or"),
    (["--precision", "W4A8"], {"precision": "W4A8"}, "did you mean w4a8", "did you mean w4a8"),
    (["--observer", "minmax"], {"observer": "minmax"}, "did you mean min-max?", "did you mean min-max?"),
    (["--max-size", "0.6"], {"max_size": 0.6}, "--max-size '0.6' is no limit", 'max_size="0.6" is no limit'),
    (["--max-drop", "1%"], {"max_drop": "1%"}, "judged on --evaluate data", "max_drop is judged on evaluate data"),
    (["--precision", "mixed"], {"precision": "mixed"}, "--precision mixed needs", 'precision="mixed" needs a limit'),
    (["--keep", "fc"], {"keep": "fc"}, "--keep 'fc' is not NAME=SCHEME", 'keep="fc" is not NAME=SCHEME'),
    (["--keep", "fc=w5"], {"keep": {"fc": "w5"}}, "--keep fc=w5: 'w5' is no scheme", "keep=\"fc=w5\": 'w5' is no"),
    (["--threads", "four"], {"threads": "four"}, "'four' is no whole number", "threads must be a whole number"),
    (["--threads", "0"], {"threads": 0}, "--threads must be a whole number", "threads must be a whole number"),
    (["--isa", "avx512vni"], {"isa": "avx512vni"}, "did you mean avx512vnni", 'isa="avx512vni" is no level'),
    (["--target", "gpu"], {"target": "gpu"}, "--target must be one of cpu, cuda", "target must be one of cpu, cuda"),
    (["--time-limit", "soon"], {"time_limit": "soon"}, "write it as 90s", 'time_limit="soon" is no duration'),
    (["--metric", "top5"], {"metric": "top5"}, "is not FILE.py:FUNCTION", 'metric="top5" is not FILE.py:FUNCTION'),
    (["--shape", "x"], {"shape": "x"}, "not of the form name=1x3x224x224", "shape takes the sizes of each input"),
    (["--shape", "x=1x-1"], {"shape": {"x": (1, 0)}}, "not of the form name=1x3x224x224", "whole numbers above 0"),
]


@pytest.mark.parametrize(("words", "keywords", "typed", "called"), OPTIONS, ids=[" ".join(o[0]) for o in OPTIONS])
def test_options_that_are_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    keywords: dict[str, object],
    typed: str,
    called: str,
) -> None:
    line = ["compile", "no.onnx", "--calibration", "c.npz", "-o", str(tmp_path / "o.dyq"), "--progress", "off"]
    assert typed in answers(capsys, *line, *words)
    with pytest.raises(DyadicError) as caught:
        dyadic.compile(line[1], line[3], **keywords)  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert called in str(caught.value) and "--" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"\x89DYQ" + bytes(4000), "not bytes; write them to a file first"),
        (None, "not None"),
        (7, "not an int"),
        ("", "''"),
    ],
    ids=["bytes", "None", "int", "empty"],
)
def test_load_of_what_is_no_path(given: object, said: str) -> None:
    with pytest.raises(DyadicError) as caught:
        dyadic.load(given)  # pyright: ignore[reportArgumentType]
    assert said in str(caught.value) and len(str(caught.value)) < 120


def test_load_with_an_option_that_there_is_not() -> None:
    with pytest.raises(DyadicError, match=r"load has no option 'devise'; did you mean device\?"):
        dyadic.load("m.dyq", devise="cuda")  # pyright: ignore[reportCallIssue]


def test_files_that_are_not_there_are_answered_with_those_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    (tmp_path / "model.dyq").write_bytes(b"x")
    words = ("--calibration", "c.npz", "-o", tmp_path / "o.dyq", "--progress", "off")
    assert "did you mean" in answers(capsys, "compile", tmp_path / "modle.onnx", *words)
    assert "did you mean" in answers(capsys, "inspect", tmp_path / "modle.dyq")
    assert "there is no folder" in answers(capsys, "compile", tmp_path / "no" / "m.onnx", *words)


def test_an_artifact_is_not_called_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answers(capsys, "compile", MODEL, "--calibration", "c.npz", "-o", tmp_path / "o.onnx")
    assert "name it" in said and "o.dyq" in said


def test_files_of_onnx_are_known_by_what_they_begin_with() -> None:
    head = MODEL.read_bytes()[:64]
    assert looks_like_onnx(head)
    kind = kind_of_bytes(head, "anything.bin")
    assert kind is not None and kind.name == "an ONNX model"
    assert kind_of_bytes(bytes([200, 1, 2, 255, 0]), "x.bin") is None
