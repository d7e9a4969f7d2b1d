"""The references walk a module: names, lifetimes, batches, gradients, and the meaning of qd ops by hand."""

import numpy as np
import pytest
import torch
from random_graphs import grow, integer_module
from torch_mlir import ir

from dyadic.dialects import new_context, qd
from dyadic.dialects.laws import shape
from dyadic.dialects.reference import TORCH, FloatReference, IntegerReference, run_qd, run_qi

WINDOWS = """
func.func @main(%x: tensor<1x1x4x4xf32> {qd.name = "input"})
    -> (tensor<1x1x2x2xf32> {qd.name = "largest"}, tensor<1x1x3x3xf32> {qd.name = "mean"}) {
  %0 = "qd.max_pool"(%x) {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>,
    dilation = array<i64: 1, 1>} : (tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32> loc("/pool")
  %1 = "qd.avg_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1, 1, 1>,
    count_include_pad = false} : (tensor<1x1x4x4xf32>) -> tensor<1x1x3x3xf32> loc("/pool")
  return %0, %1 : tensor<1x1x2x2xf32>, tensor<1x1x3x3xf32>
}"""


def test_every_op_has_a_meaning() -> None:
    assert set(TORCH) == {op for op in qd.QD.operations if op is not qd.ConstantOp}


def test_windows_by_hand() -> None:
    """Ceil mode clips the last window; averages divide by the real cells."""
    with new_context():
        module = ir.Module.parse(WINDOWS)
        got = run_qd(module, {"input": torch.arange(16.0).reshape(1, 1, 4, 4)})
        assert got["largest"].flatten().tolist() == [10, 11, 14, 15]
        assert got["mean"].flatten().tolist() == [0, 1.5, 3, 6, 7.5, 9, 12, 13.5, 15]


def test_values_are_observed_by_unique_names() -> None:
    with new_context():
        seen = {}
        run_qd(
            ir.Module.parse(WINDOWS),
            {"input": torch.zeros(2, 1, 4, 4)},
            lambda op, name, t: seen.update({name: (op, len(t))}),
        )
        assert {name: batch for name, (_, batch) in seen.items()} == {"input": 2, "/pool": 2, "/pool#2": 2}
        assert seen["input"][0] is None and isinstance(seen["/pool#2"][0], qd.AvgPoolOp)


def test_feeds_that_do_not_fit_are_refused() -> None:
    with new_context(), pytest.raises(ValueError, match=r"reads \['input'\], the feeds are \['image'\]"):
        run_qd(ir.Module.parse(WINDOWS), {"image": torch.zeros(1, 1, 4, 4)})


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_is_its_images_one_by_one(seed: int) -> None:
    with new_context():
        module = grow(seed, 8)
        dims = shape(module.body.operations[0].regions[0].blocks[0].arguments[0])[1:]
        x = torch.from_numpy(np.random.default_rng(seed).standard_normal((3, *dims)).astype(np.float32))
        run = FloatReference(module)
        together = run({"arg0": x})
        alone = [run({"arg0": one[None]}) for one in x]
        for name, value in together.items():
            assert torch.allclose(value, torch.cat([each[name] for each in alone]), rtol=1e-4, atol=1e-4)


def test_gradients_reach_the_constants() -> None:
    text = """
    func.func @main(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
      %w = "qd.constant"() {value = dense<[[2.0, 3.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
      %b = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
      %0 = "qd.linear"(%x, %w, %b) : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32>
      return %0 : tensor<1x1xf32>
    }"""
    with new_context() as context:
        run = FloatReference(ir.Module.parse(text, context))
        weight = next(t for t in run.constants.values() if t.ndim == 2).requires_grad_()
        out = run({"arg0": torch.tensor([[5.0, 7.0]])})["out0"]
        out.sum().backward()
        assert out.item() == 32.0 and weight.grad is not None and weight.grad.tolist() == [[5.0, 7.0]]


def test_the_integers_behind_the_outputs() -> None:
    with new_context():
        module, samples = integer_module(2, 5)
        run = IntegerReference(module)
        floats, integers = run_qi(module, {"arg0": samples}), run.integers({"arg0": samples})
        seen: dict[str, np.ndarray] = {}
        run({"arg0": samples}, lambda op, name, value: seen.update({name: value}))
        assert set(floats) == set(integers) == {"out0", "out1"}
        assert all(value.dtype == np.uint8 for value in integers.values())
        assert all(np.ptp(integers[n]) == 0 or np.ptp(floats[n]) > 0 for n in floats)
        assert {step.name for step in run.plan.steps} | {"arg0"} == set(seen)
