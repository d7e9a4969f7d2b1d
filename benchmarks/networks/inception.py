"""Inception v3 without its auxiliary classifier: 1x7 and 7x1 convolutions, branches and concatenations, 299 pixels."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.networks.seeded import settled


class Conv(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.bn(self.conv(x)), inplace=True)


def averaged(x: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(x, 3, 1, 1)


class InceptionA(nn.Module):
    def __init__(self, inputs: int, pool: int):
        super().__init__()
        self.branch1x1 = Conv(inputs, 64, 1)
        self.branch5x5 = nn.Sequential(Conv(inputs, 48, 1), Conv(48, 64, 5, padding=2))
        self.branch3x3dbl = nn.Sequential(Conv(inputs, 64, 1), Conv(64, 96, 3, padding=1), Conv(96, 96, 3, padding=1))
        self.branch_pool = Conv(inputs, pool, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = [self.branch1x1(x), self.branch5x5(x), self.branch3x3dbl(x), self.branch_pool(averaged(x))]
        return torch.cat(branches, 1)


class InceptionB(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3 = Conv(inputs, 384, 3, 2)
        self.branch3x3dbl = nn.Sequential(Conv(inputs, 64, 1), Conv(64, 96, 3, padding=1), Conv(96, 96, 3, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch3x3(x), self.branch3x3dbl(x), functional.max_pool2d(x, 3, 2)], 1)


class InceptionC(nn.Module):
    def __init__(self, inputs: int, width: int):
        super().__init__()

        def row(i: int, o: int) -> Conv:
            return Conv(i, o, (1, 7), padding=(0, 3))

        def column(i: int, o: int) -> Conv:
            return Conv(i, o, (7, 1), padding=(3, 0))

        self.branch1x1 = Conv(inputs, 192, 1)
        self.branch7x7 = nn.Sequential(Conv(inputs, width, 1), row(width, width), column(width, 192))
        double = (column(width, width), row(width, width), column(width, width), row(width, 192))
        self.branch7x7dbl = nn.Sequential(Conv(inputs, width, 1), *double)
        self.branch_pool = Conv(inputs, 192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = [self.branch1x1(x), self.branch7x7(x), self.branch7x7dbl(x), self.branch_pool(averaged(x))]
        return torch.cat(branches, 1)


class InceptionD(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3 = nn.Sequential(Conv(inputs, 192, 1), Conv(192, 320, 3, 2))
        seven = (Conv(192, 192, (1, 7), padding=(0, 3)), Conv(192, 192, (7, 1), padding=(3, 0)))
        self.branch7x7x3 = nn.Sequential(Conv(inputs, 192, 1), *seven, Conv(192, 192, 3, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch3x3(x), self.branch7x7x3(x), functional.max_pool2d(x, 3, 2)], 1)


class InceptionE(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.branch1x1 = Conv(inputs, 320, 1)
        self.branch3x3_1 = Conv(inputs, 384, 1)
        self.branch3x3_2a = Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl = nn.Sequential(Conv(inputs, 448, 1), Conv(448, 384, 3, padding=1))
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Conv(inputs, 192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        once, twice = self.branch3x3_1(x), self.branch3x3dbl(x)
        once = torch.cat([self.branch3x3_2a(once), self.branch3x3_2b(once)], 1)
        twice = torch.cat([self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)], 1)
        return torch.cat([self.branch1x1(x), once, twice, self.branch_pool(averaged(x))], 1)


class Inception3(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        stem = (Conv(3, 32, 3, 2), Conv(32, 32, 3), Conv(32, 64, 3, padding=1), nn.MaxPool2d(3, 2))
        stem += (Conv(64, 80, 1), Conv(80, 192, 3), nn.MaxPool2d(3, 2))
        early = (InceptionA(192, 32), InceptionA(256, 64), InceptionA(288, 64), InceptionB(288))
        middle = (InceptionC(768, 128), InceptionC(768, 160), InceptionC(768, 160), InceptionC(768, 192))
        late = (InceptionD(768), InceptionE(1280), InceptionE(2048))
        self.features = nn.Sequential(*stem, *early, *middle, *late)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout()
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.flatten(self.dropout(self.avgpool(self.features(x))), 1))


def inception_v3(classes: int = 1000) -> nn.Module:
    return settled(Inception3(classes), 299)
