"""Weights of random networks that take little room, for a folder that is carried.

All chunks of 16 weights along the input channels are of a few, drawn by a seed, which the compressor finds again and
again. Each has a largest weight of 127 steps, so that the compiler, which rounds rows to their largest weight, keeps
them as they are. Any two rows differ, as in other networks: a kernel that takes weights from a wrong place is seen.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

CHUNK = 16  # bytes that kernels copy at once: no layout of weights tears them apart
CHUNKS = 512  # of a layer
LARGEST = 127


def repeating(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with such weights in all of its layers whose channels are whole chunks, of the spread they had."""
    generator = np.random.default_rng(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.shape[1] % CHUNK == 0:
            had = module.weight
            steps = steps_like(had.shape, generator)
            with torch.no_grad():
                had.copy_(torch.from_numpy(steps * (float(had.std()) / steps.std())))
    return network


def steps_like(shape: tuple[int, ...], generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Whole numbers from -127 to 127 in that shape, channels second."""
    chunks = np.clip(np.rint(generator.normal(0, LARGEST / 3, (CHUNKS, CHUNK))), -LARGEST, LARGEST)
    signs = generator.choice([-LARGEST, LARGEST], CHUNKS)
    chunks[np.arange(CHUNKS), generator.integers(0, CHUNK, CHUNKS)] = signs
    rows, channels, *places = shape
    picked = chunks[generator.integers(0, CHUNKS, (rows, channels // CHUNK, *places))]
    return np.moveaxis(picked, -1, 2).reshape(shape)
