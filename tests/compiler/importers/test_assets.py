"""Trained networks of the kind that users have: they import, prepare, and compute what ONNX Runtime does."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.meaning import ROOT, assert_close, operations, outputs, prepared

from dyadic.compiler.importers.onnx import import_onnx
from dyadic.dialects import new_context

ASSETS = ROOT.parent / "shared" / "assets"
NETWORKS = {
    "cifar10/resnet20": 32,
    "cifar10/resnet20_bn": 32,
    "cifar10/resnet20_torchexport": 32,
    "imagenet/mobilenet_v1_075_224": 224,
}


def asset(name: str) -> Path:
    path = ASSETS / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"{path} is missing: trained networks were NOT tested")
    return path


@pytest.mark.parametrize("name", NETWORKS)
def test_network_matches_onnxruntime(name: str) -> None:
    path = asset(name)
    module = prepared(import_onnx(path, new_context()))
    x = np.random.default_rng(0).normal(size=(2, 3, NETWORKS[name], NETWORKS[name])).astype(np.float32)
    wanted = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"input": x})
    assert_close(outputs(module, x), list(wanted), 1e-4)


def test_the_three_exports_are_one_network() -> None:
    exports = [prepared(import_onnx(asset(name), new_context())) for name in NETWORKS if "resnet20" in name]
    kinds = [operations(module) for module in exports]
    assert kinds[0] == kinds[1] == kinds[2]
    assert set(kinds[0]) == {"conv2d", "clamp", "add", "slice", "pad", "reduce_mean", "linear"}
