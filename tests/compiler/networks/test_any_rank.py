"""Moves and broadcasts of tensors of any rank: artifacts equal the integer reference bit for bit, at every level."""

from pathlib import Path

import numpy as np
import pytest
from support.effort import night_seeds, slow
from support.every_level import check
from support.random_graphs import integers_of
from support.random_moves import grow
from torch_mlir import ir

from dyadic.dialects import new_context


@pytest.mark.parametrize(("seed", "mixed"), [(0, False), (2, True), (7, False), (12, True)])
def test_random_graphs(seed: int, mixed: bool, tmp_path: Path) -> None:
    """8 bits, and mixtures of 4, 8 and 16."""
    with new_context(), ir.Location.unknown():
        check(*integers_of(grow(seed, 12), seed, mixed=mixed), tmp_path / "m.dyq")


@pytest.mark.parametrize("seed", slow(night_seeds(30)))
def test_many_random_graphs(seed: int, tmp_path: Path) -> None:
    with new_context(), ir.Location.unknown():
        check(*integers_of(grow(seed, 16), seed, mixed=seed % 3 == 0), tmp_path / "m.dyq")


SHUFFLE = """
func.func @main(%x: tensor<1x12x4x5xf32> {RANGE}) -> tensor<1x3x8x10xf32> {
  %a = "qd.reshape"(%x) : (tensor<1x12x4x5xf32>) -> tensor<1x3x2x2x4x5xf32>
  %t = "qd.transpose"(%a) {permutation = array<i64: 0, 1, 4, 2, 5, 3>} : (tensor<1x3x2x2x4x5xf32>)
    -> tensor<1x3x4x2x5x2xf32>
  %y = "qd.reshape"(%t) : (tensor<1x3x4x2x5x2xf32>) -> tensor<1x3x8x10xf32>
  return %y : tensor<1x3x8x10xf32>
}"""
WINDOWS = """
func.func @main(%x: tensor<1x6x8x5xf32> {RANGE}) -> tensor<1x6x8x5xf32> {
  %a = "qd.reshape"(%x) : (tensor<1x6x8x5xf32>) -> tensor<1x3x2x4x2x5xf32>
  %t = "qd.transpose"(%a) {permutation = array<i64: 0, 1, 3, 2, 4, 5>} : (tensor<1x3x2x4x2x5xf32>)
    -> tensor<1x3x4x2x2x5xf32>
  %w = "qd.reshape"(%t) : (tensor<1x3x4x2x2x5xf32>) -> tensor<1x12x4x5xf32>
  %s = "qd.sigmoid"(%w) {RANGE} : (tensor<1x12x4x5xf32>) -> tensor<1x12x4x5xf32>
  %b = "qd.reshape"(%s) : (tensor<1x12x4x5xf32>) -> tensor<1x3x4x2x2x5xf32>
  %u = "qd.transpose"(%b) {permutation = array<i64: 0, 1, 3, 2, 4, 5>} : (tensor<1x3x4x2x2x5xf32>)
    -> tensor<1x3x2x4x2x5xf32>
  %y = "qd.reshape"(%u) : (tensor<1x3x2x4x2x5xf32>) -> tensor<1x6x8x5xf32>
  return %y : tensor<1x6x8x5xf32>
}"""


@pytest.mark.parametrize(
    ("text", "moves"), [(SHUFFLE, 1), (WINDOWS, 2)], ids=["pixel shuffle", "window partition and back"]
)
def test_a_permutation_between_reshapes_is_one_copy(text: str, moves: int, tmp_path: Path) -> None:
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(text.replace("{RANGE}", "{qd.range = array<f64: -1.0, 1.0>}"))
        steps = check(*integers_of(module, 0), tmp_path / "m.dyq")
    assert sum(step in ("qi.transpose", "qi.reshape") for step in steps) == moves


LINEAR_ADDITIONS = """
func.func @main(%x: tensor<1x3x5x24xf32> {RANGE}) -> (tensor<1x3x5x24xf32>, tensor<1x15x40xf32>) {
  %a = "qd.linear"(%x, %w1, %b24) {RANGE} : (tensor<1x3x5x24xf32>, tensor<24x24xf32>, tensor<24xf32>)
    -> tensor<1x3x5x24xf32>
  %b = "qd.add"(%a, %x) {RANGE} : (tensor<1x3x5x24xf32>, tensor<1x3x5x24xf32>) -> tensor<1x3x5x24xf32>
  %c = "qd.linear"(%b, %w2, %b24) {RANGE} : (tensor<1x3x5x24xf32>, tensor<24x24xf32>, tensor<24xf32>)
    -> tensor<1x3x5x24xf32>
  %d = "qd.add"(%b, %c) {RANGE} : (tensor<1x3x5x24xf32>, tensor<1x3x5x24xf32>) -> tensor<1x3x5x24xf32>
  %e = "qd.reshape"(%d) : (tensor<1x3x5x24xf32>) -> tensor<1x15x24xf32>
  %f = "qd.linear"(%e, %w3, %b40) {RANGE} : (tensor<1x15x24xf32>, tensor<40x24xf32>, tensor<40xf32>)
    -> tensor<1x15x40xf32>
  %g = "qd.sigmoid"(%f) {RANGE} : (tensor<1x15x40xf32>) -> tensor<1x15x40xf32>
  %h = "qd.linear"(%g, %w4, %b40) {RANGE} : (tensor<1x15x40xf32>, tensor<40x40xf32>, tensor<40xf32>)
    -> tensor<1x15x40xf32>
  %i = "qd.add"(%g, %h) {RANGE} : (tensor<1x15x40xf32>, tensor<1x15x40xf32>) -> tensor<1x15x40xf32>
  %y = "qd.clamp"(%i) {low = 0.0 : f32, high = 6.0 : f32, RANGE} : (tensor<1x15x40xf32>) -> tensor<1x15x40xf32>
  return %d, %y : tensor<1x3x5x24xf32>, tensor<1x15x40xf32>
}"""


def linear_additions(seed: int) -> str:
    """The graph with random weights of two decimals."""
    random = np.random.default_rng(seed)
    sizes = {"w1": (24, 24), "w2": (24, 24), "w3": (40, 24), "w4": (40, 40), "b24": (24,), "b40": (40,)}
    lines = []
    for name, dims in sizes.items():
        values, kind = np.round(random.normal(0, 0.3, dims), 2).tolist(), f"tensor<{'x'.join(map(str, dims))}xf32>"
        lines.append(f'  %{name} = "qd.constant"() {{value = dense<{values}> : {kind}}} : () -> {kind}')
    head, rest = LINEAR_ADDITIONS.split("{\n", 1)
    return "\n".join([head + "{", *lines, rest]).replace("RANGE", "qd.range = array<f64: -6.0, 6.0>")


@pytest.mark.parametrize(("seed", "mixed", "widths"), [(0, False, False), (1, True, True), (4, True, False)])
def test_linear_layers_take_in_additions(seed: int, mixed: bool, widths: bool, tmp_path: Path) -> None:
    """Residuals and results of 8 and of 16 bits, weights of few bits in groups; of any rank."""
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(linear_additions(seed))
        kinds = check(*integers_of(module, seed, mixed=mixed, widths=widths), tmp_path / "m.dyq")
    assert kinds.count("qi.linear_add") == 3 and "qi.add" not in kinds
