"""The integer graph means what the float graph means, within the rounding of each result's own steps."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from support.random_graphs import grow, integer_module, write_ranges, write_weight_widths, write_widths
from torch_mlir import ir

from dyadic.dialects import new_context, qd, qi
from dyadic.dialects.reference import FloatReference, IntegerReference
from dyadic.dialects.tensor_types import activation, shape
from dyadic.passes import PIPELINE, usual
from dyadic.passes.integerize.integerize import integerize
from dyadic.passes.integerize.quantization import activation_from_range
from dyadic.passes.integerize.tables import table
from dyadic.runtime.errors import ModelError


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_are_within_quantization_error(seed: int) -> None:
    """Wrong layouts, axes, scales or zero points are tens of steps in most places; rounding in a few layers is not.

    The bound is on the typical error, since a clamp to a small part of its input's range multiplies what came before.
    """
    with new_context():
        module = grow(seed, 5)
        block = module.body.operations[0].regions[0].blocks[0]
        random = np.random.default_rng(seed)
        samples = random.standard_normal((3, *shape(block.arguments[0])[1:])).astype(np.float32)
        for one in usual("prepare"):
            one.run(module.operation)
        write_ranges(module, torch.from_numpy(samples))
        expected = FloatReference(module)({"arg0": torch.from_numpy(samples)})
        for one in PIPELINE["integerize"]:
            one.run(module.operation)
        assert module.operation.verify()
        got = IntegerReference(module)({"arg0": samples})
        for name, result in zip(got, list(block.operations)[-1].operands, strict=True):
            waiting, scale = [result.owner.opview], 0.0  # of the coarsest part
            while waiting:
                op = waiting.pop()
                if isinstance(op, qi.JoinOp):
                    waiting += [op.a.owner.opview, op.b.owner.opview]
                    continue
                kind = activation(op.x)
                assert kind is not None
                scale = max(scale, kind.scale)
            steps = np.abs(expected[name].numpy() - got[name]) / scale
            assert np.median(steps) < 1.5, f"seed {seed}, {name}"


@pytest.mark.parametrize("seed", range(24))
def test_mixed_widths_are_within_the_quantization_error_of_8_bits(seed: int) -> None:
    """Widths from 8 to 16 bits chosen at random: no result is farther from float than 8-bit steps allow."""
    with new_context() as context, context, ir.Location.unknown():
        module = grow(seed, 5)
        block = module.body.operations[0].regions[0].blocks[0]
        random = np.random.default_rng(seed)
        samples = random.standard_normal((3, *shape(block.arguments[0])[1:])).astype(np.float32)
        for one in usual("prepare"):
            one.run(module.operation)
        write_ranges(module, torch.from_numpy(samples))
        write_widths(module, random, [8, 16, 16])
        expected = FloatReference(module)({"arg0": torch.from_numpy(samples)})
        for one in PIPELINE["integerize"]:
            one.run(module.operation)
        assert module.operation.verify()
        got = IntegerReference(module)({"arg0": samples})
        for name in got:
            span = float(expected[name].max() - expected[name].min())
            error = np.median(np.abs(expected[name].numpy() - got[name]))
            assert error < 1.5 / 255 * max(span, 1e-3), f"seed {seed}, {name}"


def test_16_bits_leave_a_hundredth_of_the_error_of_8() -> None:
    """Without tables, which read 8 bits at most, and with weights that are whole numbers of steps."""
    text = """
    !x = tensor<1x2x5x5xf32>
    func.func @main(%x: !x) -> !x {
      %w = "qd.constant"() {value = dense<[[[[0.9921875]], [[-0.5]]], [[[0.25]], [[0.9921875]]]]> : tensor<2x2x1x1xf32>}
        : () -> tensor<2x2x1x1xf32>
      %b = "qd.constant"() {value = dense<[0.3, -0.7]> : tensor<2xf32>} : () -> tensor<2xf32>
      %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>,
        dilation = array<i64: 1, 1>, groups = 1 : i64} : (!x, tensor<2x2x1x1xf32>, tensor<2xf32>) -> !x
      %1 = "qd.avg_pool"(%0) {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>,
        count_include_pad = false} : (!x) -> !x
      %2 = "qd.add"(%0, %1) : (!x, !x) -> !x
      %3 = "qd.mul"(%1, %2) : (!x, !x) -> !x
      %4 = "qd.clamp"(%3) {low = -1.0 : f32, high = 1.0 : f32} : (!x) -> !x
      return %4 : !x
    }"""
    samples = np.random.default_rng(1).standard_normal((8, 2, 5, 5)).astype(np.float32)
    errors = {}
    for bits in (8, 16):
        with new_context() as context, context, ir.Location.unknown():
            module = ir.Module.parse(text)
            write_ranges(module, torch.from_numpy(samples))
            write_widths(module, np.random.default_rng(0), [bits])
            (expected,) = FloatReference(module)({"arg0": torch.from_numpy(samples)}).values()
            for one in PIPELINE["integerize"]:
                one.run(module.operation)
            (got,) = IntegerReference(module)({"arg0": samples}).values()
            errors[bits] = float(np.abs(expected.numpy() - got).mean())
    assert errors[16] < errors[8] / 100, errors


def test_any_batch_is_its_images_one_by_one() -> None:
    with new_context():
        module, samples = integer_module(11, 8)
        run = IntegerReference(module)
        together = run.integers({"arg0": samples})
        alone = [run.integers({"arg0": one[None]}) for one in samples]
        for name, value in together.items():
            assert np.array_equal(value, np.concatenate([each[name] for each in alone]))


def test_no_float_op_is_left_and_names_are_kept() -> None:
    text = """
    !image = tensor<1x1x2x2xf32>
    func.func @main(%x: !image {qd.name = "pixels", qd.range = array<f64: 0.0, 1.0>}) -> !image {
      %w = "qd.constant"() {value = dense<0.5> : tensor<1x1x1x1xf32>} : () -> tensor<1x1x1x1xf32>
      %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
      %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>,
        dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: 0.0, 1.0>}
        : (!image, tensor<1x1x1x1xf32>, tensor<1xf32>) -> !image loc("/conv")
      %1 = "qd.add"(%0, %x) {qd.takes_in = "a", qd.range = array<f64: 0.0, 2.0>}
        : (!image, !image) -> !image loc("/add")
      %2 = "qd.clamp"(%1) {low = 0.0 : f32, high = 1.0 : f32, qd.range = array<f64: 0.0, 1.0>}
        : (!image) -> !image loc("/clip")
      return %2 : !image
    }"""
    with new_context() as context:
        module = ir.Module.parse(text, context)
        integerize.run(module.operation)
        ops = [op.opview for op in module.body.operations[0].regions[0].blocks[0].operations]
        assert not [op for op in ops if isinstance(op, qd.QD.Operation)]
        fused = next(op for op in ops if isinstance(op, qi.ConvAddOp))
        assert [part.name_str for part in fused.location.locations] == ["/conv", "/add", "/clip"]
        assert ops[0].location.name_str == "pixels"


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ("qd.range = array<f64: 0.0, 0x7FF0000000000000>", r"/layer: its values range over \[0.0, inf\]"),
        ("qd.bits = 5 : i64, qd.range = array<f64: 0.0, 1.0>", "/layer: was given 5 bits; .* 4, 8 or 16 bits"),
        ('qd.why = ""', "/layer: has no calibrated range"),
    ],
)
def test_what_cannot_become_integers_is_named(attributes: str, complaint: str) -> None:
    text = f"""
    func.func @main(%x: tensor<1x4xf32> {{qd.range = array<f64: 0.0, 1.0>}}) -> tensor<1x4xf32> {{
      %0 = "qd.add"(%x, %x) {{{attributes}}} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32> loc("/layer")
      return %0 : tensor<1x4xf32>
    }}"""
    with new_context() as context, pytest.raises(ModelError, match=complaint):
        integerize.run(ir.Module.parse(text, context).operation)


def test_weights_that_the_model_computes_are_refused_by_name() -> None:
    text = """
    !row = tensor<1x4xf32>
    !matrix = tensor<3x4xf32>
    func.func @main(%x: !row {qd.range = array<f64: 0.0, 1.0>}, %w: !matrix {qd.range = array<f64: 0.0, 1.0>}) {
      %b = "qd.constant"() {value = dense<0.0> : tensor<3xf32>} : () -> tensor<3xf32>
      %0 = "qd.linear"(%x, %w, %b) {qd.range = array<f64: 0.0, 1.0>}
        : (!row, !matrix, tensor<3xf32>) -> tensor<1x3xf32> loc("/attention")
      return
    }"""
    with new_context() as context, pytest.raises(ModelError, match="/attention: needs constant weights"):
        integerize.run(ir.Module.parse(text, context).operation)


OPS = (Path(__file__).resolve().parents[3] / "lit_tests" / "dialects" / "qd-ops.mlir").read_text()  # one of each kind
ATTRIBUTES = re.compile(r"\(%\w+\) (\{.*?\})? ?:")


@pytest.mark.parametrize("kind", [op for op in qd.QD.operations if issubclass(op, qd.Function)])
def test_tables_are_the_function_rounded_once(kind: type) -> None:
    """Where it has a value: what tables hold elsewhere is in test_tables.py."""
    name = kind.OPERATION_NAME
    attributes = ATTRIBUTES.search(OPS, OPS.index(f'= "{name}"('))
    assert attributes is not None
    text = f"""
    func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {{
      %0 = "{name}"(%x) {attributes[1] or ""} : (tensor<1x4xf32>) -> tensor<1x4xf32>
      return %0 : tensor<1x4xf32>
    }}"""
    with new_context() as context:
        module = ir.Module.parse(text, context)
        op = module.body.operations[0].regions[0].blocks[0].operations[0].opview
        x = activation_from_range(-9.0, 5.0)
        real = torch.arange(256, dtype=torch.float64).sub(x.zero_point).mul(x.scale)
        known = [i for i in range(256) if op.defined(x.exact * (i - x.zero_point))]
        results = op.evaluate(torch, real).numpy()[known]
        out = activation_from_range(float(results.min()), float(results.max()))
        exact = results / out.scale + out.zero_point
        entries = table(op, x, out).astype(float)[known]
        assert np.abs(entries - np.clip(exact, 0, 255)).max() <= 0.5 + 1e-6
        one = known[len(known) // 2]
        assert float(op.exact(x.exact * (one - x.zero_point))) == pytest.approx(results[len(known) // 2], 1e-6, 1e-7)
        np.testing.assert_array_equal(table(op, x, out, 7, 9), table(op, x, out).clip(7, 9))


def test_an_island_rounds_nothing_but_its_result() -> None:
    """Weights, bias and order are the float layer's; what 2-bit weights would lose is not lost."""
    errors = {}
    for bits in (2, 8, 32):
        with new_context() as context, context, ir.Location.unknown():
            module = grow(3, 1)
            random = np.random.default_rng(3)
            block = module.body.operations[0].regions[0].blocks[0]
            samples = random.standard_normal((3, *shape(block.arguments[0])[1:])).astype(np.float32)
            write_ranges(module, torch.from_numpy(samples))
            write_weight_widths(module, 0, [bits])
            write_widths(module, random, [16])
            expected = FloatReference(module)({"arg0": torch.from_numpy(samples)})
            for one in PIPELINE["integerize"]:
                one.run(module.operation)
            got = IntegerReference(module)({"arg0": samples})
            errors[bits] = max(float(np.abs(got[name] - expected[name].numpy()).max()) for name in got)
            kinds = {op.operation.name for op in block.operations}
            assert ("qi.float_conv2d" in kinds) == (bits == 32) != ("qi.conv2d" in kinds)
    assert errors[32] < errors[8] / 5 < errors[2] / 50


