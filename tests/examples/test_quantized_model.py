"""The example's two engines agree."""

import re
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "quantized_model"
sys.path.insert(0, str(EXAMPLE))

import both_engines  # noqa: E402 - it lies in the example's folder


def test_both_engines_answer_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["both_engines.py", "-o", str(tmp_path / "digits_qdq.dyq")])
    both_engines.main()
    printed = capsys.readouterr().out
    theirs, ours, same = map(float, re.findall(r"([\d.]+) %", printed)[:3])
    assert theirs > 95 and abs(theirs - ours) <= 0.5 and same > 99
    assert int(re.findall(r"at most (\d+) steps", printed)[0]) <= 3
    assert printed.rstrip().startswith("ONNX Runtime") and "integer-only" in printed
