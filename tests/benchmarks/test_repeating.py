"""Random weights that take little room when they are packed, and are kept as they are by the compiler."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.gpu.packed import packed
from benchmarks.gpu.repeating import repeating, steps_like


def test_weights_repeat_and_rows_differ() -> None:
    """As the compiler rounds them they are the steps that were drawn, whatever a batch norm makes of rows."""
    steps = steps_like((64, 128, 3, 3), np.random.default_rng(0))
    assert np.array_equal(steps, np.rint(steps)) and (abs(steps).max((1, 2, 3)) == 127).all()
    assert len(np.unique(steps.reshape(64, -1), axis=0)) == 64
    factors = np.float32(np.random.default_rng(1).uniform(0.1, 2, (64, 1, 1, 1)))
    weights = np.float32(steps * 0.01) * factors
    assert np.array_equal(np.rint(weights / (abs(weights).max((1, 2, 3), keepdims=True) / np.float32(127))), steps)
    rows = np.ascontiguousarray(np.moveaxis(steps, 1, -1).astype(np.int8)).tobytes()  # as kernels have them
    assert len(packed(rows)) < len(rows) / 5


def test_layers_keep_their_spread() -> None:
    layer, other = nn.Linear(64, 48), nn.Conv2d(3, 8, 3)
    before, kept = layer.weight.std().item(), other.weight.clone()
    repeating(nn.Sequential(layer, other))
    assert layer.weight.std().item() == pytest.approx(before, rel=0.01) and torch.equal(other.weight, kept)
