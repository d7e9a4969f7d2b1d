"""MobileNetV2."""

import torch
from torch import nn

from benchmarks.networks.seeded import lived_in


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expand: int):
        super().__init__()
        hidden = inputs * expand
        layers = [conv_bn_relu6(inputs, hidden, 1)] if expand != 1 else []
        layers.append(conv_bn_relu6(hidden, hidden, 3, stride, hidden))
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


def conv_bn_relu6(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class MobileNetV2(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        # (outputs, how often, stride of the first); all but the first block widen by 6
        plan = [(16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)]
        layers: list[nn.Module] = [conv_bn_relu6(3, 32, 3, 2)]
        inputs = 32
        for outputs, count, stride in plan:
            for index in range(count):
                expand = 6 if len(layers) > 1 else 1
                layers.append(InvertedResidual(inputs, outputs, 1 if index else stride, expand))
                inputs = outputs
        self.features = nn.Sequential(*layers, conv_bn_relu6(inputs, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(torch.flatten(x, 1))


def mobilenet_v2(classes: int = 1000) -> nn.Module:
    return lived_in(MobileNetV2(classes))
