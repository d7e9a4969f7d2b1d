"""A last Softmax or Sigmoid in float is that of what the network's integers stand for."""

from pathlib import Path

import numpy as np
import pytest
from support.last_functions import answers, compiled

from dyadic.runtime.last_function import FUNCTIONS

LOGITS = "y = Identity(l)"


@pytest.mark.parametrize("kind", ["Softmax", "Sigmoid"])
def test_it_follows_the_integers(kind: str, tmp_path: Path) -> None:
    artifact, expected = compiled(f"y = {kind}(l)", "float", tmp_path / "m.dyq")
    compiled(LOGITS, "integer", tmp_path / "logits.dyq")
    seen, logits = answers(tmp_path / "m.dyq"), answers(tmp_path / "logits.dyq")
    exact = FUNCTIONS[kind.lower()](logits.astype(np.float64), 1).astype(np.float32)
    np.testing.assert_array_equal(seen, exact)
    np.testing.assert_allclose(seen, expected, atol=0.01)
    assert not artifact.certificate.offenders
    with artifact.load(max_batch=8) as session:
        assert session.outputs[0].last[:3] == (kind.lower(), 1 if kind == "Softmax" else 0, False)
