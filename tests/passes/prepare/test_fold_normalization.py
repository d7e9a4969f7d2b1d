"""Normalization inside the layers that read pixels is what it was in front of them, padding and all."""

import numpy as np
import pytest
from support.meaning import assert_close, assert_unchanged, lit_functions, operations, outputs, parse, run_passes
from torch_mlir import ir

from dyadic.dialects.reference import main_function
from dyadic.passes import building
from dyadic.passes.prepare.fold_normalization import fold_normalization

FUNCTIONS = lit_functions("prepare", "fold-normalization")
PIXELS = 'qd.name = "x", qd.dtype = "uint8", qd.given = array<f64: 1.0, 0.0, 8.0>, qd.pixels = 1 : i64'


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(fold_normalization, FUNCTIONS[title])


def convolution(random: np.random.Generator) -> tuple[ir.Module, list[int]]:
    """Of some window, behind a normalization and perhaps moves; and the sizes of the pixels."""
    channels, height, width, outputs = (int(random.integers(1, most)) for most in (5, 9, 9, 4))
    last, turned = bool(random.integers(2)), bool(random.integers(2))
    kernel, strides, dilation = (random.integers(1, 4, 2).tolist() for _ in range(3))
    padding = random.integers(0, 4, 4).tolist()
    for d, size in enumerate([height, width]):  # a window fits
        padding[d] += max(0, (kernel[d] - 1) * dilation[d] + 1 - size - padding[d] - padding[d + 2])
    dims = [1, height, width, channels] if last else [1, channels, height, width]
    kind = f"tensor<{'x'.join(map(str, dims))}xf32>"
    module = parse(f"func.func @main(%x: {kind} {{{PIXELS}}}) -> {kind} {{ return %x : {kind} }}")
    function = main_function(module)
    block = function.regions[0].blocks[0]
    with module.context, ir.Location.unknown(), ir.InsertionPoint.at_block_begin(block):
        scale, shift = random.normal(size=channels), 100 * random.normal(size=channels)
        x = building.scale_shift(block.arguments[0], scale, shift, 3 if last else 1)
        x = building.transpose(x, [0, 3, 1, 2]) if last else x
        x = building.take(x, 1, random.permutation(channels).tolist()) if turned else x
        weight, bias = random.normal(size=(outputs, channels, *kernel)), random.normal(size=outputs)
        y = building.conv2d(x, building.constant(weight), building.constant(bias), strides, padding, dilation, 1)
    block.operations[len(block.operations) - 1].operands[0] = y
    with module.context:
        function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get([block.arguments[0].type], [y.type]))
    return module, dims[1:]


def test_any_convolution_computes_the_same() -> None:
    folded = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        module, sizes = convolution(random)
        x = random.integers(0, 256, (2, *sizes)).astype(np.float32)
        before = outputs(module, x)
        after = outputs(run_passes(module, [fold_normalization]), x)
        assert_close(after, before, 1e-5)
        folded += not {"scale_shift", "take"} & set(operations(module))
    assert folded > 40
