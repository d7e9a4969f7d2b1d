"""Networks of torchvision's architectures, each compiled once for all that is tested of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import dyadic
from benchmarks.networks import NETWORKS
from dyadic.runtime.cpu.levels import usable

SIZE = 96  # of images: the integer reference is slow
HERE = usable()
ENDS = (HERE[0], HERE[-1])
LONG = [(name, HERE) for name in ("mobilenet_v2", "resnet50", "densenet121", "inception_v3")]


@dataclass
class Compiled:
    """A network of random weights; `images` [8, 3, SIZE, SIZE], four calibrated it."""

    name: str
    network: torch.nn.Module
    images: np.ndarray
    artifact: Any


@pytest.fixture(
    scope="session",
    params=[("resnet18", HERE), ("mobilenet_v2", ENDS), *(pytest.param(one, marks=pytest.mark.slow) for one in LONG)],
    ids=lambda one: f"{one[0]} {len(one[1])} levels",
)
def compiled(request: pytest.FixtureRequest) -> Compiled:
    name, levels = request.param
    network = NETWORKS[name].make()
    images = np.random.default_rng(0).standard_normal((8, 3, SIZE, SIZE)).astype(np.float32)
    example = (torch.from_numpy(images[:1]),)
    artifact = dyadic.compile(network, images[:4], example_inputs=example, isa=levels, measure=False)
    return Compiled(name, network, images, artifact)
