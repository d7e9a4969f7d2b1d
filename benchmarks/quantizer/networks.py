"""Networks of the kinds that people quantize, in float, that read little: [N, 3, 64, 64], or sound [N, 40, 96]."""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn
from torch.nn import functional

from benchmarks.networks.densenet import densenet121
from benchmarks.networks.efficientnet import efficientnet_b0
from benchmarks.networks.encoder import Block
from benchmarks.networks.mobilenet import mobilenet_v2
from benchmarks.networks.resnet import resnet18
from benchmarks.networks.seeded import images, lived_in, settled
from benchmarks.networks.squeezenet import squeezenet1_1

SIZE, BANDS, FRAMES = 64, 40, 96
INPUT, OUTPUT, OPSET = "x", "y", 17


def block(inputs: int, outputs: int) -> nn.Sequential:
    norm = nn.BatchNorm2d(outputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), norm, nn.ReLU())


class UNet(nn.Module):
    """Segmentation: one way up by a transposed convolution, one by the nearest pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = block(3, 16), block(16, 32), block(32, 64)
        self.up = nn.ConvTranspose2d(64, 32, 2, 2)
        self.narrow = nn.Conv2d(32, 16, 1)
        self.back2, self.back1, self.classes = block(64, 32), block(32, 16), nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.first(x)
        b = self.second(functional.max_pool2d(a, 2))
        c = self.third(functional.avg_pool2d(b, 2))
        y = self.back2(torch.cat([self.up(c), b], 1))
        y = functional.interpolate(self.narrow(y), scale_factor=2, mode="nearest")
        return torch.sigmoid(self.classes(self.back1(torch.cat([y, a], 1))))


class Shuffled(nn.Module):
    """A unit of ShuffleNet v2 that keeps its size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False), nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept, changed = x.chunk(2, 1)
        y = torch.cat([kept, self.branch(changed)], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Excited(nn.Module):
    """A block of RegNetY, with the activations of MobileNetV3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.Hardswish(),
            nn.Conv2d(channels, channels, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(channels), nn.Hardswish(),
        )  # fmt: skip
        squeeze = nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels // 4, 1), nn.ReLU()
        self.gate = nn.Sequential(*squeeze, nn.Conv2d(channels // 4, channels, 1), nn.Hardsigmoid())
        self.after = nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.before(x)
        return torch.relu(x + self.after(y * self.gate(y)))


def grouped() -> nn.Module:
    def down(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.Hardswish()]

    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    blocks = [Excited(32) for _ in range(3)], [Excited(64) for _ in range(3)]
    return settled(nn.Sequential(*down(3, 32), *blocks[0], *down(32, 64), *blocks[1], *end), SIZE)


def shufflenet() -> nn.Module:
    def down(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)]

    units = [Shuffled(48) for _ in range(3)], [Shuffled(96) for _ in range(3)]
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)
    return settled(nn.Sequential(*down(3, 48), *units[0], *down(48, 96), *units[1], *end), SIZE)


def sound() -> nn.Module:
    """Convolutions over time with dilations, tanh and a clipped activation, and a mean."""
    layers = [
        nn.Conv1d(BANDS, 64, 5, padding=2), nn.Tanh(), nn.Conv1d(64, 64, 3, 2, 2, 2), nn.ReLU6(),
        nn.Conv1d(64, 64, 3, padding=4, dilation=4, groups=64), nn.Conv1d(64, 96, 1), nn.Hardswish(),
        nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(96, 12), nn.Softmax(-1),
    ]  # fmt: skip
    network = nn.Sequential(*layers)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in network.parameters():
            fan_in = max(1, values[0].numel())
            values.copy_(torch.randn(values.shape, generator=generator) * (2 / fan_in) ** 0.5)
    return network.eval()


class Transformer(nn.Module):
    """Patches, two blocks, and the mean over all tokens."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.position = nn.Parameter(torch.zeros(1, 64, width))
        self.blocks = nn.Sequential(*(Block(width, 2, 4 * width, first=True, epsilon=1e-6) for _ in range(2)))
        self.norm, self.classes = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.position
        return self.classes(self.norm(self.blocks(tokens)).mean(1))


def transformer() -> nn.Module:
    network, generator = Transformer(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        network.position.copy_(torch.randn(network.position.shape, generator=generator) * 0.3)
    return lived_in(network)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": lambda: settled(resnet18(), SIZE),
    "mobilenet_v2": lambda: settled(mobilenet_v2(), SIZE),
    "squeezenet": lambda: settled(squeezenet1_1(), SIZE),
    "densenet121": lambda: settled(densenet121(), SIZE),
    "efficientnet_b0": lambda: settled(efficientnet_b0(), SIZE),
    "shufflenet": shufflenet,
    "unet": lambda: settled(UNet(), SIZE),
    "sound": sound,
    "transformer": transformer,
    "groups": grouped,
}


def samples(name: str, count: int, seed: int) -> npt.NDArray[np.float32]:
    """Images, or spectrograms."""
    if name == "sound":
        return np.random.default_rng(seed).normal(size=(count, BANDS, FRAMES)).astype(np.float32)
    return images(count, SIZE, seed)


def exported(name: str) -> onnx.ModelProto:
    """As an ONNX file, its batch open."""
    file = io.BytesIO()
    torch.onnx.export(
        NETWORKS[name](),
        (torch.from_numpy(samples(name, 2, 0)),),
        file,  # pyright: ignore[reportArgumentType]  (it takes a file, too)
        dynamo=False,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
    )
    return onnx.load_from_string(file.getvalue())
