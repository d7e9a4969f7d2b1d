"""What shells are told beside commands, options and files, as click asks for it."""

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from support.command_line import DIGITS

from dyadic.compiler.cli import completion
from dyadic.compiler.cli.main import commands

MODEL = str(DIGITS / "digits.onnx")


def completed(*words: str) -> list[str]:
    *before, begun = words
    return [one.value for one in ShellComplete(commands, {}, "dyadic", "").get_completions(list(before), begun)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compile", MODEL, "--keep", "/stem"), ["/stem/stem.0/Conv"]),
        (("compile", MODEL, "--precision", "w4a8", "--exclude", "/class"), ["/classifier/Gemm"]),
        (("compile", MODEL, "--isa", "avx2,x86"), ["avx2,x86-64"]),
        (("compile", MODEL, "--isa", "avx2,avx2"), []),  # once is enough
        (("compile", MODEL, "--target", "cpu,"), ["cpu,cuda"]),
        (("compile", MODEL, "--preprocess", "t"), ["torchvision", "tf"]),
        (("compile", "nowhere.onnx", "--keep", ""), []),
        (("compile", "--keep", ""), []),
        (("bench", "m.dyq", "--device", "cp"), ["cpu"]),
        (("bench", "m.dyq", "--isa", "x"), ["x86-64"]),
        (("evaluate", "m.dyq", "d.npz", "--progress", "j"), ["json"]),
    ],
)
def test_what_is_told(words: tuple[str, ...], said: list[str]) -> None:
    assert completed(*words) == said


def test_a_model_that_cannot_be_read_has_no_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "m.onnx"
    broken.write_bytes(b"\x08\x08" + b"\xff" * 100)
    assert completed("compile", str(broken), "--keep", "") == []
    monkeypatch.setattr(completion, "LARGEST", 10)
    assert completed("compile", MODEL, "--keep", "") == []
