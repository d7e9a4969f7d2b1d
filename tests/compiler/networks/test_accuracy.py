"""Accuracy of compiled artifacts on trained networks and real images, with default options (docs/accuracy.md)."""

import importlib.util
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.effort import slow
from support.meaning import ROOT

import dyadic
from dyadic.runtime.cpu.levels import usable

ASSETS = ROOT.parent / "shared" / "assets"
LEVEL = usable()[0]

# What ONNX Runtime's INT8 has (static QDQ, per channel, min-max, the same 200 images): logit SQNR on the same data.
RESNET20_SQNR_DB, MOBILENET_SQNR_DB, MOBILENET_ACCURACY, DEIT_ACCURACY = 29.80, 16.58, 0.770, 0.792


@pytest.fixture(scope="module")
def measure() -> ModuleType:
    """The assets' own loaders and preprocessing."""
    path = ASSETS / "measure.py"
    if not path.is_file():
        pytest.skip(f"{path} is missing: accuracy was NOT tested")
    pytest.importorskip("PIL", reason="Pillow reads the images: accuracy was NOT tested")
    spec = importlib.util.spec_from_file_location("measure", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compared(measure: ModuleType, task: str, model: Path) -> dict[str, Any]:
    images, labels = zip(*measure.batches(task), strict=True)
    evaluate = {"input": np.concatenate(images), "labels": np.concatenate(labels)}
    artifact = dyadic.compile(model, {"input": measure.calibration(task, 200)}, evaluate=evaluate, isa=(LEVEL,))
    assert artifact.report.comparison is not None
    return asdict(artifact.report.comparison)


@pytest.mark.parametrize("export", ["resnet20", *slow(["resnet20_bn", "resnet20_torchexport"])])
def test_resnet20_loses_at_most_three_tenths_of_a_point(measure: ModuleType, export: str) -> None:
    seen = compared(measure, "cifar10/resnet20", ASSETS / "cifar10" / f"{export}.onnx")
    assert seen["samples"] == 5000
    assert seen["float_accuracy"] == pytest.approx(0.9178, abs=1e-4)
    assert seen["int8_accuracy"] >= seen["float_accuracy"] - 0.003
    assert seen["sqnr_db"] >= RESNET20_SQNR_DB


@pytest.mark.slow
def test_mobilenet_is_no_worse_than_onnxruntime(measure: ModuleType) -> None:
    task = "imagenet/mobilenet_v1_075_224"
    seen = compared(measure, task, Path(measure.model_path(task)))
    assert seen["samples"] == 500
    assert seen["int8_accuracy"] >= MOBILENET_ACCURACY
    assert seen["sqnr_db"] >= MOBILENET_SQNR_DB


@pytest.mark.slow
def test_deit_is_better_than_onnxruntime_with_float_nonlinearities(measure: ModuleType) -> None:
    task = "imagenet/deit_tiny_patch16_224"
    seen = compared(measure, task, Path(measure.model_path(task)))
    assert seen["samples"] == 500
    assert seen["int8_accuracy"] > DEIT_ACCURACY
    assert seen["agreement"] >= 0.97
    assert seen["sqnr_db"] >= 17
