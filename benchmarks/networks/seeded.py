"""Seeded weights, batch norms that lived, and images.

Random weights are scaled so that activations stay of order one through the depth, and statistics are not trivial, so
that folding a batch norm changes every weight.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn


def images(count: int, size: int, seed: int) -> npt.NDArray[np.float32]:
    """Seeded images that differ as pictures do: in brightness, in contrast, in how coarse they are."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        cells = int(generator.choice([4, 8, 16, 32]))
        repeat = -(-size // cells)
        coarse = np.kron(generator.normal(size=(3, cells, cells)), np.ones((repeat, repeat)))[:, :size, :size]
        fine = generator.normal(size=(3, size, size)) * generator.uniform(0.05, 0.5)
        made.append(coarse * generator.uniform(0.3, 1.2) + fine + generator.uniform(-0.7, 0.7, (3, 1, 1)))
    return np.clip(np.stack(made), -2.2, 2.6).astype(np.float32)


def sounds(count: int, channels: int, length: int, seed: int) -> npt.NDArray[np.float32]:
    """Seeded signals: a few tones that come and go in every channel, and noise."""
    generator = np.random.default_rng(seed)
    time = np.arange(length) / length
    made = generator.normal(size=(count, channels, length)) * generator.uniform(0.05, 0.4, (count, 1, 1))
    for _ in range(3):
        tone, phase, middle, wide, loud = (
            generator.uniform(low, high, (count, channels, 1))
            for low, high in ((2, length / 8), (0, 6.3), (0, 1), (0.05, 0.5), (0.1, 1))
        )
        made += loud * np.exp(-(((time - middle) / wide) ** 2)) * np.sin(6.283 * tone * time + phase)
    return np.clip(made, -3, 3).astype(np.float32)


def lived_in(network: nn.Module, seed: int = 0) -> nn.Module:
    """Weights that keep activations of order one, batch norms with statistics and gains of their own."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
                if module.bias is not None:
                    module.bias.copy_(uniform(module.bias, -0.1, 0.1))
            elif isinstance(module, nn.ConvTranspose2d | nn.RNNBase):
                for values in module.parameters():
                    values.copy_(uniform(values, -0.4, 0.4))
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                spread = ((module.weight, 0.5, 1.1), (module.bias, -0.3, 0.3))
                spread += ((module.running_mean, -0.3, 0.3), (module.running_var, 0.6, 1.6))
                for values, low, high in spread:
                    assert values is not None
                    values.copy_(uniform(values, low, high))
    return network.eval()


def settled(network: nn.Module, size: int, seed: int = 0) -> nn.Module:
    """`lived_in`, and statistics that were seen: where branches meet or batch norms come first, guesses drift apart."""
    return settled_on(network, images(8, size, seed), seed)


def settled_on(network: nn.Module, shown: npt.NDArray[np.float32], seed: int = 0) -> nn.Module:
    """`settled`, on these inputs."""
    lived_in(network, seed)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # what one batch shows is all there is
    with torch.inference_mode():
        network(torch.from_numpy(shown))
    for norm in norms:
        norm.momentum = 0.1
    return network.eval()
