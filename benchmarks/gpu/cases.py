"""The networks of the day: those that are timed, whose weights repeat so that they are carried in little room, and
small ones whose bits are looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.gpu.inputs import given
from benchmarks.gpu.repeating import repeating
from benchmarks.networks import NETWORKS
from benchmarks.networks.encoder import TextEncoder, seeded
from benchmarks.replay import zoo

BERT_WORDS, BERT_TOKENS = 1000, 128
SHOWN = 4  # samples of a timed network: enough to give every tensor a range
TIMED_IMAGES, SMALL_IMAGES = 64, 3


@dataclass(frozen=True)
class Case:
    """`make` gives the model, its calibration samples, and the example inputs of a torch module; `words` bounds ids;
    `count` images are answered. `shared`: layers have the same weights, which are stored once."""

    make: Callable[[], tuple[object, object, tuple[torch.Tensor, ...] | None]]
    options: dict[str, Any] = field(default_factory=dict)
    words: int = 0
    count: int = SMALL_IMAGES
    timed: bool = False
    shared: bool = False


def bert_of_one_layer() -> nn.Module:
    """BERT-base, whose twelve layers are one and the same, with a small vocabulary: 100 MB less to carry."""
    network = seeded(TextEncoder(768, 1, 12, BERT_TOKENS, words=BERT_WORDS))
    assert isinstance(network, TextEncoder)
    network.blocks = nn.Sequential(*[network.blocks[0]] * 12)
    return network.eval()


def bert() -> tuple[nn.Module, npt.NDArray[Any], tuple[torch.Tensor, ...]]:
    ids = given([BERT_TOKENS], "int64", SHOWN, 1, BERT_WORDS)
    return repeating(bert_of_one_layer()), ids, (torch.from_numpy(ids[:1]),)


def network(name: str) -> tuple[nn.Module, npt.NDArray[Any], tuple[torch.Tensor, ...]]:
    one = NETWORKS[name]
    samples = one.samples(SHOWN, seed=1)
    return repeating(one.make()), samples, (torch.from_numpy(samples[:1]),)


def timed() -> dict[str, Case]:
    """In order of worth."""
    images = {
        name: Case(partial(network, name), count=TIMED_IMAGES, timed=True) for name in ("resnet50", "mobilenet_v2")
    }
    deit = {"deit_tiny": Case(partial(network, "deit_tiny"), count=TIMED_IMAGES, timed=True)}
    return images | deit | {"bert_base": Case(bert, words=BERT_WORDS, count=TIMED_IMAGES, timed=True, shared=True)}


def small() -> dict[str, Case]:
    """The replay's small zoo: every operator and every width."""
    cases = {name: Case(one.make, one.options) for name, one in zoo.small().items()}
    cases["text int8"] = Case(zoo.text, words=40)
    return cases


def tiny() -> dict[str, Case]:
    """For tests: a network that is timed, and two layers that have the same weights. Layers of fewer products would
    have weights rounded to scales of their own."""

    def make() -> tuple[nn.Module, npt.NDArray[Any], tuple[torch.Tensor, ...]]:
        torch.manual_seed(0)
        shared = [nn.Conv2d(96, 96, 3, 1, 1), nn.ReLU()]
        module = nn.Sequential(nn.Conv2d(3, 96, 3, 2, 1), nn.ReLU(), *shared, *shared, nn.MaxPool2d(2)).eval()
        samples = np.random.default_rng(0).normal(size=(4, 3, 12, 12)).astype(np.float32)
        return module, samples, (torch.from_numpy(samples[:1]),)

    return {"tiny": Case(make, count=8, timed=True, shared=True)}


GROUPS: dict[str, Callable[[], dict[str, Case]]] = {"timed": timed, "small": small, "tiny": tiny}