@pytest.mark.parametrize(("value", "count"), [(np.nan, 1), (np.inf, 1)])
def test_an_island_with_weights_that_are_no_numbers_is_refused_by_name(value: float, count: int) -> None:
    with new_context() as context, context, ir.Location.name("/conv"):
        module = grow(3, 1)
        write_ranges(module, torch.zeros(1, *shape(module.body.operations[0].regions[0].blocks[0].arguments[0])[1:]))
        write_weight_widths(module, 0, [32])
        for op in module.body.operations[0].regions[0].blocks[0].operations:
            if isinstance(op.opview, qd.Conv2dOp):
                weight = np.array(op.opview.weight.owner.opview.value)
                weight.flat[0] = value
                op.opview.weight.owner.attributes["value"] = ir.DenseElementsAttr.get(weight)
        with pytest.raises(ModelError, match=f"weights contain {count} NaN or infinite values; float islands need"):
            integerize.run(module.operation)


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e-20, 1e-30])
@pytest.mark.parametrize("bits", [4, 8, 16])
def test_a_range_has_as_many_steps_in_any_unit(unit: float, bits: int) -> None:
    """Down to the smallest normal float32, by which the boundary can still divide."""
    one, small = (activation_from_range(-3 * u, 12 * u, bits) for u in (1.0, unit))
    assert small.zero_point == one.zero_point
    assert small.scale == pytest.approx(one.scale * unit, rel=1e-6)


def test_a_scale_is_never_subnormal() -> None:
    assert activation_from_range(0.0, 1e-44).scale == float(np.finfo(np.float32).smallest_normal)
