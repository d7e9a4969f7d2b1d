"""Codes that fit no signed byte are parts that do: the numbers do not change."""

import numpy as np
import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.fit_codes import fit_codes, parts_of

FUNCTIONS = lit_functions("prepare", "fit-codes")
GROUPED = """func.func @main(%x: tensor<1x4x3x3xf32> {qd.given = array<f64: 0.5, 3.0, 8.0>}) -> tensor<1x2x3x3xf32> {
  %w = "qd.constant"() {value = dense<[[[[400.0]], [[-4.0]]], [[[510.0]], [[-512.0]]]]> : tensor<2x2x1x1xf32>, qd.weight_steps = dense<[[[[200]], [[-2]]], [[[255]], [[-256]]]]> : tensor<2x2x1x1xi16>, qd.weight_scale = array<f64: 2.0, 2.0>, qd.weight_bits = 8 : i64} : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<[0.5, 1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 2 : i64} : (tensor<1x4x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
  return %0 : tensor<1x2x3x3xf32>
}"""  # noqa: E501


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(fit_codes, FUNCTIONS[title])


def test_groups_keep_their_own_channels() -> None:
    assert_unchanged(fit_codes, GROUPED)


def test_every_code_is_a_sum_of_bytes() -> None:
    codes = np.arange(-255, 256)
    parts = parts_of(codes)
    assert len(parts) == 3 and np.array_equal(sum(parts), codes)
    assert min(part.min() for part in parts) >= -128 and max(part.max() for part in parts) <= 127
