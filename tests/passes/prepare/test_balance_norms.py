"""Balanced norms compute the same, and every channel of what they make reaches as far as any other."""

from typing import Any

import numpy as np
import pytest
import torch
from support.meaning import assert_unchanged, lit_functions, outputs, parse, run_passes
from torch_mlir import ir

from dyadic.compiler.calibrate import calibrate
from dyadic.compiler.progress import Progress
from dyadic.dialects import qd
from dyadic.dialects.reference import FloatReference, main_function
from dyadic.passes.prepare.balance_norms import balance_norms, room_for

FUNCTIONS = lit_functions("prepare", "balance-norms")
BEHIND_A_SLICE = """
func.func @main(%x: tensor<1x4x6xf32>) -> tensor<1x3xf32> {
  %g = "qd.constant"() {value = dense<[4.0, 0.1, -1.0, 2.0, 0.0, 1.0]> : tensor<6xf32>} : () -> tensor<6xf32>
  %b = "qd.constant"() {value = dense<[0.0, 3.0, 1.0, -2.0, 0.5, 0.0]> : tensor<6xf32>} : () -> tensor<6xf32>
  %w = "qd.constant"() {value = dense<0.25> : tensor<3x6xf32>} : () -> tensor<3x6xf32>
  %c = "qd.constant"() {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %n = "qd.layer_norm"(%x, %g, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x4x6xf32>, tensor<6xf32>, tensor<6xf32>)
    -> tensor<1x4x6xf32>
  %s = "qd.slice"(%n) {starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x4x6xf32>)
    -> tensor<1x1x6xf32>
  %r = "qd.reshape"(%s) : (tensor<1x1x6xf32>) -> tensor<1x6xf32>
  %y = "qd.linear"(%r, %w, %c) : (tensor<1x6xf32>, tensor<3x6xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}"""


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(balance_norms, FUNCTIONS[title], tolerance=2e-6)


def test_channels_get_one_size_and_the_range_is_that_of_what_is_made() -> None:
    module = parse(BEHIND_A_SLICE)
    samples = np.random.default_rng(0).standard_normal((40, 4, 6)).astype(np.float32)
    before = outputs(module, samples)
    calibrate(module, {"arg0": samples}, "auto", Progress())
    with module.context, ir.Location.unknown():
        run_passes(module, [balance_norms])
    np.testing.assert_allclose(outputs(module, samples)[0], before[0], atol=1e-5)
    norm = next(op for op in main_function(module).entry_block.operations if isinstance(op.opview, qd.Norm))
    low, high = (float(v) for v in norm.attributes[qd.RANGE])
    seen: dict[str, np.ndarray] = {}

    def observe(op: Any, _: str, values: torch.Tensor) -> None:
        seen.setdefault(type(op).__name__, values.numpy())

    FloatReference(module)({"arg0": torch.from_numpy(samples)}, observe)
    made = seen["LayerNormOp"].reshape(-1, 6)
    reach = np.abs(made).max(0)
    alive = [0, 1, 2, 3, 5]
    np.testing.assert_allclose(reach[alive], reach[0], rtol=1e-4)
    room = room_for(40 * 4)  # rows: fewer show less of how far a channel reaches
    assert 1.3 < room < 1.4 and room_for(10**5) == 1.0
    np.testing.assert_allclose([low, high], [room * made.min(), room * made.max()], rtol=0.02)
