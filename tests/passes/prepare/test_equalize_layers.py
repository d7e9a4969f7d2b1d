"""Equalization changes no result, makes both sides of a channel equally large, and settles on chains."""
# ruff: noqa: E501  (MLIR)

from itertools import pairwise

import numpy as np
import pytest
from support.meaning import assert_close, assert_unchanged, lit_functions, outputs, parse, random_inputs, run_passes

from dyadic.dialects import qd
from dyadic.dialects.reference import main_function
from dyadic.passes.prepare.equalize_layers import equalize_layers, read

FUNCTIONS = lit_functions("prepare", "equalize-layers")


def convolution(result: str, x: str, shape: tuple[int, int], groups: int, seed: int) -> str:
    """3x3, with channels of very different sizes."""
    random = np.random.default_rng(seed)
    outputs_, inputs = shape
    sizes = np.exp(random.normal(0, 1.5, size=(outputs_, 1, 1, 1))) * np.exp(
        random.normal(0, 1.5, size=(1, inputs // groups, 1, 1))
    )
    weight = (random.normal(size=(outputs_, inputs // groups, 3, 3)) * sizes).astype(np.float32)
    kind = f"tensor<{outputs_}x{inputs // groups}x3x3xf32>"
    return f"""
  %w{result} = "qd.constant"() {{value = dense<{weight.tolist()}> : {kind}}} : () -> {kind}
  %b{result} = "qd.constant"() {{value = dense<{random.normal(size=outputs_).tolist()}> : tensor<{outputs_}xf32>}} : () -> tensor<{outputs_}xf32>
  %{result} = "qd.conv2d"(%{x}, %w{result}, %b{result}) {{strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = {groups} : i64}} : (tensor<1x{inputs}x5x5xf32>, {kind}, tensor<{outputs_}xf32>) -> tensor<1x{outputs_}x5x5xf32>"""


CHAIN = f"""
func.func @main(%x: tensor<1x4x5x5xf32>) -> tensor<1x3x5x5xf32> {{{convolution("a", "x", (8, 4), 1, 0)}
  %r = "qd.clamp"(%a) {{low = 0.0 : f32, high = 0x7F800000 : f32}} : (tensor<1x8x5x5xf32>) -> tensor<1x8x5x5xf32>{convolution("d", "r", (8, 8), 8, 1)}
  %l = "qd.leaky_relu"(%d) {{alpha = 0.1 : f32}} : (tensor<1x8x5x5xf32>) -> tensor<1x8x5x5xf32>{convolution("g", "l", (6, 8), 2, 2)}{convolution("p", "g", (3, 6), 1, 3)}
  return %p : tensor<1x3x5x5xf32>
}}
"""


@pytest.mark.parametrize("title", FUNCTIONS)
def test_results_stay(title: str) -> None:
    assert_unchanged(equalize_layers, FUNCTIONS[title])


def test_a_chain_with_groups_settles_where_both_sides_are_equally_large() -> None:
    module = parse(CHAIN)
    inputs = random_inputs(module)
    before = outputs(module, *inputs)
    run_passes(module, [equalize_layers])
    assert_close(outputs(module, *inputs), before, 1e-5)
    body = main_function(module).operation.regions[0].blocks[0].operations
    layers = [read(op.opview) for op in body if isinstance(op.opview, qd.Layer)]
    assert len(layers) == 4 and sum(isinstance(op.opview, qd.ConstantOp) for op in body) == 8
    for first, second in pairwise(layers):
        np.testing.assert_allclose(first.outgoing(), second.incoming(), rtol=0.02)


def test_a_dead_channel_keeps_its_scale() -> None:
    text = FUNCTIONS["a_relu_lets_scales_through"].replace("dense<[[8.0, 4.0]]>", "dense<0.0>")
    module = run_passes(parse(text), [equalize_layers])
    assert "dense<1.000000e+00> : tensor<1xf32>" in str(module) and "dense<2.000000e+00> : tensor<1x1xf32>" in str(
        module
    )
