"""Whole networks: the artifact equals the integer reference on its own integer IR, in every bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.effort import slow
from support.meaning import ROOT

import dyadic
from dyadic.compiler.targets.cpu.integer_ir import restore
from dyadic.dialects import new_context
from dyadic.dialects.reference import IntegerReference

ASSETS = ROOT.parent / "shared" / "assets"


def check(artifact: Any, images: np.ndarray) -> None:
    """Every level in the artifact, 1, 2 and 4 threads, batch 3 and 1."""
    sections = artifact.emitted.sections
    weights = np.frombuffer(sections["cpu/weights"], np.int8)
    reference = IntegerReference(restore(sections["qi"], weights, new_context()))
    with artifact.load(threads=1) as session:
        name = session.inputs[0].name
    (expected,) = reference({name: images}).values()
    for level in artifact.emitted.images:
        for threads in (1, 2, 4):
            with artifact.load(threads=threads, max_batch=3, isa=level) as session:
                np.testing.assert_array_equal(session.run(None, {name: images})[0], expected)
                np.testing.assert_array_equal(session.run(None, {name: images[1:2]})[0], expected[1:2])


def samples(count: int, size: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, channels, size, size)).astype(np.float32)


def test_torch_networks(compiled: Any) -> None:
    check(compiled.artifact, compiled.images[:3])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("cifar10/resnet20", 32),
        *slow(
            [
                ("cifar10/resnet20_bn", 32),
                ("cifar10/resnet20_torchexport", 32),
                ("imagenet/mobilenet_v1_075_224", 224),
            ]
        ),
    ],
)
def test_trained_networks(name: str, size: int) -> None:
    path = Path(ASSETS / f"{name}.onnx")
    if not path.is_file():
        pytest.skip(f"{path} is missing: trained networks were NOT tested")
    images = samples(4, size)
    check(dyadic.compile(path, images, measure=False), images[:3])
