"""What is done in float behind the integers is what torch computes in float64, however large the numbers are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import dyadic
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.last_function import FUNCTIONS, RANKINGS, LastFunction, computed


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("axis", [1, 2])
def test_the_function(name: str, axis: int) -> None:
    x = np.random.default_rng(0).normal(0, 1, (2, 5, 3)).astype(np.float32) * np.array([1, 50, 3000], np.float32)
    wanted = torch.tensor(x, dtype=torch.float64)
    if name == "hardmax":
        wanted = torch.nn.functional.one_hot(wanted.argmax(axis), x.shape[axis]).movedim(-1, axis)
    else:
        wanted = wanted.sigmoid() if name == "sigmoid" else getattr(torch, name)(wanted, axis)
    np.testing.assert_allclose(computed(LastFunction(name, axis), x), wanted.to(torch.float32).numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", RANKINGS)
def test_the_first_of_equal_ones_comes_first(name: str) -> None:
    x = np.array([[[1, 3], [3, 1], [3, 0], [1, 0]]], np.float32)
    sign, count = (-1 if "smallest" in name else 1), 1 if name.startswith("last") else 3
    order = np.argsort(-sign * x, 1, kind="stable")
    if name.startswith("last"):
        order = 3 - np.argsort(-sign * x[:, ::-1], 1, kind="stable")
    wanted = order if "place" in name else np.take_along_axis(x, order, 1)
    got = computed(LastFunction(name, 1, entries=count, shape=(count * 2,)), x)
    np.testing.assert_array_equal(got, wanted[:, :count].reshape(1, -1))


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (LastFunction("largest", 0, entries=1), "last.axis"),
        (LastFunction("largest", 1, entries=0), "last.entries"),
        (LastFunction("largest", 1, entries=1, shape=(1 << 20,)), "last.shape"),
        (LastFunction("largest", 1, entries=1 << 20), "last.entries"),
    ],
)
def test_rankings_that_do_not_fit_are_refused(network, write, image, last: LastFunction, said: str) -> None:
    outputs = tuple(replace(one, last=last) for one in network.program.outputs)
    with pytest.raises(ArtifactError, match=said):
        dyadic.load(write(replace(network.program, outputs=outputs), network.weights, network.params, image))


def test_whole_numbers_of_no_type_are_refused(network, write, image) -> None:
    outputs = tuple(replace(one, given="int7") for one in network.program.outputs)
    with pytest.raises(ArtifactError, match="int7"):
        dyadic.load(write(replace(network.program, outputs=outputs), network.weights, network.params, image))


def test_a_function_that_nobody_knows_is_refused(network, write, image) -> None:
    outputs = tuple(replace(one, last=LastFunction("cosine", 1)) for one in network.program.outputs)
    with pytest.raises(ArtifactError, match="cosine"):
        dyadic.load(write(replace(network.program, outputs=outputs), network.weights, network.params, image))
