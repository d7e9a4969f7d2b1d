"""One network, exported to ONNX and given as a module, makes artifacts whose outputs differ by at most 2 steps.

The graphs after prepare are compared in `tests/compiler/importers/test_networks.py`.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import dyadic
from benchmarks.networks import NETWORKS
from dyadic.runtime.cpu.levels import usable

SIZE, STEPS = 224, 2
LEVEL = usable()[0]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_both_routes_agree_within_two_steps(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name].make()
    images = np.random.default_rng(0).standard_normal((8, 3, SIZE, SIZE)).astype(np.float32)
    example = torch.from_numpy(images[:1])
    path = tmp_path / "exported.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (example,), path, dynamo=False, opset_version=17, input_names=["x"])
    raw = []
    for model, examples in ((path, None), (network, (example,))):
        artifact = dyadic.compile(model, [images[:4]], example_inputs=examples, isa=(LEVEL,))
        with artifact.load(threads=2, max_batch=8) as session:
            feeds = {session.inputs[0].name: images}
            raw.append(session.run(None, feeds, raw=False)[0] / session.outputs[0].scale)
    assert np.abs(raw[0] - raw[1]).max() <= STEPS + 1e-3
    assert np.ptp(raw[0]) > 50, "the outputs use their range"
