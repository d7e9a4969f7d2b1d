"""EfficientNet-B0: depthwise 3x3 and 5x5, SiLU, and squeeze-and-excitation."""

import torch
from torch import nn

from benchmarks.networks.seeded import settled

# (expansion, kernel, stride of the first, outputs, how often)
PLAN = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4))
LAST = (6, 3, 1, 320, 1)


def conv_bn(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, squeeze: int):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeeze, 1)
        self.fc2 = nn.Conv2d(squeeze, channels, 1)
        self.activation = nn.SiLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.fc2(self.activation(self.fc1(self.avgpool(x))))) * x


class MBConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int, stride: int):
        super().__init__()
        hidden = inputs * expand
        layers = [*conv_bn(inputs, hidden), nn.SiLU(inplace=True)] if expand != 1 else []
        layers += [*conv_bn(hidden, hidden, kernel, stride, hidden), nn.SiLU(inplace=True)]
        self.block = nn.Sequential(*layers, SqueezeExcitation(hidden, max(1, inputs // 4)), *conv_bn(hidden, outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class EfficientNet(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        layers: list[nn.Module] = [*conv_bn(3, 32, 3, 2), nn.SiLU(inplace=True)]
        inputs = 32
        for expand, kernel, stride, outputs, count in (*PLAN, LAST):
            for index in range(count):
                layers.append(MBConv(inputs, outputs, expand, kernel, 1 if index else stride))
                inputs = outputs
        self.features = nn.Sequential(*layers, *conv_bn(inputs, 1280), nn.SiLU(inplace=True))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def efficientnet_b0(classes: int = 1000) -> nn.Module:
    return settled(EfficientNet(classes), 224)
