"""The study of `--max-drop`: searches accept what the acceptance test accepts, and unseen images are told apart."""

import numpy as np
import pytest

from benchmarks import promise

COUNT = 2000


def plans(*lost: int) -> tuple[np.ndarray, np.ndarray]:
    """Float is right on all images; each plan is wrong on so many of them, evenly spread."""
    right = np.ones((len(lost), COUNT), bool)
    for row, wrong in zip(right, lost, strict=True):
        row[np.linspace(0, COUNT - 1, wrong).astype(int)] = False
    return np.ones(COUNT, bool), right


def test_the_last_plan_within_the_limit_is_accepted() -> None:
    floating, right = plans(0, 2, 5, 40, 300)
    assert promise.searched(floating, right, 0.01) == 2
    assert promise.searched(floating, right, 0.03) == 3
    assert promise.searched(floating, right, 1e-4) is None


def test_a_broken_promise_would_be_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    floating, right = plans(0, 40)
    monkeypatch.setattr(promise, "rights_of", lambda *_: (floating, right, [1.0, 0.5]))
    words = "m.onnx --calibration c.npz --evaluate e.npz --searches 20 --max-drop"
    promise.main([*words.split(), "4%"])
    kept = " ".join(capsys.readouterr().out.split())
    assert "20 of 20 searches accepted a plan, of 0.50x to 0.50x" in kept and "0.0% of them lose more" in kept
    monkeypatch.setattr(promise, "searched", lambda *_: 1)
    promise.main([*words.split(), "1%"])
    broken = " ".join(capsys.readouterr().out.split())
    assert "100.0% of them lose more than the limit on all 2000 images" in broken
    monkeypatch.setattr(promise, "searched", lambda *_: None)
    promise.main([*words.split(), "1%"])
    assert "no plan was ever accepted" in capsys.readouterr().out
