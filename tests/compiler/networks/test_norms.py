"""Normalization, softmax and products of computed tensors in networks: artifacts equal the integer reference."""

from pathlib import Path

import numpy as np
import pytest
from support.every_level import check
from support.random_graphs import integers_of
from torch_mlir import ir

from dyadic.dialects import new_context

# over channels of an image, of rows that are cut out of longer ones, and in front of a convolution that reads a ring
NETWORK = """
func.func @main(%x: tensor<1x9x5x6xf32>) -> (tensor<1x9x5x6xf32>, tensor<1x30x7xf32>) {
  %t = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x9x5x6xf32>) -> tensor<1x5x6x9xf32>
  %n = "qd.layer_norm"(%t, %w9, %b9) {epsilon = 1.0e-5 : f32} : (tensor<1x5x6x9xf32>, tensor<9xf32>, tensor<9xf32>)
    -> tensor<1x5x6x9xf32>
  %u = "qd.transpose"(%n) {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x5x6x9xf32>) -> tensor<1x9x5x6xf32>
  %c = "qd.conv2d"(%u, %k, %b9) {strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>,
    dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x9x5x6xf32>, tensor<9x9x3x3xf32>, tensor<9xf32>)
    -> tensor<1x9x5x6xf32>
  %y = "qd.add"(%c, %x) : (tensor<1x9x5x6xf32>, tensor<1x9x5x6xf32>) -> tensor<1x9x5x6xf32>
  %r = "qd.reshape"(%n) : (tensor<1x5x6x9xf32>) -> tensor<1x30x9xf32>
  %s = "qd.slice"(%r) {starts = array<i64: 0, 0, 2>, steps = array<i64: 1, 1, 1>} : (tensor<1x30x9xf32>)
    -> tensor<1x30x7xf32>
  %m = "qd.rms_norm"(%s, %w7, %b7) {epsilon = 0.0 : f32} : (tensor<1x30x7xf32>, tensor<7xf32>, tensor<7xf32>)
    -> tensor<1x30x7xf32>
  return %y, %m : tensor<1x9x5x6xf32>, tensor<1x30x7xf32>
}"""


def network(seed: int) -> str:
    """With random weights of two decimals."""
    random = np.random.default_rng(seed)
    sizes = {"w9": (9,), "b9": (9,), "k": (9, 9, 3, 3), "w7": (7,), "b7": (7,)}
    lines = []
    for name, dims in sizes.items():
        values, kind = np.round(random.normal(0, 0.5, dims), 2).tolist(), f"tensor<{'x'.join(map(str, dims))}xf32>"
        lines.append(f'  %{name} = "qd.constant"() {{value = dense<{values}> : {kind}}} : () -> {kind}')
    head, rest = NETWORK.split("{\n", 1)
    return "\n".join([head + "{", *lines, rest])


@pytest.mark.parametrize(("seed", "mixed"), [(0, False), (1, True), (2, True)])
def test_normalization_in_networks(seed: int, mixed: bool, tmp_path: Path) -> None:
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(network(seed))
        kinds = check(*integers_of(module, seed, mixed=mixed, widths=False), tmp_path / "m.dyq")
    assert kinds.count("qi.layer_norm") >= 2  # what fills a ring goes by the same name


# heads side by side in rows, a softmax along the other dimension, and what is no attention
PRODUCTS = """
func.func @main(%x: tensor<1x6x12xf32>) -> (tensor<1x6x12xf32>, tensor<1x3x6x6xf32>) {
  %h = "qd.reshape"(%x) : (tensor<1x6x12xf32>) -> tensor<1x6x3x4xf32>
  %q = "qd.transpose"(%h) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x6x3x4xf32>) -> tensor<1x3x6x4xf32>
  %k = "qd.transpose"(%h) {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x6x3x4xf32>) -> tensor<1x3x4x6xf32>
  %s = "qd.matmul"(%q, %k) : (tensor<1x3x6x4xf32>, tensor<1x3x4x6xf32>) -> tensor<1x3x6x6xf32>
  %r = "qd.clamp"(%s) {low = -2.0 : f32, high = 3.0 : f32} : (tensor<1x3x6x6xf32>) -> tensor<1x3x6x6xf32>
  %a = "qd.softmax"(%r) {axis = 3 : i64} : (tensor<1x3x6x6xf32>) -> tensor<1x3x6x6xf32>
  %b = "qd.softmax"(%r) {axis = 2 : i64} : (tensor<1x3x6x6xf32>) -> tensor<1x3x6x6xf32>
  %c = "qd.add"(%a, %b) : (tensor<1x3x6x6xf32>, tensor<1x3x6x6xf32>) -> tensor<1x3x6x6xf32>
  %v = "qd.matmul"(%c, %q) : (tensor<1x3x6x6xf32>, tensor<1x3x6x4xf32>) -> tensor<1x3x6x4xf32>
  %t = "qd.transpose"(%v) {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x6x4xf32>) -> tensor<1x6x3x4xf32>
  %y = "qd.reshape"(%t) : (tensor<1x6x3x4xf32>) -> tensor<1x6x12xf32>
  return %y, %c : tensor<1x6x12xf32>, tensor<1x3x6x6xf32>
}"""


@pytest.mark.parametrize(("seed", "mixed"), [(0, False), (1, True), (3, True)])
def test_products_and_softmax_in_networks(seed: int, mixed: bool, tmp_path: Path) -> None:
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(PRODUCTS)
        kinds = check(*integers_of(module, seed, mixed=mixed, widths=False), tmp_path / "m.dyq")
    assert kinds.count("qi.matmul") == kinds.count("qi.softmax") == 2
