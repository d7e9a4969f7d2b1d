"""Without its last Softmax the artifact gives logits; who compares it with the float model computes it."""

from pathlib import Path

import numpy as np
from support.last_functions import answers, compiled


def test_logits_come_out(tmp_path: Path) -> None:
    artifact, expected = compiled("y = Softmax(l)", "drop", tmp_path / "m.dyq")
    logits = answers(tmp_path / "m.dyq")
    assert logits.min() < -0.1  # no probabilities
    np.testing.assert_array_equal(logits.argmax(1), expected.argmax(1))
    np.testing.assert_allclose(answers(tmp_path / "m.dyq", complete=True), expected, atol=0.01)
    assert artifact.report.comparison is not None
    assert artifact.report.comparison.sqnr_db > 30
