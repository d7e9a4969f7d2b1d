"""The example trains, compiles and finds what float finds."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "detection"
sys.path.insert(0, str(EXAMPLE))

import detect  # noqa: E402 - they lie in the example's folder
import detector  # noqa: E402


def test_from_training_to_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["detect.py", "--steps", "150", "--images", "40", "-o", str(tmp_path / "detector.dyq")]
    monkeypatch.setattr(sys, "argv", arguments)
    detect.main()
    printed = capsys.readouterr().out
    right, drawn, by_integers = map(int, re.findall(r"by float: (\d+) of (\d+), by integers: (\d+)", printed)[0])
    same, real = map(int, re.findall(r"nine tenths .*: (\d+) of (\d+)", printed)[0])
    assert right > 0.35 * drawn and abs(by_integers - right) <= 2
    assert same >= real - 2


def test_of_boxes_that_overlap_the_surest_remains() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [0, 0, 10, 10]], np.float32).T
    scores = np.array([[0.6, 0.9, 0.7, 0.1], [0.0, 0.0, 0.2, 0.8]], np.float32)
    found = detector.kept(boxes, scores)
    assert found == [(0, (1.0, 0.0, 11.0, 10.0)), (0, (20.0, 20.0, 30.0, 30.0)), (1, (0.0, 0.0, 10.0, 10.0))]
    assert detector.matched(found, [(0, (0.0, 0.0, 10.0, 10.0))], 0.9) == 0
    assert detector.matched(found, [(1, (0.0, 0.0, 10.0, 10.0))], 0.9) == 1
