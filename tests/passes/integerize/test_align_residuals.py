"""align-residuals moves the steps of fused additions by less than 2 % and changes nothing else."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from support.random_graphs import graph_with_ranges
from torch_mlir import ir

from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import run_qd
from dyadic.passes.integerize.align_residuals import MOST, align_residuals, moved_with
from dyadic.passes.integerize.choose_fused_additions import TAKES_IN, choose_fused_additions
from dyadic.passes.integerize.integerize import fused_clamp
from dyadic.passes.integerize.place_ranges import place_ranges
from dyadic.passes.integerize.quantization import value_activation, value_range
from dyadic.passes.integerize.result_parts import concats_of_results

IMAGE = "tensor<1x1x2x2xf32>"
CONV = f"""
    %w = "qd.constant"() {{value = dense<1.0> : tensor<1x1x1x1xf32>}} : () -> tensor<1x1x1x1xf32>
    %b = "qd.constant"() {{value = dense<0.0> : tensor<1xf32>}} : () -> tensor<1xf32>
    %conv = "qd.conv2d"(%x, %w, %b) {{strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>,
      dilation = array<i64: 1, 1>, groups = 1 : i64, qd.range = array<f64: -9.0, 9.0>}}
      : ({IMAGE}, tensor<1x1x1x1xf32>, tensor<1xf32>) -> {IMAGE}"""


def aligned(residual: float, result: tuple[float, float], body: str) -> dict[str, tuple[float, float]]:
    """The ranges by layer after the pass, for an input of range [0, residual] and the `body` that uses %conv and %x.

    `body` says its results' range as `RANGE` and its last value is %last.
    """
    ranged = body.replace("RANGE", f"qd.range = array<f64: {result[0]}, {result[1]}>").replace("IMAGE", IMAGE)
    text = f"""
      func.func @main(%x: {IMAGE} {{qd.range = array<f64: 0.0, {residual}>}}) -> {IMAGE} {{
        {CONV} {ranged}
        return %last : {IMAGE}
      }}"""
    with new_context() as context:
        module = ir.Module.parse(text, context)
        align_residuals.run(module.operation)
        assert module.operation.verify()
        block = module.body.operations[0].regions[0].blocks[0]
        named = [
            op
            for op in block.operations
            if isinstance(op.opview, qd.AddOp | qd.ClampOp | qd.Move | qd.MaxPoolOp | qd.ConcatOp)
        ]
        return {op.location.name_str: value_range(op.results[0]) for op in named}


ADD = '%last = "qd.add"(%conv, %x) {qd.takes_in = "a", RANGE} : (IMAGE, IMAGE) -> IMAGE loc("add")'
SWAPPED = '%last = "qd.add"(%x, %conv) {qd.takes_in = "b", RANGE} : (IMAGE, IMAGE) -> IMAGE loc("add")'
# 76.8 parts of 256 become 76, so that the result's steps grow by 76.8 / 76
GROWTH = 76.8 / 76


@pytest.mark.parametrize("body", [ADD, SWAPPED], ids=["a", "b"])
def test_a_ratio_becomes_whole_parts(body: str) -> None:
    low, high = aligned(0.3 * 255, (-100.0, 155.0), body)["add"]
    assert (low, high) == (pytest.approx(-100 * GROWTH, rel=1e-6), pytest.approx(155 * GROWTH, rel=1e-6))


def test_the_clamp_behind_grows_instead() -> None:
    clamped = '%c = "qd.clamp"(%last) {low = 0.0 : f32, high = 6.0 : f32, RANGE} : (IMAGE) -> IMAGE loc("clamp")'
    body = ADD.replace("RANGE", "qd.range = array<f64: -7.0, 7.0>").replace("%last", "%sum")
    ranges = aligned(1.8, (0.0, 6.0), body + clamped.replace("%last", "%sum").replace("%c ", "%last "))
    assert ranges["add"] == (-7.0, 7.0)
    assert ranges["clamp"] == (0.0, pytest.approx(6 * GROWTH, rel=1e-6))


def test_moves_behind_grow_along() -> None:
    body = (
        ADD.replace("%last", "%sum")
        + """
      %pool = "qd.max_pool"(%sum) {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>,
        padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, RANGE} : (IMAGE) -> IMAGE loc("pool")
      %turned = "qd.transpose"(%pool) {permutation = array<i64: 0, 1, 3, 2>, RANGE} : (IMAGE) -> IMAGE loc("turned")
      %other = "qd.transpose"(%sum) {permutation = array<i64: 0, 1, 3, 2>, RANGE} : (IMAGE) -> IMAGE loc("other")
      %last = "qd.add"(%turned, %other) {qd.range = array<f64: 0.0, 400.0>} : (IMAGE, IMAGE) -> IMAGE loc("end")"""
    )
    ranges = aligned(0.3 * 255, (0.0, 255.0), body)
    assert ranges.pop("end") == (0.0, 400.0)
    assert set(ranges) == {"add", "pool", "turned", "other"}
    assert set(ranges.values()) == {ranges["add"]} and ranges["add"] == (0.0, pytest.approx(255 * GROWTH, rel=1e-6))


def test_what_a_concat_reads_stays_also_through_moves() -> None:
    body = (
        ADD.replace("%last", "%sum")
        + """
      %turned = "qd.transpose"(%sum) {permutation = array<i64: 0, 1, 3, 2>, RANGE} : (IMAGE) -> IMAGE loc("turned")
      %both = "qd.concat"(%turned, %turned) {axis = 1 : i64, RANGE} : (IMAGE, IMAGE) -> tensor<1x2x2x2xf32> loc("both")
      %last = "qd.transpose"(%sum) {permutation = array<i64: 0, 1, 3, 2>, RANGE} : (IMAGE) -> IMAGE loc("last")"""
    )
    ranges = aligned(0.3 * 255, (0.0, 255.0), body)
    assert len(ranges) == 4 and set(ranges.values()) == {(0.0, 255.0)}


@pytest.mark.parametrize(
    "parts",
    [
        77.0,  # whole already
        10.9,  # would grow by 9 %
        49.99,  # by 2.02 %
        0.99,  # nothing to round down to
    ],
)
def test_far_or_whole_ratios_stay(parts: float) -> None:
    assert aligned(parts / 256 * 255, (0.0, 255.0), ADD)["add"] == (0.0, pytest.approx(255.0, rel=1e-6))


def test_additions_that_take_in_nothing_stay() -> None:
    assert aligned(0.3 * 255, (0.0, 255.0), ADD.replace('qd.takes_in = "a", ', ""))["add"] == (0.0, 255.0)


def marked(block: Any) -> list[tuple[ir.Value, ir.Value]]:
    """(residual, result with its clamp) of every addition that takes in a convolution."""
    pairs = []
    for op in block.operations:
        if TAKES_IN in op.attributes:
            tail = fused_clamp(op.opview)
            residual = op.opview.b if op.attributes[TAKES_IN].value == "a" else op.opview.a
            pairs.append((residual, op.opview.out if tail is None else tail.out))
    return pairs


def test_the_float_graph_stays_and_ranges_still_agree() -> None:
    grown = 0
    for seed in range(12):
        with new_context():
            module, samples = graph_with_ranges(seed, 10)
            block = module.body.operations[0].regions[0].blocks[0]
            place_ranges.run(module.operation)
            choose_fused_additions.run(module.operation)
            before = run_qd(module, {"arg0": samples})
            ranges = {op.results[0]: value_range(op.results[0]) for op in block.operations if qd.RANGE in op.attributes}
            align_residuals.run(module.operation)
            assert module.operation.verify()
            after = run_qd(module, {"arg0": samples})
            assert all(torch.equal(before[name], after[name]) for name in before)
            for value, (low, high) in ranges.items():
                growth = Fraction(value_range(value)[1] - value_range(value)[0]) / Fraction(high - low or 1)
                assert high == low or 1 <= growth <= MOST
            for residual, result in marked(block):
                parts = 256 * value_activation(residual).exact / value_activation(result).exact
                aligned_ = parts >= 1 and abs(parts / round(parts) - 1) < Fraction(1, 1 << 22)
                assert aligned_ or parts > MOST * int(parts) or moved_with(result) is None
                grown += aligned_ and value_range(result) != ranges[result]
            for op in block.operations:
                match op.opview:
                    case qd.ConcatOp() as concat if concat.operation not in concats_of_results(block):
                        assert {value_range(concat.a), value_range(concat.b)} == {value_range(concat.out)}
                    case move if qd.keeps_range(move):
                        assert value_range(move.x) == value_range(move.out)
    assert grown >= 5
