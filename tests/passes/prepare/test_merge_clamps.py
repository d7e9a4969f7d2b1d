"""Two clamps in a row are one clamp, for every order of their four bounds."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from support.meaning import assert_close, assert_unchanged, lit_functions, operations, outputs, parse, run_passes

from dyadic.passes.prepare.merge_clamps import merge_clamps

BOUNDS = list(combinations_with_replacement([-2.0, 0.0, 1.0, 3.0], 2))
CLAMPS = """func.func @main(%x: tensor<1x33xf32>) -> tensor<1x33xf32> {{
  %0 = "qd.clamp"(%x) {{low = {} : f32, high = {} : f32}} : (tensor<1x33xf32>) -> tensor<1x33xf32>
  %1 = "qd.clamp"(%0) {{low = {} : f32, high = {} : f32}} : (tensor<1x33xf32>) -> tensor<1x33xf32>
  return %1 : tensor<1x33xf32>
}}"""
FUNCTIONS = lit_functions("prepare", "merge-clamps")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(merge_clamps, FUNCTIONS[title], tolerance=0)


@pytest.mark.parametrize("inner", BOUNDS)
@pytest.mark.parametrize("outer", BOUNDS)
def test_bounds_in_any_order(inner: tuple[float, float], outer: tuple[float, float]) -> None:
    module = parse(CLAMPS.format(*inner, *outer))
    x = np.linspace(-4, 4, 33, dtype=np.float32)[None]
    before = outputs(module, x)
    after = run_passes(module, [merge_clamps])
    assert operations(after) == ["clamp"]
    assert_close(outputs(after, x), before, tolerance=0)
