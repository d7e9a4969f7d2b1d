"""A class for each pixel: LR-ASPP on MobileNetV3-Large, and U-Net."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.networks.seeded import settled

# kernel, hidden, outputs, squeezed, hard swish, stride, dilation: torchvision's plan, dilated from the 13th block on
PLAN = (
    (3, 16, 16, False, False, 1, 1),
    (3, 64, 24, False, False, 2, 1),
    (3, 72, 24, False, False, 1, 1),
    (5, 72, 40, True, False, 2, 1),
    (5, 120, 40, True, False, 1, 1),
    (5, 120, 40, True, False, 1, 1),
    (3, 240, 80, False, True, 2, 1),
    (3, 200, 80, False, True, 1, 1),
    (3, 184, 80, False, True, 1, 1),
    (3, 184, 80, False, True, 1, 1),
    (3, 480, 112, True, True, 1, 1),
    (3, 672, 112, True, True, 1, 1),
    (5, 672, 160, True, True, 1, 2),
    (5, 960, 160, True, True, 1, 2),
    (5, 960, 160, True, True, 1, 2),
)
LOW = 5  # how many of the backbone's layers make the fine features


def conv_bn(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, dilation: int = 1
) -> list[nn.Module]:
    padding = kernel // 2 * dilation
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs, eps=0.001)]


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        squeezed = max(8, (channels // 4 + 4) // 8 * 8)
        squeezed += 8 * (squeezed < 0.9 * (channels // 4))
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.fc1(functional.adaptive_avg_pool2d(x, 1)))
        return functional.hardsigmoid(self.fc2(inner)) * x


class Block(nn.Module):
    def __init__(
        self, inputs: int, kernel: int, hidden: int, outputs: int, squeeze: bool, hard: bool, stride: int, dilation: int
    ):
        super().__init__()
        activation = nn.Hardswish if hard else nn.ReLU
        layers = [*conv_bn(inputs, hidden), activation()] if hidden != inputs else []
        layers += [*conv_bn(hidden, hidden, kernel, stride, hidden, dilation), activation()]
        layers += [SqueezeExcitation(hidden)] if squeeze else []
        self.block = nn.Sequential(*layers, *conv_bn(hidden, outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class LRASPP(nn.Module):
    def __init__(self, classes: int, inner: int = 128):
        super().__init__()
        layers: list[nn.Module] = [nn.Sequential(*conv_bn(3, 16, 3, 2), nn.Hardswish())]
        inputs = 16
        for kernel, hidden, outputs, squeeze, hard, stride, dilation in PLAN:
            layers.append(Block(inputs, kernel, hidden, outputs, squeeze, hard, stride, dilation))
            inputs = outputs
        layers.append(nn.Sequential(*conv_bn(inputs, 960), nn.Hardswish()))
        self.fine, self.coarse = nn.Sequential(*layers[:LOW]), nn.Sequential(*layers[LOW:])
        self.cbr = nn.Sequential(*conv_bn(960, inner), nn.ReLU())
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(960, inner, 1, bias=False), nn.Sigmoid())
        self.low, self.high = nn.Conv2d(40, classes, 1), nn.Conv2d(inner, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.fine(x)
        coarse = self.coarse(fine)
        merged = grown(self.cbr(coarse) * self.scale(coarse), 2)
        return grown(self.low(fine) + self.high(merged), 8)


def grown(x: torch.Tensor, times: int) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=float(times), mode="bilinear", align_corners=False)


class UNet(nn.Module):
    """Four times half as large and back, with all that was on the way joined; half the original's channels."""

    def __init__(self, classes: int, width: int = 32):
        super().__init__()
        widths = [width << i for i in range(5)]
        self.down = nn.ModuleList(double(i, o) for i, o in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(w, w // 2, 2, 2) for w in widths[:0:-1])
        self.merge = nn.ModuleList(double(w, w // 2) for w in widths[:0:-1])
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = [self.down[0](x)]
        for block in list(self.down)[1:]:
            seen.append(block(functional.max_pool2d(seen[-1], 2)))
        x = seen.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat((seen.pop(), up(x)), 1))
        return self.last(x)


def double(inputs: int, outputs: int) -> nn.Sequential:
    layers = [*conv_bn(inputs, outputs, 3), nn.ReLU(), *conv_bn(outputs, outputs, 3), nn.ReLU()]
    return nn.Sequential(*layers)


def lraspp_mobilenet_v3(size: int = 512, classes: int = 21) -> nn.Module:
    return settled(LRASPP(classes), size)


def unet(size: int = 256, classes: int = 2) -> nn.Module:
    return settled(UNet(classes), size)
