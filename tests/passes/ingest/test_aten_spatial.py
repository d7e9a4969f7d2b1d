"""Windows, pads, sizes and reductions of torch over one to three dimensions mean what torch makes of them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support.meaning import assert_close, outputs, prepared
from torch.nn import functional as F

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.runtime.errors import ModelError

Compute = Callable[[torch.Tensor], torch.Tensor]
RANDOM = np.random.default_rng(0)
X = {n: RANDOM.standard_normal((2, 4, *(6, 7, 5)[:n])).astype(np.float32) for n in (1, 2, 3)}
KERNEL = torch.from_numpy(RANDOM.standard_normal((6, 2, 3, 2, 3)).astype(np.float32))

CASES: dict[str, tuple[int, Compute]] = {
    "adaptive average of a row": (1, lambda x: F.adaptive_avg_pool1d(x, 4)),
    "adaptive average of a volume": (3, lambda x: F.adaptive_avg_pool3d(x, (3, 7, 2))),
    "adaptive largest of a row": (1, lambda x: F.adaptive_max_pool1d(x, 3)),
    "adaptive largest of a volume": (3, lambda x: F.adaptive_max_pool3d(x, (2, 1, 5))),
    "average of a row": (1, lambda x: F.avg_pool1d(x, 3, 2, 1)),
    "average of a volume": (3, lambda x: F.avg_pool3d(x, (2, 3, 2), 2)),
    "largest of a row": (1, lambda x: F.max_pool1d(x, 3, 2, 1)),
    "largest of a volume": (3, lambda x: F.max_pool3d(x, 3, 2, 1)),
    "convolution of a volume": (3, lambda x: F.conv3d(x, KERNEL, None, (1, 2, 1), 1, groups=2)),
    "smallest": (2, lambda x: x.amin((2, 3))),
    "largest along one": (2, lambda x: x.max(3).values),
    "smallest along one": (2, lambda x: x.min(2, keepdim=True).values),
    "reflected row": (1, lambda x: F.pad(x, (2, 1), mode="reflect")),
    "reflected image": (2, lambda x: F.pad(x, (2, 1, 0, 3), mode="reflect")),
    "reflected volume": (3, lambda x: F.pad(x, (1, 2, 0, 3, 2, 1), mode="reflect")),
    "repeated border of a row": (1, lambda x: F.pad(x, (2, 1), mode="replicate")),
    "repeated border of an image": (2, lambda x: F.pad(x, (2, 1, 0, 3), mode="replicate")),
    "enlarged volume": (3, lambda x: F.interpolate(x, scale_factor=2.0, mode="trilinear")),
    "both": (2, lambda x: ((x > 0) & (x < 1)).float()),
    "either": (2, lambda x: ((x > 1) | (x < 0)).float()),
    "one of two": (2, lambda x: ((x > 0) ^ (x > 1)).float()),
}


class Module(torch.nn.Module):
    def __init__(self, compute: Compute) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.compute(x)


@pytest.mark.parametrize("title", CASES)
def test_operator(title: str) -> None:
    dims, compute = CASES[title]
    given = torch.from_numpy(X[dims])
    graph = prepared(import_torch(Module(compute).eval(), (given,), new_context()))
    assert_close(outputs(graph, X[dims]), [compute(given).numpy()], 5e-6)


def test_transposed_convolutions_of_volumes_are_refused() -> None:
    module = torch.nn.ConvTranspose3d(4, 2, 2).eval()
    with pytest.raises(ModelError, match=r"conv_transpose3d"):
        prepared(import_torch(module, (torch.from_numpy(X[3]),), new_context()))
