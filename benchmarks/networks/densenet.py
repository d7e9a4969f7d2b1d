"""DenseNet-121: every layer reads all layers before it, and normalizes before it convolves."""

import torch
from torch import nn

from benchmarks.networks.seeded import settled

GROWTH, BOTTLENECK = 32, 4


class DenseLayer(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, BOTTLENECK * GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * GROWTH)
        self.conv2 = nn.Conv2d(BOTTLENECK * GROWTH, GROWTH, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        x = self.conv1(self.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(self.relu(self.norm2(x)))


class DenseBlock(nn.Module):
    def __init__(self, inputs: int, depth: int):
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(inputs + i * GROWTH) for i in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    def __init__(self, depths: tuple[int, ...], classes: int):
        super().__init__()
        width = 2 * GROWTH
        layers: list[nn.Module] = [
            nn.Conv2d(3, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        for index, depth in enumerate(depths):
            layers.append(DenseBlock(width, depth))
            width += depth * GROWTH
            if index < len(depths) - 1:
                narrow = nn.Conv2d(width, width // 2, 1, bias=False)
                layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True), narrow, nn.AvgPool2d(2, 2)]
                width //= 2
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(torch.flatten(x, 1))


def densenet121(classes: int = 1000) -> nn.Module:
    return settled(DenseNet((6, 12, 24, 16), classes), 224)
