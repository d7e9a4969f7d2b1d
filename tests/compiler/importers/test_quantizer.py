"""Layers of files that ONNX Runtime's quantizer writes are within a step of ONNX Runtime's, of the same integers."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks.quantizer.networks import INPUT, NETWORKS, exported, samples
from benchmarks.quantizer.quantized import WAYS, Way, quantize
from benchmarks.quantizer.steps import Distance, distances
from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job


def judged(name: str, way: Way, folder: Path) -> list[Distance]:
    shown = samples(name, 4, 1)
    path = quantize(exported(name), way, shown, folder)
    network = network_after("integerize", Job(str(path), {INPUT: shown}, progress="off"))
    with network.context:
        return distances(network, onnx.load(path), {INPUT: samples(name, 2, 2)})


def held(every: list[Distance]) -> None:
    """Every layer to a step, and few numbers of it are off at all."""
    assert not [one for one in every if one.most > 1]
    assert np.mean([one.off / one.count for one in every]) < 0.1


@pytest.mark.parametrize(("name", "way", "layers"), [("sound", WAYS[4], 10), ("transformer", WAYS[0], 71)])
def test_layers_are_within_a_step(name: str, way: Way, layers: int, tmp_path: Path) -> None:
    every = judged(name, way, tmp_path)
    assert len(every) >= layers
    held(every)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS[::5], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_layers_of_ten_networks_are_within_a_step(name: str, way: Way, tmp_path: Path) -> None:
    held(judged(name, way, tmp_path))
