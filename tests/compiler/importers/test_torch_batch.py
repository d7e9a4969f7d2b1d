"""Torch modules that mix the images of a batch are refused by the name of a layer; all others compile."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.meaning import assert_close, outputs, prepared
from torch import nn

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context, qd
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import main_function
from dyadic.runtime.errors import ModelError


class Written(nn.Module):
    def __init__(self, forward: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.c, self.l = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(100, 5)
        self.token = nn.Parameter(torch.randn(1, 2, 5, 5))
        self.f = forward

    def forward(self, x: torch.Tensor) -> Any:
        return self.f(self, x)


MIXED: dict[str, tuple[Callable[[Any, torch.Tensor], Any], str]] = {
    "the first image": (lambda s, x: s.c(x)[0:1], "getitem"),
    "less the first image": (lambda s, x: s.c(x) - s.c(x)[0], "getitem"),
    "flat": (lambda s, x: s.c(x).flatten(0), "flatten"),
    "one row": (lambda s, x: s.c(x).reshape(1, -1), "reshape"),
    "one row, which fails on two": (lambda s, x: s.l(s.c(x).reshape(1, -1)), "reshape"),
    "times the number of images": (lambda s, x: s.c(x) * len(x), "mul"),
    "less the mean of the batch": (lambda s, x: s.c(x) - s.c(x).mean(0, keepdim=True), "mean"),
    "the mean of everything": (lambda s, x: s.c(x).mean(), "mean"),
    "joined": (lambda s, x: torch.cat([s.c(x), s.c(x)], 0), "cat"),
    "a product over images": (lambda s, x: x.flatten(1).T @ x.flatten(1), "matmul"),
    "in another order": (lambda s, x: s.c(x.flip(0)), "flip"),
    "another network for one": (lambda s, x: s.c(x) if len(x) == 1 else s.c(x) * 2, "mul"),
    "a softmax over the batch, behind a fold": (
        lambda s, x: s.c(x.flatten(0, 1).unflatten(0, (-1, 3))).softmax(0),
        "softmax",
    ),
    "changed in place": (lambda s, x: s.c(x).sub_(s.c(x).mean(0)), "mean"),
}


@pytest.mark.parametrize("title", MIXED)
def test_what_mixes_images_is_refused_by_name(title: str) -> None:
    forward, name = MIXED[title]
    with pytest.raises(ModelError, match=f"{name}.* mixes the images"):
        import_torch(Written(forward).eval(), (torch.zeros(1, 3, 5, 5),), new_context())


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: s.l(s.c(x).reshape(len(x), -1)),
        lambda s, x: s.c(x) + s.token.mean(),
        lambda s, x: s.c(x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)),
        lambda s, x: torch.cat([s.c(x), torch.ones(len(x), 1, 5, 5)], 1),
    ],
)
def test_what_keeps_images_apart_compiles(forward: Callable[[Any, torch.Tensor], Any]) -> None:
    network = Written(forward).eval()
    module = prepared(import_torch(network, (torch.zeros(1, 3, 5, 5),), new_context()))
    x = np.random.default_rng(0).normal(size=(3, 3, 5, 5)).astype(np.float32)
    assert_close(outputs(module, x), [network(torch.from_numpy(x)).detach().numpy()], 1e-5)


def test_answers_may_have_the_batch_in_any_dimension() -> None:
    """In the network it is in front; each result says where the module has it."""
    network = Written(lambda s, x: (s.c(x).permute(1, 2, 0, 3), s.c(x), x.unsqueeze(0))).eval()
    module = prepared(import_torch(network, (torch.zeros(1, 3, 5, 5),), new_context()))
    x = torch.randn(3, 3, 5, 5)
    said = [argument_attributes(main_function(module), i, RESULTS) for i in range(3)]
    axes = [each[qd.BATCH_AXIS].value if qd.BATCH_AXIS in each else 0 for each in said]
    assert axes == [2, 0, 1]
    with torch.no_grad():
        wanted = [each.movedim(axis, 0).numpy() for each, axis in zip(network(x), axes, strict=True)]
    assert_close(outputs(module, x.numpy()), wanted, 1e-5)


def test_a_module_that_takes_one_image_only_answers_one_by_one() -> None:
    """A parameter of shape [1, ...] cannot be joined to two images."""
    network = Written(lambda s, x: torch.cat([s.token, x], 1)).eval()
    module = prepared(import_torch(network, (torch.zeros(1, 3, 5, 5),), new_context()))
    x = np.random.default_rng(0).normal(size=(3, 3, 5, 5)).astype(np.float32)
    wanted = [network(torch.from_numpy(x[i : i + 1])).detach().numpy() for i in range(3)]
    assert_close(outputs(module, x), [np.concatenate(wanted)], 1e-6)


def test_the_module_and_its_buffers_stay_as_they_are() -> None:
    def forward(s: Any, x: torch.Tensor) -> torch.Tensor:
        s.n.running_mean += 1
        return s.n(s.c(x))

    network = Written(forward)
    network.n = nn.BatchNorm2d(4)
    import_torch(network, (torch.zeros(1, 3, 5, 5),), new_context())
    assert (
        network.training
        and network.n.running_mean is not None
        and not network.n.running_mean.any()
        and not network.n._forward_hooks
    )
