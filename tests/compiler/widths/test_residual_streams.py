"""Residual streams have 16 bits by default, in the reasons too; rules and plans may say otherwise."""

from typing import Any

import numpy as np
import pytest
from support.meaning import parse
from torch_mlir import ir

from dyadic.compiler.calibrate import calibrate
from dyadic.compiler.calibrate.stream import HEADROOM
from dyadic.compiler.progress import Progress
from dyadic.compiler.select.model import candidates_for, uniform_among, variants_of
from dyadic.compiler.widths.decisions import DEFAULT, Decisions, layers_of, uniform
from dyadic.compiler.widths.plan import Plan, resolve
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import parse as scheme
from dyadic.dialects import qd
from dyadic.passes.prepare.narrow_stream_reads import narrow_stream_reads

# An embedding that is normalized (the stream begins), then one block in each order: post-norm, then pre-norm.
TEXT = """
func.func @main(%x: tensor<1x3x8xf32>) -> tensor<1x3x8xf32> {
  %w = "qd.constant"() {value = dense<W> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %p = "qd.constant"() {value = dense<0.5> : tensor<1x3x8xf32>} : () -> tensor<1x3x8xf32>
  %b = "qd.constant"() {value = dense<1.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %0 = "qd.linear"(%x, %w, %b) : (tensor<1x3x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<1x3x8xf32> loc("patches")
  %1 = "qd.add"(%0, %p) : (tensor<1x3x8xf32>, tensor<1x3x8xf32>) -> tensor<1x3x8xf32> loc("positions")
  %2 = "qd.layer_norm"(%1, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x8xf32>, tensor<8xf32>, tensor<8xf32>)
    -> tensor<1x3x8xf32> loc("norm1")
  %3 = "qd.linear"(%2, %w, %b) : (tensor<1x3x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<1x3x8xf32> loc("up")
  %4 = "qd.gelu"(%3) : (tensor<1x3x8xf32>) -> tensor<1x3x8xf32> loc("gelu")
  %5 = "qd.linear"(%4, %w, %b) : (tensor<1x3x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<1x3x8xf32> loc("down")
  %6 = "qd.add"(%2, %5) : (tensor<1x3x8xf32>, tensor<1x3x8xf32>) -> tensor<1x3x8xf32> loc("sum1")
  %7 = "qd.layer_norm"(%6, %b, %b) {epsilon = 1.0e-6 : f32} : (tensor<1x3x8xf32>, tensor<8xf32>, tensor<8xf32>)
    -> tensor<1x3x8xf32> loc("norm2")
  %8 = "qd.linear"(%7, %w, %b) : (tensor<1x3x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<1x3x8xf32> loc("block")
  %9 = "qd.add"(%6, %8) : (tensor<1x3x8xf32>, tensor<1x3x8xf32>) -> tensor<1x3x8xf32> loc("sum2")
  %r = "qd.linear"(%9, %w, %b) : (tensor<1x3x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<1x3x8xf32> loc("head")
  return %r : tensor<1x3x8xf32>
}"""


@pytest.fixture
def module() -> ir.Module:
    random = np.random.default_rng(3)
    weights = np.round(random.normal(0, 0.4, (8, 8)), 2).tolist()
    module = parse(TEXT.replace("W>", f"{weights}>"))
    with module.context:
        narrow_stream_reads.run(module.operation)
    data = {"arg0": random.normal(0, 1, (16, 3, 8)).astype(np.float32)}
    calibrate(module, data, "auto", Progress())
    return module


def widths(points: Points, decisions: Decisions) -> dict[str, int]:
    return {name: decisions.activations[point] for name, point in points.result_of.items()}


def test_the_stream_has_16_bits_where_8_are_asked_for(module: ir.Module) -> None:
    with module.context:
        points = Points(module)
        chosen = widths(points, uniform(points, DEFAULT))
        wide = {name for name, bits in chosen.items() if bits == 16}
        assert wide == {"patches", "positions", "norm1", "sum1", "down", "head"}  # head is the result
        assert chosen["norm1#2"] == 8  # what `up` reads
        assert chosen["sum2"] == 8  # a layer alone reads the last sum
        assert set(widths(points, uniform(points, scheme("w4a4"))).values()) == {4, 16}
        assert widths(points, uniform(points, scheme("w8a16")))["norm1#2"] == 16


def test_plans_and_searches_know_the_default(module: ir.Module) -> None:
    with module.context:
        points = Points(module)
        layers = layers_of(points)
        said = Plan({"sum1": scheme("a8"), "up": scheme("w4")})
        resolved = resolve(said, layers, DEFAULT).schemes
        assert (str(resolved["sum1"]), str(resolved["positions"]), str(resolved["up"])) == ("a8", "a16", "w4a8")
        candidates = candidates_for(points, Decisions({}, {}), {})
        streams = {name for name, point in points.activations.items() if point.usual > 8}
        assert {candidates.activations[name] for name in streams} == {(16,)}
        assert all(width == 8 for _, width in variants_of(candidates, streams))
        assert uniform_among(points, candidates, "w8", 8).activations == uniform(points, DEFAULT).activations


def test_ranges_of_16_bits_have_headroom(module: ir.Module) -> None:
    with module.context:
        ranges: dict[str, Any] = {}
        for op in module.body.operations[0].regions[0].blocks[0].operations:
            if not isinstance(op.opview, qd.ConstantOp) and qd.RANGE in op.attributes:
                ranges[str(op.location)] = [
                    max(abs(float(v)) for v in op.attributes[name]) if name in op.attributes else 0.0
                    for name in (qd.RANGE, qd.RANGE_AT[16])
                ]
        narrow, wide = ranges['loc("sum1")']
        assert wide == pytest.approx(HEADROOM * narrow, rel=0.01)
        assert ranges['loc("up")'][1] == 0.0  # the same as for 8 bits: min-max, too
