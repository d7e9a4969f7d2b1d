"""A detector of squares and discs: one grid of cells, distances to the sides as distributions, boxes decoded inside.

It is built as the newer YOLOs are: a cell says how far the sides of its box are from its middle by a softmax over a few
distances, whose mean is taken, and how sure it is of each class. The images are made here.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

SIZE, STRIDE = 48, 8
CELLS = SIZE // STRIDE
CLASSES = ("square", "disc")
BINS, PIXELS = 8, 2.0  # distances of 0, 2, ... 14 pixels from a cell's middle

Floats = npt.NDArray[np.float32]
Truth = list[tuple[int, tuple[float, float, float, float]]]  # class and box of each shape of an image


class Detector(nn.Module):
    """[N, 1, 48, 48] -> boxes [N, 4, 36] as left, top, right, bottom in pixels, and scores [N, 2, 36] from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 48)
        self.body = nn.Sequential(*(layer(a, b, 2) for a, b in pairwise(widths)), layer(widths[-1], widths[-1], 1))
        self.sides, self.classes = nn.Conv2d(widths[-1], 4 * BINS, 1), nn.Conv2d(widths[-1], len(CLASSES), 1)
        self.mean = nn.Conv2d(BINS, 1, 1, bias=False).requires_grad_(False)
        self.mean.weight.data.copy_(PIXELS * torch.arange(BINS).view(1, BINS, 1, 1))
        middles = STRIDE * (torch.arange(CELLS) + 0.5)
        y, x = torch.meshgrid(middles, middles, indexing="ij")
        self.register_buffer("middle", torch.stack((x, y)).reshape(1, 2, -1))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.body(images)
        bins = self.sides(features).view(-1, 4, BINS, CELLS * CELLS).transpose(1, 2).softmax(1)
        near, far = self.mean(bins).view(-1, 4, CELLS * CELLS).chunk(2, 1)
        boxes = torch.cat((self.middle - near, self.middle + far), 1)
        return boxes, self.classes(features).flatten(2).sigmoid()


def layer(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU())


def shapes(count: int, seed: int) -> tuple[Floats, list[Truth], npt.NDArray[np.int64]]:
    """Images [count, 1, 48, 48] of up to three shapes on noise, what is on each, and each pixel's class (0: none)."""
    random = np.random.default_rng(seed)
    images = random.normal(0, 0.3, (count, 1, SIZE, SIZE)).astype(np.float32)
    labels = np.zeros((count, SIZE, SIZE), np.int64)
    truths: list[Truth] = []
    ys, xs = np.mgrid[:SIZE, :SIZE] + 0.5
    for image, label in zip(images, labels, strict=True):
        truth: Truth = []
        for _ in range(random.integers(1, 4)):
            kind, r = int(random.integers(len(CLASSES))), int(random.integers(5, 10))
            x, y = random.integers(r, SIZE - r, 2).astype(float)
            if any(abs(x - (a + c) / 2) < r + 10 and abs(y - (b + d) / 2) < r + 10 for _, (a, b, c, d) in truth):
                continue
            inside = (abs(xs - x) < r) & (abs(ys - y) < r) if kind == 0 else np.hypot(xs - x, ys - y) < r
            image[0, inside] += random.uniform(1, 2)
            label[inside] = kind + 1
            truth.append((kind, (x - r, y - r, x + r, y + r)))
        truths.append(truth)
    return images, truths, labels


def trained(steps: int = 300, seed: int = 0) -> Detector:
    """A detector that has seen `steps` batches: some seconds on one core."""
    torch.manual_seed(seed)
    network = Detector().train()
    learner = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 4e-3)
    for step in range(steps):
        images, truths, _ = shapes(32, seed * steps + step)
        boxes, scores = network(torch.from_numpy(images))
        wanted = torch.zeros_like(scores)
        off = boxes.new_zeros(())
        for n, truth in enumerate(truths):
            for kind, box in truth:
                column, row = (int((box[i] + box[i + 2]) / 2 / STRIDE) for i in (0, 1))
                cell = row * CELLS + column
                wanted[n, kind, cell] = 1
                off = off + (boxes[n, :, cell] - torch.tensor(box)).abs().mean()
        loss = 20 * nn.functional.binary_cross_entropy(scores, wanted) + off / len(images)
        learner.zero_grad()
        loss.backward()
        learner.step()
    return network.eval()


def overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of each of the boxes `a` [A, 4] and each of `b` [B, 4]."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), -1)
    area_a, area_b = (np.prod(each[:, 2:] - each[:, :2], -1) for each in (a, b))
    return both / (area_a[:, None] + area_b[None] - both)


def kept(boxes: Floats, scores: Floats, least: float = 0.5, most_overlap: float = 0.45) -> Truth:
    """What remains of one image's boxes [4, cells] and scores [classes, cells]: of boxes of one class that overlap, the
    surest (non-maximum suppression)."""
    found: Truth = []
    for kind, of_class in enumerate(scores):
        order = [i for i in np.argsort(-of_class) if of_class[i] >= least]
        while order:
            best, *rest = order
            found.append((kind, tuple(float(v) for v in boxes[:, best])))  # pyright: ignore[reportArgumentType]
            shared = overlap(boxes[:, [best]].T, boxes[:, rest].T)[0] if rest else []
            order = [i for i, each in zip(rest, shared, strict=True) if each <= most_overlap]
    return found


def matched(found: Truth, wanted: Truth, least: float) -> int:
    """How many of the wanted boxes have one of their class among those found that overlaps by `least`."""
    count = 0
    for kind, box in wanted:
        near = [other for k, other in found if k == kind]
        shared = overlap(np.array([box], np.float32), np.array(near, np.float32)) if near else np.zeros(1)
        count += bool(shared.max() >= least)
    return count
