"""LogSoftmax is done in float at the end of a network, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.last_functions import X, answers, compiled

import dyadic
from dyadic.runtime.errors import ModelError


def test_at_the_end(tmp_path: Path) -> None:
    _, expected = compiled("y = LogSoftmax(l)", "integer", tmp_path / "m.dyq")
    np.testing.assert_allclose(answers(tmp_path / "m.dyq"), expected, atol=0.05)


def test_of_torch() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(4, 3, 3), torch.nn.Flatten(), torch.nn.LogSoftmax(-1))
    x = torch.from_numpy(X)
    artifact = dyadic.compile(
        module, calibration=[{"input": x[None]} for x in X], isa=["x86-64"], example_inputs=(x[:1],)
    )
    with artifact.load(max_batch=len(X)) as session:
        np.testing.assert_allclose(session(X), module(x).detach().numpy(), atol=0.05)


def test_inside(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="as the last operator of the network only"):
        compiled("s = LogSoftmax(l) y = Relu(s)", "integer", tmp_path / "m.dyq")
