"""What is done in float behind the integers is what torch computes in float64, however large the numbers are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import dyadic
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.last_function import FUNCTIONS, LastFunction, compute


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("axis", [1, 2])
def test_the_function(name: str, axis: int) -> None:
    x = np.random.default_rng(0).normal(0, 1, (2, 5, 3)).astype(np.float32) * np.array([1, 50, 3000], np.float32)
    wanted = torch.tensor(x, dtype=torch.float64)
    wanted = wanted.sigmoid() if name == "sigmoid" else getattr(torch, name)(wanted, axis)
    compute(LastFunction(name, axis), x)
    np.testing.assert_allclose(x, wanted.to(torch.float32).numpy(), rtol=1e-6)


def test_a_function_that_nobody_knows_is_refused(network, write, image) -> None:
    outputs = tuple(replace(one, last=LastFunction("cosine", 1)) for one in network.program.outputs)
    with pytest.raises(ArtifactError, match="cosine"):
        dyadic.load(write(replace(network.program, outputs=outputs), network.weights, network.params, image))
