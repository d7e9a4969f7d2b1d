"""Normalization in integers, to a size or to a sum of 1, is the float one, to the steps of its result."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference, IntegerReference
from dyadic.passes.integerize.convert_norms import affine_of
from dyadic.passes.integerize.integerize import integerize
from dyadic.passes.integerize.quantization import Activation
from dyadic.runtime.errors import ModelError


def network(op: str, n: int, epsilon: float, bits: tuple[int, int], ranges: tuple[float, float]) -> ir.Module:
    """One normalization of [1, 5, n]; ranges: the largest number of its input and of its result."""
    kind, row = f"tensor<1x5x{n}xf32>", f"tensor<{n}xf32>"
    (x_bits, out_bits), (x, out) = bits, ranges
    weight = ", ".join(f"{v:.9e}" for v in np.linspace(-1.5, 2, n).astype(np.float32))
    bias = ", ".join(f"{v:.9e}" for v in np.linspace(0.5, -0.25, n).astype(np.float32))
    return ir.Module.parse(f"""
    func.func @main(%x: {kind} {{qd.bits = {x_bits} : i64, qd.range = array<f64: {-x:.9e}, {x:.9e}>}}) -> {kind} {{
      %w = "qd.constant"() {{value = dense<[{weight}]> : {row}}} : () -> {row}
      %b = "qd.constant"() {{value = dense<[{bias}]> : {row}}} : () -> {row}
      %r = "qd.{op}"(%x, %w, %b) {{epsilon = {epsilon:.9e} : f32, qd.bits = {out_bits} : i64,
        qd.range = array<f64: {-out:.9e}, {out:.9e}>}} : ({kind}, {row}, {row}) -> {kind} loc("/norm")
      return %r : {kind}
    }}""")


@pytest.mark.parametrize("op", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("bits", [(16, 16), (16, 8), (8, 8), (8, 16)])
@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 2.0])
def test_integers_mean_what_floats_do(op: str, bits: tuple[int, int], epsilon: float) -> None:
    with new_context() as context, context, ir.Location.unknown():
        module = network(op, 48, epsilon, bits, (8.0, 8.0))
        x = np.random.default_rng(3).normal(1, 2, (4, 5, 48)).clip(-8, 8).astype(np.float32)
        step = 8 / 32767 if bits[0] == 16 else 16 / 255
        x = (np.rint(x / step) * step).astype(np.float32)  # what is rounded on the way in is not the operator's
        expected = FloatReference(module)({"arg0": torch.from_numpy(x)})["out0"].numpy()
        integerize.run(module.operation)
        assert module.operation.verify()
        got = IntegerReference(module)({"arg0": x})["out0"]
        # half a step of the result and two thirds of a 1024th of the largest weight, and what the inputs' steps hide
        assert np.abs(got - expected).max() <= (8 / 32767 if bits[1] == 16 else 16 / 255) * 0.51 + 2 * 0.8 / 1024


def test_an_epsilon_beyond_all_that_rows_hold_leaves_its_root() -> None:
    """x is 1e-9 of sqrt(epsilon): the largest epsilon of the integers is too small, and gains make up for it."""
    with new_context() as context, context, ir.Location.unknown():
        module = network("rms_norm", 16, 1.0, (16, 16), (1e-9, 2e-9))
        x = np.linspace(-1e-9, 1e-9, 80).astype(np.float32).reshape(1, 5, 16)
        integerize.run(module.operation)
        got = IntegerReference(module)({"arg0": x})["out0"]
        bias = np.linspace(0.5, -0.25, 16)
        assert (np.sign(got) == np.sign(bias)).all()  # the bias saturates, whatever the row


def test_rows_that_are_too_long_are_refused_by_name() -> None:
    with new_context() as context, context, ir.Location.unknown():
        kind, row = "tensor<1x1048576xf32>", "tensor<1048576xf32>"
        module = ir.Module.parse(f"""
        func.func @main(%x: {kind} {{qd.range = array<f64: -1.0, 1.0>}}) -> {kind} {{
          %w = "qd.constant"() {{value = dense<1.0> : {row}}} : () -> {row}
          %r = "qd.rms_norm"(%x, %w, %w) {{epsilon = 0.0 : f64, qd.range = array<f64: -1.0, 1.0>}}
            : ({kind}, {row}, {row}) -> {kind} loc("/norm")
          return %r : {kind}
        }}""")
        with pytest.raises(ModelError, match="/norm: normalizes over 1048576 numbers; at most 1048575"):
            integerize.run(module.operation)


def test_weights_that_are_not_finite_are_refused_by_name() -> None:
    with new_context() as context, context, ir.Location.unknown():
        text = str(network("layer_norm", 2, 1e-5, (8, 8), (8.0, 8.0))).replace("-1.500000e+00, ", "0x7FC00000, ")
        with pytest.raises(ModelError, match="its weight contains 1 NaN or infinite values"):
            integerize.run(ir.Module.parse(text).operation)


@pytest.mark.parametrize("weight", [0.0, 1e-9, 1.0, 300.0, 1e9])
@pytest.mark.parametrize("bias", [0.0, -7.0, 1e9, -1e12])
@pytest.mark.parametrize("out", [Activation(0.05, 128), Activation(1e-4, 0, 16), Activation(1e-30, 255)])
def test_no_gain_and_no_bias_leaves_its_integers(weight: float, bias: float, out: Activation) -> None:
    affine = affine_of([Fraction(weight), Fraction(-weight) / 3], [bias, 1.0], out)
    assert 2 <= affine.shift <= 30 and np.abs(affine.gain).max() <= 32767
    assert -(1 << 31) <= affine.acc[0] <= affine.acc[1] < 1 << 31


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("bits", [(16, 16), (16, 8), (8, 8), (8, 16)])
@pytest.mark.parametrize("largest", [0.5, 8.0, 100.0])
def test_a_softmax_means_what_it_does_in_floats(axis: int, bits: tuple[int, int], largest: float) -> None:
    """Off by the rounding of the result, and what float32 here is off by."""
    kind = "tensor<1x7x5x19xf32>"
    step = largest / 32767 if bits[0] == 16 else 2 * largest / 255
    with new_context() as context, context, ir.Location.unknown():
        module = ir.Module.parse(f"""
        func.func @main(%x: {kind} {{qd.bits = {bits[0]} : i64, qd.range = array<f64: {-largest}, {largest}>}})
            -> {kind} {{
          %r = "qd.softmax"(%x) {{axis = {axis} : i64, qd.bits = {bits[1]} : i64, qd.range = array<f64: 0.0, 1.0>}}
            : ({kind}) -> {kind}
          return %r : {kind}
        }}""")
        x = np.random.default_rng(3).normal(0, largest / 3, (2, 7, 5, 19)).clip(-0.99 * largest, 0.99 * largest)
        x = (np.rint(x / step) * step).astype(np.float32)
        expected = FloatReference(module)({"arg0": torch.from_numpy(x)})["out0"].numpy()
        integerize.run(module.operation)
        assert module.operation.verify()
        got = IntegerReference(module)({"arg0": x})["out0"]
    rounding = 0.5 / (32767 if bits[1] == 16 else 255)
    assert np.abs(got - expected).max() <= rounding + 1e-6
