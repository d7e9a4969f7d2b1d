"""A batch norm inside a layer is what it was beside it, also for odd shapes and random numbers."""

import numpy as np
import pytest
import torch
from support.meaning import assert_close, assert_unchanged, lit_functions, operations, outputs, prepared
from torch import nn

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.passes.prepare.fold_batch_norm import fold_batch_norm

FUNCTIONS = lit_functions("prepare", "fold-batch-norm")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(fold_batch_norm, FUNCTIONS[title])


def network(groups: int, norm_first: bool) -> nn.Module:
    generator = torch.Generator().manual_seed(groups)
    norm = nn.BatchNorm2d(4 if norm_first else 6)
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert values is not None
            values.copy_(torch.rand(values.shape, generator=generator) + 0.1)
    conv = nn.Conv2d(4, 6, (3, 2), stride=2, padding=0 if norm_first else 1, groups=groups)
    return nn.Sequential(*([norm, conv] if norm_first else [conv, norm])).eval()


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_of_a_real_module(groups: int, norm_first: bool) -> None:
    module = network(groups, norm_first)
    imported = prepared(import_torch(module, (torch.zeros(1, 4, 7, 5),), new_context()))
    assert operations(imported) == ["conv2d"]
    x = np.random.default_rng(0).normal(size=(3, 4, 7, 5)).astype(np.float32)
    assert_close(outputs(imported, x), [module(torch.from_numpy(x)).detach().numpy()], 1e-6)
