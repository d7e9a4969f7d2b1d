"""Small torch modules that together use every operator of the compiler, drawn from a seed.

They are defined here and nowhere else, so that a record stays comparable: whoever adds an operator adds a module or a
case to the zoo instead of changing one. Weights are seeded, so is every size.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.networks.encoder import Block
from benchmarks.networks.seeded import lived_in


class Layers(nn.Module):
    """Convolutions of every kind, residual additions and subtractions that merge with one, linear layers."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        width = 8 * int(random.integers(2, 5))
        odd = int(random.integers(3, 20))
        kernel = int(random.choice([1, 3, 5]))
        self.stem = nn.Conv2d(3, width, 3, int(random.integers(1, 3)), 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(width, width, 3, int(random.integers(1, 3)), 1, groups=width)
        self.point = nn.Conv2d(width, width, 1)
        self.grouped = nn.Conv2d(width, width, 3, 1, 1, groups=4)
        self.dilated = nn.Conv2d(width, width, 3, 1, 2, dilation=2)
        self.odd = nn.Conv2d(width, odd, kernel, 1, kernel // 2)
        self.hidden = nn.Linear(odd, 48)
        self.head = nn.Linear(48, int(random.integers(2, 20)))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu6(self.depthwise(x))
        x = F.relu(x + self.point(x))
        x = self.grouped(x) - x
        x = x + F.relu(self.dilated(x))
        x = self.odd(x)
        flat = torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1)
        return self.head(F.relu(self.hidden(flat))), x


class Pointwise(nn.Module):
    """Sums, differences and products of tensors and constants, every activation, a squeeze and excitation."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        self.slope = float(random.uniform(0.05, 0.3))
        self.stem = nn.Conv2d(3, int(random.integers(3, 24)), 3, 2, 1)
        width = self.stem.out_channels
        self.squeeze = nn.Conv2d(width, width, 1)
        self.norm = nn.BatchNorm2d(width)
        shift, image = (random.normal(size=(1, width, n, n)).astype(np.float32) for n in (1, 8))
        self.shift, self.image = (nn.Parameter(torch.from_numpy(values)) for values in (shift, image))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.silu(self.stem(x))
        gate = torch.sigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))
        x = x * gate
        y = F.hardswish(x) + torch.tanh(x) * self.shift
        z = F.leaky_relu(x, self.slope) - F.hardsigmoid(y)
        z = self.norm(z * self.image)
        return z + torch.clamp(y, -1.0, 1.0), F.relu(y) * z


class Moves(nn.Module):
    """Windows without weights, and whatever only moves values: concatenations, slices, pads, permutations, shapes."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        self.width = 4 * int(random.integers(1, 6))
        self.stem = nn.Conv2d(3, self.width, 3, 1, 1)
        self.wide = nn.Conv2d(2 * self.width, self.width, 1)
        self.step = int(random.integers(1, 3))
        self.fill = float(random.choice([0.0, 0.7]))
        self.ceil = bool(random.integers(2))
        self.included = bool(random.integers(2))
        self.head = nn.Linear(self.width, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.relu(self.stem(x))
        small = F.max_pool2d(x, 3, 2, 1, ceil_mode=self.ceil)
        mean = F.avg_pool2d(x, 3, 2, 1, ceil_mode=self.ceil, count_include_pad=self.included)
        x = self.wide(torch.cat([small, mean], 1))
        x = torch.cat([x, torch.sigmoid(x)], 2)
        x = F.pad(x, (1, 0, 0, 2), value=self.fill)
        x = x[:, 1:, :: self.step, 1:]
        low, high = x[:, : self.width // 2], x[:, self.width // 2 :]
        x = torch.cat([high, low], 1)
        turned = x.permute(0, 2, 3, 1)
        flat = turned.reshape(len(turned), -1, 1, turned.shape[2])
        pooled = F.max_pool2d(small, 2).mean((2, 3))
        return self.head(pooled), torch.tanh(flat)


class Joined(nn.Module):
    """A result that is joined from parts, each with a scale of its own: boxes and their scores."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.boxes = nn.Conv2d(16, 4, 1)
        self.scores = nn.Conv2d(16, int(random.integers(2, 9)), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(x))
        return torch.cat([self.boxes(x) * 100.0, torch.sigmoid(self.scores(x))], 1)


class Tokens(nn.Module):
    """Patches as tokens through blocks of an encoder, normalized before and behind, a matrix product and a softmax."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        width = 8 * int(random.integers(2, 4))
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.before = Block(width, 2, 3 * width, first=True, epsilon=1e-6)
        self.behind = Block(width, 4, 2 * width, first=False, epsilon=1e-6)
        self.rms = nn.RMSNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.behind(self.before(self.patches(x).flatten(2).transpose(1, 2)))
        alike = torch.matmul(self.rms(x), x.transpose(1, 2))
        return self.head(x[:, 0]), alike.softmax(-1)


class Sizes(nn.Module):
    """Images that are enlarged by repeating and by interpolating, entries that are chosen and mirrored, extremes, and a
    quotient."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        self.width = 8 * int(random.integers(1, 3))
        self.stem = nn.Conv2d(3, self.width, 3, 2, 1)
        self.order = [int(n) for n in random.permutation(self.width)]
        self.up = nn.ConvTranspose2d(self.width, self.width, 2, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.relu(self.stem(x))
        near = F.interpolate(x, scale_factor=2.0)
        between = F.interpolate(x, size=(16, 16), mode="bilinear")
        chosen = torch.maximum(near, self.up(x)[:, self.order])
        return torch.minimum(chosen, between), between.flip(3) / (1.0 + near)


class Steps(nn.Module):
    """Rows of an image as time steps of recurrent layers."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        size = 8 * int(random.integers(1, 3))
        self.stem = nn.Conv2d(3, 8, (1, 16))
        self.lstm = nn.LSTM(8, size, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(2 * size, 12, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, _ = self.lstm(F.relu(self.stem(x)).flatten(2).transpose(1, 2))
        return self.gru(rows)[0]


MODULES: dict[str, Callable[[np.random.Generator], nn.Module]] = {
    "layers": Layers,
    "pointwise": Pointwise,
    "moves": Moves,
    "joined": Joined,
    "tokens": Tokens,
    "sizes": Sizes,
    "steps": Steps,
}


def module(kind: str, seed: int) -> nn.Module:
    """One of `MODULES` with seeded sizes and weights, for images of [1, 3, 16, 16]."""
    return lived_in(MODULES[kind](np.random.default_rng(seed)), seed)
