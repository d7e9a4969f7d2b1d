"""The list of layers has the names and types that a compile takes, and needs no data."""

import pytest
import torch
from support.command_line import DIGITS

import dyadic
from dyadic.compiler.cli import main as cli
from dyadic.compiler.widths.rules import matching
from dyadic.runtime.errors import UsageError


def test_names_and_types_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    found = dyadic.layers(DIGITS / "digits.onnx")
    assert (found[0].name, found[0].kinds, found[0].weights) == ("image", ("input",), False)
    assert next(one.name for one in found if one.weights) == "/stem/stem.0/Conv"
    for one in found:
        assert one.name in matching(one.kinds[0], found, "")
    assert cli.main(["compile", str(DIGITS / "digits.onnx"), "--layers", "--progress", "off"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found)
    for line, one in zip(lines, found, strict=True):
        assert line.startswith(one.name) and " ".join(one.kinds) in line and ("w4a8" in line) == one.weights


def test_names_of_a_module_and_what_there_is_not() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
    found = dyadic.layers(module, example_inputs=(torch.zeros(1, 4),))
    assert [one.name for one in found] == ["input", "0", "1", "2"]
    with pytest.raises(UsageError, match="layers has no option 'shpe'; did you mean shape"):
        dyadic.layers(module, shpe=(1,))
