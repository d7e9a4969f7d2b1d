"""What is compiled: a name, how its model and samples are made, and what the compiler is told.

A case is never changed, or records from before say that it differs; a new operator or option gets a new case. The small
zoo holds every operator and every width in under a minute; the large one adds the benchmarks' networks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.networks import NETWORKS
from benchmarks.networks.encoder import TextEncoder, seeded
from benchmarks.networks.seeded import images
from benchmarks.replay import graphs

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
SAMPLES = 8  # of a generated graph
IMAGES = 2  # of a network: enough to give every tensor a range
WIDTHS: dict[str, dict[str, Any]] = {
    "int8": {},
    "w8a16": {"precision": "w8a16"},
    "w4a8": {"precision": "w4a8"},
    "w4a4": {"precision": "w4a4"},
    "w4g32a8": {"keep": ("*=w4g32a8",)},
    "w2a8": {"keep": ("*=w2a8",)},
}
QUICK = {"without": ("learn-rounding",)}  # takes longest, and the small zoo has it


@dataclass(frozen=True)
class Case:
    """`make` gives the model, its calibration samples, and the example inputs of a torch module."""

    make: Callable[[], tuple[object, object, tuple[torch.Tensor, ...] | None]]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def learned(self) -> bool:
        """Whether weights or biases are learned in float32, whose sums are other ones on another processor."""
        told = " ".join([self.options.get("precision", ""), *self.options.get("keep", ()), *self.options])
        return any(word in told for word in ("w4", "w2", "max_size"))


def digits() -> tuple[object, object, None]:
    with np.load(DIGITS / "train.npz") as data:
        return str(DIGITS / "digits.onnx"), data["image"][:64], None


def graph(kind: str, seed: int) -> tuple[object, object, tuple[torch.Tensor, ...]]:
    return graphs.module(kind, seed), images(SAMPLES, 16, seed + 1), (torch.zeros(1, 3, 16, 16),)


def text() -> tuple[object, object, tuple[torch.Tensor, ...]]:
    ids = np.random.default_rng(1).integers(0, 40, (SAMPLES, 7))
    return seeded(TextEncoder(16, 1, 2, 7, words=40)), ids, (torch.from_numpy(ids[:1]),)


def network(name: str) -> tuple[object, object, tuple[torch.Tensor, ...]]:
    one = NETWORKS[name]
    samples = one.samples(IMAGES, seed=1)
    return one.make(), samples, (torch.from_numpy(samples[:1]),)


def small() -> dict[str, Case]:
    """The examples, and generated graphs that together use every operator, every width and every technique."""
    cases = {"digits int8": Case(digits)}

    def add(kind: str, seed: int, name: str, options: dict[str, Any]) -> None:
        cases[f"{kind}/{seed} {name}"] = Case(partial(graph, kind, seed), options)

    # One seed for several widths: whatever has the same kernels with both compiles them once.
    for width in WIDTHS:
        add("layers", int(width == "w8a16"), width, WIDTHS[width])
    for kind in ("pointwise", "moves"):
        for width in ("int8", "w8a16", "w4a4"):
            add(kind, int(width == "w8a16"), width, WIDTHS[width])
    islands = {"exclude": ("depthwise", "hidden", "odd"), "keep": ("point=w4a8", "head=w2a16")}
    add("layers", 0, "islands", islands)
    kept = {"keep": ("squeeze=w4g32a16", "hardswish=a4", "stem=w2a8", "norm=a16")}
    add("pointwise", 0, "kept", kept)
    add("layers", 0, "0.7x", {"max_size": "0.7x", "observer": "min-max"})
    add("joined", 0, "int8", {})
    for width in ("int8", "w4a8"):
        add("tokens", 0, width, WIDTHS[width])
    cases["text int8"] = Case(text)
    for kind in ("sizes", "steps"):
        add(kind, 0, "int8", {})
    return cases


def large() -> dict[str, Case]:
    """The small zoo, generated graphs in more sizes and widths, and the benchmarks' networks."""
    cases = small()
    cases["digits w4a8"] = Case(digits, WIDTHS["w4a8"])
    for number in range(24):
        kind = ("layers", "pointwise", "moves")[number % 3]
        width = tuple(WIDTHS)[number // 3 % len(WIDTHS)]
        cases[f"{kind}/{10 + number} {width}"] = Case(partial(graph, kind, 10 + number), WIDTHS[width] | QUICK)
    for name in NETWORKS:
        cases[f"{name} int8"] = Case(partial(network, name))
    for name, width in (
        ("resnet18", "w4a8"),
        ("resnet18", "w2a8"),
        ("mobilenet_v2", "w8a16"),
        ("mobilenet_v2", "w4a4"),
        ("squeezenet1_1", "w4g32a8"),
        ("efficientnet_b0", "w8a16"),
    ):
        cases[f"{name} {width}"] = Case(partial(network, name), WIDTHS[width] | QUICK)
    return cases
