"""Detectors and a U-Net, trained for a moment, from both importers to the boxes and masks that people look at.

A YOLO decodes its boxes inside the network, an SSD gives offsets of anchors that NumPy decodes; both end with
non-maximum suppression. What is compared is what is left then: boxes by their overlap, masks by their pixels.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dyadic.compiler.driver import build_artifact
from dyadic.compiler.job import Job
from dyadic.compiler.tools import Tools
from dyadic.dialects.reference import IntegerReference
from dyadic.runtime.cpu.levels import usable

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples" / "detection"))

from detector import CLASSES, SIZE, Floats, Truth, kept, layer, matched, overlap, shapes, trained

SIDES = (12.0, 18.0)  # of the square anchors of each cell
STRIDES = (8, 16)
VARIANCES = (0.1, 0.2)  # as SSD scales offsets of middles and of sizes


class SSD(nn.Module):
    """Scores [N, anchors, 1 + classes] and offsets [N, anchors, 4] of two grids."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(layer(1, 16, 2), layer(16, 24, 2), layer(24, 32, 2))
        self.deeper = layer(32, 32, 2)
        self.scores = nn.ModuleList(nn.Conv2d(32, len(SIDES) * 3, 3, padding=1) for _ in STRIDES)
        self.offsets = nn.ModuleList(nn.Conv2d(32, len(SIDES) * 4, 3, padding=1) for _ in STRIDES)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        large = self.body(images)
        grids = (large, self.deeper(large))

        def of_heads(heads: nn.ModuleList, width: int) -> torch.Tensor:
            made = [head(grid).permute(0, 2, 3, 1).flatten(1) for head, grid in zip(heads, grids, strict=True)]
            return torch.cat(made, 1).view(-1, sum(ANCHORS_OF), width)

        return of_heads(self.scores, 3).softmax(-1), of_heads(self.offsets, 4)


