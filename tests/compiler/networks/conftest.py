"""Networks of torchvision's architectures, each compiled once for all that is tested of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from support.effort import slow

import dyadic
from benchmarks.networks import NETWORKS
from dyadic.runtime.cpu.levels import usable

SIZE = 96  # of images: the integer reference is slow
LONG = ["resnet50", "densenet121", "inception_v3"]


@dataclass
class Compiled:
    """A network of random weights for every level of this machine; `images` [8, 3, SIZE, SIZE], four calibrated it."""

    name: str
    network: torch.nn.Module
    images: np.ndarray
    artifact: Any


@pytest.fixture(scope="session", params=["resnet18", "mobilenet_v2", *slow(LONG)])
def compiled(request: pytest.FixtureRequest) -> Compiled:
    network = NETWORKS[request.param].make()
    images = np.random.default_rng(0).standard_normal((8, 3, SIZE, SIZE)).astype(np.float32)
    example = (torch.from_numpy(images[:1]),)
    artifact = dyadic.compile(network, images[:4], example_inputs=example, isa=usable(), measure=False)
    return Compiled(request.param, network, images, artifact)
