"""Learned rounding leaves the float graph alone and writes steps that lose less than those it started from."""
# ruff: noqa: E501  (MLIR)

import numpy as np
import pytest
from support.meaning import assert_unchanged, lit_functions, parse, run_passes
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.refine.learn_rounding import learn_rounding
from dyadic.passes.refine.search_weight_scales import search_weight_scales
from dyadic.passes.refine.weight_layers import WeightLayer, dense, weight_layers

FUNCTIONS = lit_functions("refine", "learn-rounding")
CONV = """
func.func @main(%x: tensor<1x{c}x5x5xf32>) -> tensor<1x{o}x3x3xf32> {{
  %w = "qd.constant"() {{value = dense<{weight}> : tensor<{o}x{i}x3x3xf32>}} : () -> tensor<{o}x{i}x3x3xf32>
  %b = "qd.constant"() {{value = dense<0.0> : tensor<{o}xf32>}} : () -> tensor<{o}xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {{strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = {g} : i64, qd.weight_bits = {bits} : i64{more}}} : (tensor<1x{c}x5x5xf32>, tensor<{o}x{i}x3x3xf32>, tensor<{o}xf32>) -> tensor<1x{o}x3x3xf32>
  return %0 : tensor<1x{o}x3x3xf32>
}}
"""


def layer_of(
    seed: int, outputs: int, inputs: int, groups: int, blocks: int, bits: int, group: int = 0
) -> tuple[ir.Module, WeightLayer]:
    """A convolution with moments of inputs that go together."""
    random = np.random.default_rng(seed)
    weight = random.normal(size=(outputs, inputs, 3, 3)).astype(np.float32)
    more = f", qd.weight_group = {group} : i64" if group else ""
    text = CONV.format(c=inputs * groups, o=outputs, i=inputs, g=groups, bits=bits, more=more, weight=weight.tolist())
    module = parse(text)
    size = -(-inputs * 9 // blocks)
    rows = random.normal(size=(groups, blocks, 4 * size, size)) + 2 * random.normal(size=(groups, blocks, 4 * size, 1))
    (layer,) = weight_layers(module.operation)
    with module.context:
        layer.attributes[qd.INPUT_MOMENTS] = dense(rows.swapaxes(2, 3) @ rows, np.float32)
    return module, layer


def cost(layer: WeightLayer) -> float:
    objective, grid = layer.objective(), layer.grid()
    assert objective is not None
    blocks = objective.moments.shape[1]
    return float(objective.cost(layer.rows(grid.steps, blocks), layer.rows(grid.sizes(layer.group), blocks, 1.0)).sum())


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_float_graph_stays(title: str) -> None:
    assert_unchanged(learn_rounding, FUNCTIONS[title], tolerance=0.0)


@pytest.mark.parametrize("bits", [4, 2])
@pytest.mark.parametrize(
    ("outputs", "inputs", "groups", "blocks"), [(4, 8, 1, 1), (4, 8, 1, 5), (6, 1, 6, 1), (6, 4, 2, 2)]
)
def test_each_pass_makes_the_loss_smaller(outputs: int, inputs: int, groups: int, blocks: int, bits: int) -> None:
    module, layer = layer_of(1, outputs, inputs, groups, blocks, bits)
    plain = cost(layer)
    run_passes(module, [search_weight_scales])
    searched = cost(layer)
    run_passes(module, [learn_rounding])
    assert searched <= plain and cost(layer) < 0.8 * searched
    steps = np.array(layer.attributes[qd.WEIGHT_STEPS])
    assert np.abs(steps).max() <= layer.top and steps.dtype == np.int8


def test_groups_keep_their_scales() -> None:
    module, layer = layer_of(2, 3, 40, 1, 1, 4, group=16)
    run_passes(module, [search_weight_scales])
    before, groups = cost(layer), np.array(layer.attributes[qd.GROUP_SCALES])
    run_passes(module, [learn_rounding])
    assert cost(layer) < 0.95 * before
    assert np.array_equal(np.array(layer.attributes[qd.GROUP_SCALES]), groups) and groups.shape == (3, 3, 3, 3)


def test_it_needs_no_search_before() -> None:
    module, layer = layer_of(3, 4, 4, 1, 1, 4)
    plain = cost(layer)
    run_passes(module, [learn_rounding])
    assert cost(layer) < 0.8 * plain


def test_the_same_answer_every_time() -> None:
    texts = []
    for _ in range(2):
        module, _ = layer_of(4, 4, 4, 1, 1, 4)
        texts.append(str(run_passes(module, [search_weight_scales, learn_rounding])))
    assert texts[0] == texts[1]
