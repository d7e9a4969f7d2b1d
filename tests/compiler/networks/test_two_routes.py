"""One network, exported to ONNX and given as a module, makes artifacts whose outputs differ by a step or two.

The graphs after prepare are compared in `tests/compiler/importers/test_networks.py`.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dyadic
from benchmarks.networks import NETWORKS
from dyadic.runtime.cpu.levels import usable

LEVEL = usable()[0]


def exported(network: torch.nn.Module, images: np.ndarray, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = (torch.from_numpy(images[:1]),)
        torch.onnx.export(network, example, path, dynamo=False, opset_version=17, input_names=["x"])
    return path


def differences(artifacts: list[Any], images: np.ndarray) -> np.ndarray:
    """In steps of the output."""
    raw = []
    for artifact in artifacts:
        with artifact.load(threads=2, max_batch=8, isa=LEVEL) as session:
            raw.append(session.run(None, {session.inputs[0].name: images})[0] / session.outputs[0].scale)
    assert np.ptp(raw[0]) > 50, "the outputs use their range"
    return np.abs(raw[0] - raw[1])


def test_both_routes_agree_within_three_steps_on_small_images(compiled: Any, tmp_path: Path) -> None:
    path = exported(compiled.network, compiled.images, tmp_path / "exported.onnx")
    other = dyadic.compile(path, compiled.images[:4], isa=(LEVEL,), measure=False)
    found = differences([other, compiled.artifact], compiled.images)
    assert found.max() <= 3 + 1e-3 and found.mean() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_both_routes_agree_within_two_steps(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name].make()
    images = np.random.default_rng(0).standard_normal((8, 3, 224, 224)).astype(np.float32)
    path = exported(network, images, tmp_path / "exported.onnx")
    example = (torch.from_numpy(images[:1]),)
    artifacts = [
        dyadic.compile(model, [images[:4]], example_inputs=examples, isa=(LEVEL,), measure=False)
        for model, examples in ((path, None), (network, example))
    ]
    found = differences(artifacts, images)
    assert found.max() <= 2 + 1e-3