def anchors() -> Floats:
    """[anchors, 4]: middle x and y, width and height."""
    made = []
    for stride in STRIDES:
        middles = (np.arange(SIZE // stride) + 0.5) * stride
        made += [(x, y, side, side) for y in middles for x in middles for side in SIDES]
    return np.array(made, np.float32)


ANCHORS_OF = [len(SIDES) * (SIZE // stride) ** 2 for stride in STRIDES]
ANCHORS = anchors()


def corners(boxes: Floats) -> Floats:
    """Left, top, right, bottom of middles and sizes."""
    half = boxes[..., 2:] / np.float32(2)
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], -1, dtype=np.float32)


def decoded(scores: Floats, offsets: Floats) -> Truth:
    """An image's boxes, as SSDs say where they are."""
    middles = ANCHORS[:, :2] + offsets[:, :2] * VARIANCES[0] * ANCHORS[:, 2:]
    sizes = ANCHORS[:, 2:] * np.exp(offsets[:, 2:] * VARIANCES[1])
    return kept(corners(np.concatenate([middles, sizes], -1).astype(np.float32)).T, scores[:, 1:].T)


def trained_ssd(steps: int) -> SSD:
    torch.manual_seed(0)
    network = SSD().train()
    learner = torch.optim.Adam(network.parameters(), 4e-3)
    for step in range(steps):
        images, truths, _ = shapes(24, step)
        classes = np.zeros((len(images), len(ANCHORS)), np.int64)
        offsets = np.zeros((len(images), len(ANCHORS), 4), np.float32)
        for n, truth in enumerate(truths):
            for kind, box in truth:
                shared = overlap(corners(ANCHORS), np.array([box], np.float32))[:, 0]
                own = (shared > 0.45) | (shared == shared.max())
                a, size = ANCHORS[own], box[2] - box[0]
                middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
                classes[n, own] = kind + 1
                offsets[n, own, :2] = (middle - a[:, :2]) / a[:, 2:] / VARIANCES[0]
                offsets[n, own, 2:] = np.log(size / a[:, 2:]) / VARIANCES[1]
        scores, made = network(torch.from_numpy(images))
        positive = torch.from_numpy(classes > 0)
        loss = nn.functional.nll_loss((scores + 1e-6).log().flatten(0, 1), torch.from_numpy(classes).flatten())
        loss = 10 * loss + nn.functional.smooth_l1_loss(made[positive], torch.from_numpy(offsets)[positive])
        learner.zero_grad()
        loss.backward()
        learner.step()
    return network.eval()


class UNet(nn.Module):
    """Class scores [N, 3, H, W] of pixels; upwards by a transposed convolution, and by bilinear interpolation."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = layer(1, 12, 1), layer(12, 16, 1), layer(16, 24, 1)
        self.up1 = nn.ConvTranspose2d(24, 16, 2, 2)
        self.up2 = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(16, 12, 1))
        self.d, self.e, self.classes = layer(32, 16, 1), layer(24, 12, 1), nn.Conv2d(12, 1 + len(CLASSES), 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        a = self.a(images)
        b = self.b(nn.functional.max_pool2d(a, 2))
        c = self.c(nn.functional.max_pool2d(b, 2))
        up = self.d(torch.cat((self.up1(c), b), 1))
        return self.classes(self.e(torch.cat((self.up2(up), a), 1)))


def trained_unet(steps: int) -> UNet:
    torch.manual_seed(0)
    network = UNet().train()
    learner = torch.optim.Adam(network.parameters(), 5e-3)
    for step in range(steps):
        images, _, labels = shapes(8, step)
        loss = nn.functional.cross_entropy(network(torch.from_numpy(images)), torch.from_numpy(labels))
        learner.zero_grad()
        loss.backward()
        learner.step()
    return network.eval()


def exported(network: nn.Module, example: tuple[torch.Tensor, ...]) -> bytes:
    file = io.BytesIO()
    torch.onnx.export(network, example, file, dynamo=False, opset_version=17, input_names=["images"])  # pyright: ignore[reportArgumentType]
    return file.getvalue()


def answers(network: nn.Module, route: str, images: Floats) -> tuple[list[Floats], list[Floats]]:
    """Float's outputs, and an artifact's, whose bits are the reference's at every level, and alone."""
    example = (torch.from_numpy(images[:1]),)
    model = exported(network, example) if route == "onnx" else network
    examples = {} if route == "onnx" else {"example_inputs": example}
    calibration = shapes(48, 1_000_001)[0]
    job = Job(model, calibration, isa=usable(), measure=False, progress="off", **examples)  # pyright: ignore[reportArgumentType]
    built = build_artifact(job, Tools.of(job)).built
    made: list[Floats] = []
    for level in usable():
        with built.load(threads=1, max_batch=len(images), isa=level) as session:
            feeds = {session.inputs[0].name: images}
            made = session.run(None, feeds)
            alone = session.run(None, {session.inputs[0].name: images[1:2]})
        exact = IntegerReference(built.integer)({name: each[:2] for name, each in feeds.items()}).values()
        for whole, one, reference in zip(made, alone, exact, strict=True):
            np.testing.assert_array_equal(whole[1:2], one, level)
            np.testing.assert_array_equal(whole[:2], reference, level)
    with torch.no_grad():
        real = network(torch.from_numpy(images))
    return [one.numpy() for one in (real if isinstance(real, tuple) else (real,))], made


ROUTES = pytest.mark.parametrize("route", ["torch", "onnx"])


@pytest.fixture(scope="module")
def yolo() -> nn.Module:
    return trained(120)


@pytest.fixture(scope="module")
def ssd() -> nn.Module:
    return trained_ssd(120)


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    return trained_unet(60)


def boxes_agree(found: list[Truth], wanted: list[Truth], truths: list[Truth]) -> None:
    """Float finds most of what is there, and the artifact what float finds."""
    right = sum(matched(each, truth, 0.5) for each, truth in zip(wanted, truths, strict=True))
    assert right > 0.5 * sum(map(len, truths))
    same = sum(matched(a, b, 0.85) for a, b in zip(found, wanted, strict=True))
    assert same >= sum(map(len, wanted)) - 2
    assert abs(sum(map(len, found)) - sum(map(len, wanted))) <= 2


def detected(network: nn.Module, route: str, decode: Callable[[Floats, Floats], Truth]) -> None:
    images, truths, _ = shapes(30, 1_000_002)
    real, made = answers(network, route, images)
    of_integers, of_float = ([decode(*one) for one in zip(*each, strict=True)] for each in (made, real))
    boxes_agree(of_integers, of_float, truths)


@ROUTES
def test_a_yolo(yolo: nn.Module, route: str) -> None:
    detected(yolo, route, kept)


@ROUTES
def test_an_ssd(ssd: nn.Module, route: str) -> None:
    detected(ssd, route, decoded)


@ROUTES
def test_a_unet(unet: nn.Module, route: str) -> None:
    images, _, labels = shapes(6, 1_000_002)
    real, made = (each[0].argmax(1) for each in answers(unet, route, images))
    shapes_alone = labels > 0
    assert (real == labels)[shapes_alone].mean() > 0.7
    assert (made == real).mean() > 0.99
    assert (made == real)[shapes_alone | (real > 0)].mean() > 0.97
