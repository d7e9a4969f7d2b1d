"""A detector as YOLOv8n has it: SiLU everywhere, a pyramid of features that is resized and joined, boxes as
distributions of distances (DFL), answers of all scales in one tensor of boxes and scores.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.networks.seeded import settled

STRIDES, BINS = (8, 16, 32), 16


class Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.silu(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    def __init__(self, width: int, shortcut: bool):
        super().__init__()
        self.cv1, self.cv2, self.shortcut = Conv(width, width, 3), Conv(width, width, 3), shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    """Two halves; one goes through bottlenecks, and all that was on the way is joined."""

    def __init__(self, inputs: int, outputs: int, count: int, shortcut: bool = False):
        super().__init__()
        half = outputs // 2
        self.cv1, self.cv2 = Conv(inputs, outputs), Conv((2 + count) * half, outputs)
        self.m = nn.ModuleList(Bottleneck(half, shortcut) for _ in range(count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = list(self.cv1(x).chunk(2, 1))
        for block in self.m:
            parts.append(block(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class SPPF(nn.Module):
    """Largest entries of three windows, each over the one before."""

    def __init__(self, width: int):
        super().__init__()
        self.cv1, self.cv2 = Conv(width, width // 2), Conv(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.cv2(torch.cat(parts, 1))


class Detect(nn.Module):
    """[N, 4 + classes, cells of all scales]: centre, width and height in pixels, and a score for each class."""

    anchors: torch.Tensor
    strides: torch.Tensor

    def __init__(self, widths: tuple[int, ...], size: int, classes: int):
        super().__init__()
        boxes, scores = max(16, widths[0] // 4, 4 * BINS), max(widths[0], min(classes, 100))

        def head(inputs: int, width: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(Conv(inputs, width, 3), Conv(width, width, 3), nn.Conv2d(width, outputs, 1))

        self.cv2 = nn.ModuleList(head(w, boxes, 4 * BINS) for w in widths)
        self.cv3 = nn.ModuleList(head(w, scores, classes) for w in widths)
        self.dfl = nn.Conv2d(BINS, 1, 1, bias=False)
        self.classes = classes
        points = [torch.arange(size // stride) + 0.5 for stride in STRIDES]
        self.cells = [len(p) ** 2 for p in points]
        places = [torch.stack(torch.meshgrid(p, p, indexing="ij")[::-1]).flatten(1) for p in points]
        self.register_buffer("anchors", torch.cat(places, 1)[None])
        self.register_buffer(
            "strides", torch.cat([torch.full((1, n), float(s)) for n, s in zip(self.cells, STRIDES, strict=True)], 1)
        )

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        each = [
            torch.cat((box(x), score(x)), 1).view(-1, 4 * BINS + self.classes, cells)
            for box, score, x, cells in zip(self.cv2, self.cv3, features, self.cells, strict=True)
        ]
        box, scores = torch.cat(each, 2).split((4 * BINS, self.classes), 1)
        bins = box.view(-1, 4, BINS, sum(self.cells)).transpose(1, 2).softmax(1)
        near, far = self.dfl(bins).view(-1, 4, sum(self.cells)).chunk(2, 1)
        low, high = self.anchors - near, self.anchors + far
        return torch.cat((torch.cat(((low + high) / 2, high - low), 1) * self.strides, scores.sigmoid()), 1)


class YOLO(nn.Module):
    def __init__(self, size: int, classes: int):
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 16, 3, 2), Conv(16, 32, 3, 2), C2f(32, 32, 1, True))
        self.p3 = nn.Sequential(Conv(32, 64, 3, 2), C2f(64, 64, 2, True))
        self.p4 = nn.Sequential(Conv(64, 128, 3, 2), C2f(128, 128, 2, True))
        self.p5 = nn.Sequential(Conv(128, 256, 3, 2), C2f(256, 256, 1, True), SPPF(256))
        self.up4, self.up3 = C2f(384, 128, 1), C2f(192, 64, 1)
        self.down4, self.down5 = Conv(64, 64, 3, 2), Conv(128, 128, 3, 2)
        self.out4, self.out5 = C2f(192, 128, 1), C2f(384, 256, 1)
        self.detect = Detect((64, 128, 256), size, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        p3 = self.p3(self.stem(x))
        p4 = self.p4(p3)
        p5 = self.p5(p4)
        n4 = self.up4(torch.cat((twice(p5), p4), 1))
        n3 = self.up3(torch.cat((twice(n4), p3), 1))
        n4 = self.out4(torch.cat((self.down4(n3), n4), 1))
        n5 = self.out5(torch.cat((self.down5(n4), p5), 1))
        return self.detect([n3, n4, n5])


def twice(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def yolov8n(size: int = 640, classes: int = 80) -> nn.Module:
    network = settled(YOLO(size, classes), size)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, Detect):
                module.dfl.weight.copy_(torch.arange(BINS).reshape(1, BINS, 1, 1))
    return network
