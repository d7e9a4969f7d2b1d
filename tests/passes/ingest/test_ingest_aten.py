"""Every PyTorch operator means in `qd` what PyTorch computes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support import pointwise_cases, transformer_cases
from support.aten_operators import remember, remembered
from support.meaning import assert_close, operations, outputs, prepared, random_inputs, run_passes
from support.torch_modules import IMAGE, Function, imported, made
from torch import nn
from torch_mlir import ir

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.ingest_aten import ingest_aten
from dyadic.runtime.errors import ModelError

CASES: dict[str, Callable[[], nn.Module]] = {
    "conv2d": made(lambda s, x: s.c(x), c=lambda: nn.Conv2d(4, 6, 3, 2, (1, 0), (1, 2), groups=2)),
    "conv2d, same": made(lambda s, x: s.c(x), c=lambda: nn.Conv2d(4, 6, (2, 4), padding="same", bias=False)),
    "conv2d, valid": made(lambda s, x: s.c(x), c=lambda: nn.Conv2d(4, 6, 2, padding="valid")),
    "batch norm": made(lambda s, x: s.n(x), n=lambda: nn.BatchNorm2d(4)),
    "batch norm without gains": made(lambda s, x: s.n(x), n=lambda: nn.BatchNorm2d(4, affine=False)),
    "batch norm of vectors": made(lambda s, x: s.n(x.mean((2, 3))), n=lambda: nn.BatchNorm1d(4)),
    "linear": made(lambda s, x: s.l(x), l=lambda: nn.Linear(6, 5)),
    "linear without bias": made(lambda s, x: s.l(x.flatten(1)), l=lambda: nn.Linear(168, 5, bias=False)),
    "addmm": made(
        lambda s, x: torch.addmm(s.b, x.flatten(1), s.w, beta=2, alpha=0.5),
        b=lambda: torch.randn(5),
        w=lambda: torch.randn(168, 5),
    ),
    "addcmul": made(
        lambda s, x: torch.addcmul(s.b, s.w, x, value=0.5), b=lambda: torch.randn(6), w=lambda: torch.randn(6)
    ),
    "mm": made(lambda s, x: torch.mm(x.flatten(1), s.w.t()), w=lambda: torch.randn(5, 168)),
    "matmul": made(lambda s, x: x @ s.w, w=lambda: torch.randn(6, 5)),
    "weights with arithmetic": made(lambda s, x: F.conv2d(x, s.w / s.w.norm()), w=lambda: torch.randn(3, 4, 2, 2)),
    "max pool": made(lambda s, x: F.max_pool2d(x, (3, 2), 2, 1)),
    "max pool, ceil": made(lambda s, x: F.max_pool2d(x, 3, 2, ceil_mode=True)),
    "max pool, no window beyond the end": made(lambda s, x: F.max_pool2d(x, 1, 3, ceil_mode=True)),
    "max pool, dilated": made(lambda s, x: F.max_pool2d(x, 2, 1, 0, (2, 3))),
    "max pool, kernel as stride": made(lambda s, x: F.max_pool2d(x, 2)),
    "average pool": made(lambda s, x: F.avg_pool2d(x, 3, 2, 1)),
    "average pool, uncounted": made(lambda s, x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
    "average pool, ceil": made(lambda s, x: F.avg_pool2d(x, (2, 4), (2, 3), ceil_mode=True)),
    "average pool, ceil, counted": made(lambda s, x: F.avg_pool2d(x, 3, 3, 1, ceil_mode=True)),
    "adaptive average pool": made(lambda s, x: F.adaptive_avg_pool2d(x, (7, 2))),
    "adaptive average pool to one": made(lambda s, x: F.adaptive_avg_pool2d(x, 1)),
    "adaptive max pool": made(lambda s, x: F.adaptive_max_pool2d(x, (1, 3))),
    "mean": made(lambda s, x: x.mean((-2, -1), keepdim=True)),
    "mean of a mean": made(lambda s, x: x.mean(3).mean(2)),
    "numbers": made(lambda s, x: 2 - (x * 3 + 1) / 4 - 0.5),
    "alpha": made(lambda s, x: torch.sub(torch.add(x, torch.tanh(x), alpha=2), torch.relu(x), alpha=0.5)),
    "channel constants": made(lambda s, x: s.c - x * s.c, c=lambda: torch.randn(4, 1, 1)),
    "whole images": made(lambda s, x: s.c * x - s.c, c=lambda: torch.randn(4, 7, 6)),
    "negate": made(lambda s, x: -x),
    "in place": made(lambda s, x: F.relu_(x.clone().mul_(2).add_(1))),
    "squeeze and excite": made(lambda s, x: x * torch.sigmoid(x.mean((2, 3), keepdim=True))),
    "relu": made(lambda s, x: F.relu(x)),
    "relu6": made(lambda s, x: F.relu6(x)),
    "hardtanh": made(lambda s, x: F.hardtanh(x, -2, 1)),
    "clamp": made(lambda s, x: x.clamp(-1, 2)),
    "clamp min": made(lambda s, x: torch.clamp_min(x, -1)),
    "clamp max": made(lambda s, x: torch.clamp_max(x, 1)),
    "sigmoid": made(lambda s, x: torch.sigmoid(x)),
    "tanh": made(lambda s, x: torch.tanh(x)),
    "silu": made(lambda s, x: F.silu(x)),
    "silu, spelled out": made(lambda s, x: torch.sigmoid(x) * x),
    "hardswish": made(lambda s, x: F.hardswish(x)),
    "hardswish, spelled out": made(lambda s, x: x * F.relu6(x + 3) / 6),
    "hardsigmoid": made(lambda s, x: F.hardsigmoid(x)),
    "hardsigmoid, spelled out": made(lambda s, x: F.relu6(x + 3) / 6),
    "leaky relu": made(lambda s, x: F.leaky_relu(x, 0.3)),
    "prelu": made(lambda s, x: s.p(x), p=lambda: nn.PReLU()),
    "nothing": made(lambda s, x: F.dropout(x.contiguous().clone().detach().to(torch.float32), training=s.training)),
    "expand": made(lambda s, x: x.expand(-1, 4, 7, 6)),
    "cat of unequal parts": made(lambda s, x: torch.cat([x, x[:, :1], torch.tanh(x)], 1)),
    "chunk": made(lambda s, x: torch.cat(torch.chunk(x, 3, 2)[::-1], 2)),
    "split": made(lambda s, x: torch.cat(torch.split(x, 2, 3)[::-1], 3)),
    "split with sizes": made(lambda s, x: torch.cat(torch.split(x, [1, 3], 1)[::-1], 1)),
    "slice": made(lambda s, x: x[:, 1:, -5:-1:2]),
    "narrow": made(lambda s, x: x.narrow(2, 3, 2)),
    "select": made(lambda s, x: x[:, -1]),
    "pad": made(lambda s, x: F.pad(x, (1, 2, 0, 3), value=0.5)),
    "pad that crops": made(lambda s, x: F.pad(x, (-1, 2))),
    "pad, conv": made(lambda s, x: s.c(F.pad(x, (0, 1, 0, 1))), c=lambda: nn.Conv2d(4, 3, 3, 2)),
    "shuffle channels": made(lambda s, x: x.view(x.shape[0], 2, 2, 7, 6).transpose(1, 2).reshape(x.shape)),
    "flatten": made(lambda s, x: x.flatten(2, -1)),
    "unflatten": made(lambda s, x: x.unflatten(-1, (2, 3))),
    "permute": made(lambda s, x: x.permute(0, 2, 3, 1)),
    "squeeze, unsqueeze": made(lambda s, x: x.unsqueeze(-1).squeeze(4).unsqueeze(1)),
    "index by a list": made(lambda s, x: x[:, [2, 0, 1, 1]]),
    "index by a buffer, from behind": made(lambda s, x: x[..., s.i], i=lambda: torch.tensor([-1, 0, 3])),
    "index select": made(lambda s, x: x.index_select(1, s.i), i=lambda: torch.tensor([1, 2, 3, 0])),
    "einsum": made(lambda s, x: torch.einsum("bchw,oc->bohw", x, s.w), w=lambda: torch.randn(5, 4)),
    "einsum, weight first": made(lambda s, x: torch.einsum("oh,bchw->bowc", s.w, x), w=lambda: torch.randn(5, 7)),
    "einsum over two": made(lambda s, x: torch.einsum("bchw,chp->bwp", x, s.w), w=lambda: torch.randn(4, 7, 3)),
    "einsum, a matrix each": made(lambda s, x: torch.einsum("bchw,hkw->bkch", x, s.w), w=lambda: torch.randn(7, 3, 6)),
    "einsum of two computed": made(lambda s, x: torch.einsum("bchw,bchv->bcwv", x, x + 1)),
    "einsum to one number each": made(lambda s, x: torch.einsum("bchw,bchw->bc", x, x)),
    "multiply": made(lambda s, x: torch.multiply(x, x)),
    "cat with a buffer": made(
        lambda s, x: torch.cat([x, s.b.expand(len(x), -1, -1, -1)], 1), b=lambda: torch.randn(1, 2, 7, 6)
    ),
    "cat with zeros": made(lambda s, x: torch.cat([torch.zeros(len(x), 2, 7, 6), x], 1)),
    "cat with a ramp": made(
        lambda s, x: torch.cat([x, torch.linspace(-1, 1, 6).view(1, 1, 1, -1).expand(len(x), 1, 7, 6)], 1)
    ),
    "a double buffer": made(
        lambda s, x: (x * s.k).float(), k=lambda: torch.full((1, 1, 1, 1), 2.5, dtype=torch.double)
    ),
    "split with an empty part": made(lambda s, x: torch.cat(x.split([0, 1, 3], 1), 1)),
    "bmm": made(lambda s, x: torch.bmm(x.flatten(1, 2), x.flatten(1, 2).transpose(1, 2))),
    "two results": made(lambda s, x: (torch.relu(x), x)),
}


CASES |= {title: made(compute, **parts) for title, (compute, parts) in pointwise_cases.ATEN.items()}


def imported_by_torch(title: str) -> ir.Module:
    """The case as import leaves it; which operators it has is remembered."""
    module = imported(CASES[title]())
    remember(title, module)
    return module


@pytest.mark.parametrize("title", CASES)
def test_operator(title: str) -> None:
    module = CASES[title]()
    imported = prepared(imported_by_torch(title))
    (x,) = random_inputs(imported)
    wanted = module(torch.from_numpy(x))
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    assert_close(outputs(imported, x), [w.detach().numpy() for w in wanted], 2e-6)


@pytest.mark.slow
@pytest.mark.last  # whatever cases other workers have imported need not be again
def test_every_operator_has_a_case() -> None:
    """Names that functionalization gives to what another case writes are left out."""
    of_transformers = transformer_cases.ATEN.items()
    every = CASES | {f"{title} of transformers": made(c, **parts) for title, (c, parts, _) in of_transformers}
    used = set().union(*(remembered(title, make) for title, make in every.items()))
    aliases = {"_adaptive_avg_pool2d", "_unsafe_view", "alias", "batch_norm", "chunk", "constant_pad_nd", "contiguous"}
    aliases |= {"convolution", "detach", "dropout", "flatten", "lift_fresh_copy", "max_pool2d_with_indices", "narrow"}
    aliases |= {"_to_copy", "reshape", "rsub", "t", "unflatten", "to", "type_as"}
    aliases |= {"embedding", "expand_as", "dyadic.valid", "where.ScalarOther", "where.ScalarSelf"}  # see test_masks.py
    aliases |= {name for name in aten if "quantize" in name}  # see test_torch_quantized.py
    aliases |= {
        "log_softmax",
        "argmax",
        "argmin",
        "topk",
        "one_hot",
    }  # of test_end_*.py, test_one_hot.py
    aliases |= {"gru", "lstm", "rnn_relu", "rnn_tanh"}  # see test_recurrent.py
    spatial = (
        "adaptive_",
        "avg_pool",
        "max_pool",
        "upsample_",
        "conv_transpose",
        "reflection_",
        "replication_",
        "bitwise_",
    )
    aliases |= {name for name in aten if name.startswith(spatial)}  # see test_aten_spatial.py and test_blocks.py
    aliases |= {"amin", "conv3d", "max.dim", "min.dim"}
    assert set(aten) - aliases <= used, set(aten) - aliases - used


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("silu, spelled out", ["silu"]),
        ("hardswish, spelled out", ["hard_swish"]),
        ("hardsigmoid, spelled out", ["hard_sigmoid"]),
        ("numbers", ["scale_shift"]),
        ("mean of a mean", ["reduce_mean"]),
        ("adaptive average pool to one", ["reduce_mean"]),
        ("pad, conv", ["conv2d"]),
        ("nothing", []),
        ("weights with arithmetic", ["conv2d"]),
    ],
)
def test_what_is_left_is_regular(title: str, wanted: list[str]) -> None:
    assert operations(prepared(imported_by_torch(title))) == wanted


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        (lambda s, x: x.permute(1, 0, 2, 3) + x[:, :1], "mixes the images"),
        (lambda s, x: torch.einsum("bchw,bchw,bchw->bc", x, x, x), "sums of two tensors"),
        (lambda s, x: torch.einsum("bchw,c->bchw", x, torch.ones(4)), "no product with a matrix"),
        (lambda s, x: x[:, [[0, 1], [2, 3]], [0, 1]], "only one axis"),
        (lambda s, x: x.split([0, 4], 1), "without a single element"),
        (lambda s, x: torch.div(x, 2, rounding_mode="floor"), "division rounded by floor"),
        (lambda s, x: x + torch.rand(4, 7, 6), "rand"),
        (lambda s, x: x * torch.full((4, 1, 1), np.nan), "NaN"),
    ],
)
def test_refusals_say_why(compute: Callable[..., Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        run_passes(import_torch(Function(compute).eval(), (torch.zeros(IMAGE),), new_context()), [ingest_aten])
