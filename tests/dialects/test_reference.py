"""The references walk a module: names, lifetimes, batches, gradients, and the meaning of qd ops by hand."""

import numpy as np
import pytest
import torch
from support.random_graphs import grow, integer_module
from torch_mlir import ir

from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import FloatReference, IntegerReference, make_plan, run_qd, run_qi
from dyadic.dialects.tensor_types import shape

WINDOWS = """
func.func @main(%x: tensor<1x1x4x4xf32> {qd.name = "input"})
    -> (tensor<1x1x2x2xf32> {qd.name = "largest"}, tensor<1x1x3x3xf32> {qd.name = "mean"}) {
  %0 = "qd.max_pool"(%x) {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>,
    dilation = array<i64: 1, 1>} : (tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32> loc("/pool")
  %1 = "qd.avg_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1, 1, 1>,
    count_include_pad = false} : (tensor<1x1x4x4xf32>) -> tensor<1x1x3x3xf32> loc("/pool")
  return %0, %1 : tensor<1x1x2x2xf32>, tensor<1x1x3x3xf32>
}"""


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


def test_a_name_is_nobody_elses() -> None:
    """Not an argument's, and not one that a later op has itself."""
    text = WINDOWS.replace('loc("/pool")', 'loc("input#2")', 1).replace('loc("/pool")', 'loc("input")', 1)
    with new_context():
        plan = make_plan(ir.Module.parse(text))
        assert [step.name for step in plan.steps] == ["input#2", "input#3"]
        assert list(plan.arguments) == ["input"]


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


ISLAND = """
!x = tensor<1x1x1x3x!quant.uniform<u8:f32, 5.000000e-01:4>>
!y = tensor<1x2x1x3x!quant.uniform<u8:f32, 1.000000e+00:20>>
!w = tensor<2x1x3x1xf32>
func.func @main(%x: tensor<1x1x1x3xf32> {qd.name = "x"}) -> (tensor<1x2x1x3xf32> {qd.name = "y"}) {
  %q = "qi.quantize"(%x) : (tensor<1x1x1x3xf32>) -> !x
  %w = "qi.constant"() {value = dense<[[[[W0], [W1], [W2]]], [[[0.25], [0.0], [-0.0]]]]> : !w} : () -> !w
  %b = "qi.constant"() {value = dense<[B0, 10.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "qi.float_conv2d"(%q, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 1>,
    dilation = array<i64: 1, 1>, groups = 1 : i64, low = LOW : i64, high = 255 : i64} : (!x, !w, tensor<2xf32>) -> !y
  %r = "qi.dequantize"(%c) : (!y) -> tensor<1x2x1x3xf32>
  return %r : tensor<1x2x1x3xf32>
}"""


def island(w: str = "0.0 0.0 0.0", b: str = "0.0", low: int = 0) -> list[list[float]]:
    """By channel, what the island makes of 2, 4 and 6."""
    text = ISLAND.replace("B0", b).replace("LOW", str(low))
    for i, value in enumerate(w.split()):
        text = text.replace(f"W{i}", value)
    with new_context():
        y = run_qi(ir.Module.parse(text), {"x": np.array([2.0, 4.0, 6.0], np.float32).reshape(1, 1, 1, 3)})["y"]
    return y.reshape(2, 3).tolist()


def test_an_island_by_hand() -> None:
    """Padding is 0.0; halves go to even integers; the clamp is in steps, here from -8 on."""
    assert island("1.0 2.0 -3.0", low=12) == [[-8, -8, 16], [10, 10, 11]]  # 4-12, 2+8-18, 4+12; 10.0, 10.5, 11.0
    assert island("0.0 0.25 0.0")[0] == [0, 1, 2]  # 0.5, 1.0, 1.5


def test_an_island_adds_from_the_bias_on_in_the_order_of_its_weights() -> None:
    """1e8 swallows 2 where it comes first: any other order would keep it."""
    assert island("1.0 25000000.0 0.0", b="-100000000.0")[0][1] == 0  # -1e8 + 2 is -1e8, + 25e6 * 4 is 0
    assert island("25000000.0 1.0 0.0", b="-50000000.0")[0][1] == 4
    assert island("0.0 0.25 0.0", b="1.0e38")[0] == [235, 235, 235]


def test_a_linear_island_adds_in_the_order_of_its_columns() -> None:
    """And a convolution in that of its input channels."""
    x, b = np.array([[2, 4, 6]], np.uint8), np.array([-1e8], np.float32)
    kind, made = (f"tensor<{shape}x!quant.uniform<u8:f32, 1.0:20>>" for shape in ("1x3", "1x1"))
    image, pixel = (f"tensor<1x1x{shape}x!quant.uniform<u8:f32, 1.0:20>>" for shape in ("1x3", "1x1"))
    clamp = "low = 0 : i64, high = 255 : i64"
    window = (
        "strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64"
    )
    matrix, weight, bias = "tensor<1x3xf32>", "tensor<1x1x1x3xf32>", "tensor<1xf32>"
    text = f"""func.func @main(%x: {kind}, %i: {image}, %w: {matrix}, %v: {weight}, %b: {bias}) {{
      %0 = "qi.float_linear"(%x, %w, %b) {{{clamp}}} : ({kind}, {matrix}, {bias}) -> {made}
      %1 = "qi.float_conv2d"(%i, %v, %b) {{channels_last, {window}, {clamp}}} : ({image}, {weight}, {bias}) -> {pixel}
      return
    }}"""
    with new_context():
        module = ir.Module.parse(text)
        linear, conv, _ = (op.opview for op in module.body.operations[0].regions[0].blocks[0].operations)
        for weights, sum_ in (([1.0, 25e6, 0.0], 0), ([25e6, 1.0, 0.0], -5e7 + 4)):
            w = np.array([weights], np.float32)
            q = np.uint8(np.clip(sum_ + 20, 0, 255))
            assert linear.evaluate(x + np.uint8(20), w, b).tolist() == [[q]]
            image_ = (x + np.uint8(20)).reshape(1, 1, 1, 3)
            assert conv.evaluate(image_, w.reshape(1, 1, 1, 3), b).tolist() == [[[[q]]]]


def test_an_island_rounds_a_product_before_it_is_added() -> None:
    """6 * 33554430 is 201326580, the nearest float32 4 less: a fused multiply-add would leave those 4."""
    assert np.float32(33554430.0) * np.float32(6.0) == 201326576.0
    assert island("0.0 33554430.0 0.0", b="-201326576.0")[0][2] == 0


def test_what_is_no_number_becomes_zero() -> None:
    """inf - inf: the boundary's law, inside the clamp."""
    assert island("2.0e38 -3.0e38 0.0", b="3.0e38")[0][2] == 0
    assert island("2.0e38 -3.0e38 0.0", b="3.0e38", low=23)[0][2] == 3
