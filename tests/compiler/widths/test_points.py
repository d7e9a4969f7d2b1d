"""Points: what shares a type is one point, and integerize gives every tensor the width decided for its point."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.hand_made import CONV, IMAGE, RANGE, RELU, hand_made
from support.random_graphs import graph_with_ranges
from torch_mlir import ir

from dyadic.compiler.select.model import candidates_for
from dyadic.compiler.sensitivity import Candidates
from dyadic.compiler.widths.decisions import Decisions, decide, layers_of, result_groups, uniform, weight_groups, write
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import parse
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.dialects import new_context, qd, qi
from dyadic.dialects.reference import function_bodies, make_plan
from dyadic.passes import PIPELINE
from dyadic.passes.integerize.choose_fused_additions import taken_in
from dyadic.passes.integerize.integerize import fused_clamp
from dyadic.passes.integerize.quantization import value_bits

MOVED = (
    qi.ConstantOp,
    qi.QuantizeOp,
    qi.DequantizeOp,
    qi.JoinOp,
    qi.ReshapeOp,
    qi.TransposeOp,
    qi.SliceOp,
    qi.PadOp,
    qi.MaxPoolOp,
    qi.ConcatOp,
)  # the operand's, on the way


def random_decisions(points: Points, random: np.random.Generator) -> Decisions:
    """A scheme for every weight point and a width for every activation point."""
    weights = {n: p.with_kernel(str(random.choice(["w8", "w4", "w4g32", "w2"]))) for n, p in points.weights.items()}
    widths = {n: int(random.choice([b for b in (4, 8, 16) if b <= p.most])) for n, p in points.activations.items()}
    return Decisions(weights, widths)


def named_graph(seed: int) -> ir.Module:
    """A random graph with ranges in which every op has a name of its own. Needs a current context."""
    module, _ = graph_with_ranges(seed, 10)
    text = module.operation.get_asm(enable_debug_info=True, use_local_scope=True)
    names = iter(range(text.count("loc(unknown)")))
    return ir.Module.parse(re.sub(r"loc\(unknown\)", lambda _: f'loc("op{next(names)}")', text))


def names_of(op: Any) -> list[str]:
    location = op.location
    parts = location.locations if isinstance(location, ir.FusedLoc) else [location]
    return [part.name_str for part in parts if isinstance(part, ir.NameLoc)]


@pytest.mark.parametrize("seed", range(24))
def test_integerize_gives_every_tensor_the_width_of_its_point(seed: int) -> None:
    with new_context() as context, context:
        module = named_graph(seed)
        points = Points(module)
        decisions = random_decisions(points, np.random.default_rng(seed))
        layers = {step.name for step in make_plan(module).steps}
        write(module, points, decisions, dict.fromkeys(points.result_of, "drawn"))
        *placing, convert, verify = PIPELINE["integerize"]
        for one in placing:
            one.run(module.operation)
        for block in function_bodies(module):
            for op in [each.opview for each in block.operations][:-1]:
                if names_of(op)[0] not in layers or isinstance(op, qd.ConstantOp) or fused_clamp(op) is not None:
                    continue
                if not (isinstance(op, qd.Layer) and taken_in(op)):
                    wanted = decisions.activations[points.result_of[names_of(op)[0]]]
                    assert value_bits(op.out) == wanted, f"seed {seed}: {op}"
        convert.run(module.operation)
        verify.run(module.operation)
        for block in function_bodies(module):
            for op in [each.opview for each in block.operations][:-1]:
                if isinstance(op, MOVED):
                    continue
                made = {points.result_of[name] for name in names_of(op)}
                assert len(made) == 1, f"seed {seed}: {op}"
                stored = re.search(r"uniform<(u8<0:15>|i16|u8)", str(op.out.type))
                assert stored is not None
                bits = {"u8<0:15>": 4, "i16": 16, "u8": 8}[stored[1]]
                assert bits == decisions.activations[made.pop()], f"seed {seed}: {op}"


def test_shared_weights_are_one_point_with_the_work_of_all_layers() -> None:
    body = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {CONV} loc("first")
  %2 = "qd.conv2d"(%1, %v, %b) {CONV} loc("alone")
  %3 = "qd.conv2d"(%2, %w, %b) {CONV} loc("again")"""
    with new_context() as context, context:
        points = Points(hand_made(body, "3"))
    assert list(points.weights) == ["first", "alone"]
    first, alone = points.weights.values()
    assert first.layers == ("first", "again") and first.reads == ("x", "alone")
    assert (first.macs, alone.macs) == (2 * 16 * 4, 16 * 4)
    assert (first.shape, first.kind) == ((2, 2, 1, 1), "conv2d")


def test_moves_and_concats_join_and_elements_of_rounded_tensors_count() -> None:
    """`%x` is read by the concat and by another: it is rounded once more for the concat, and keeps its own width."""
    wide = "tensor<1x4x4x4xf32>"
    body = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {CONV} loc("conv")
  %2 = "qd.transpose"(%1) {{permutation = array<i64: 0, 1, 3, 2>, {RANGE}}} : ({IMAGE}) -> {IMAGE} loc("turn")
  %3 = "qd.concat"(%2, %x) {{axis = 1 : i64, qd.range = array<f64: -3.0, 3.0>}}
    : ({IMAGE}, {IMAGE}) -> {wide} loc("join")
  %4 = "qd.add"(%3, %3) {{{RANGE}}} : ({wide}, {wide}) -> {wide} loc("sum")"""
    with new_context() as context, context:
        points = Points(hand_made(body, "4", wide))
    assert points.result_of == {"x": "x", "y": "y", "conv": "conv", "turn": "conv", "join": "conv", "sum": "sum"}
    conv = points.activations["conv"]
    assert conv.elements == 32 + 32 + 32 + 64  # conv, turn, x rounded for the concat, join
    assert {points.ranges[slot] for slot in conv.slots} == {(-3.0, 3.0)}


def test_what_is_never_rounded_belongs_to_what_is() -> None:
    body = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {CONV} loc("conv")
  %2 = "qd.clamp"(%1) {RELU} loc("relu")
  %3 = "qd.conv2d"(%2, %v, %b) {CONV} loc("taken")
  %4 = "qd.add"(%3, %2) {{{RANGE}}} : ({IMAGE}, {IMAGE}) -> {IMAGE} loc("add")
  %5 = "qd.clamp"(%4) {RELU} loc("relu2")"""
    with new_context() as context, context:
        points = Points(hand_made(body, "5"))
    assert points.result_of == {
        "x": "x", "y": "y", "conv": "relu", "relu": "relu", "taken": "relu2", "add": "relu2", "relu2": "relu2"
    }  # fmt: skip
    assert [len(points.activations[name].slots) for name in ("relu", "relu2")] == [1, 1]


def test_tables_read_8_bits_at_most_and_so_does_all_that_joins_them() -> None:
    body = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {CONV} loc("conv")
  %2 = "qd.transpose"(%1) {{permutation = array<i64: 0, 1, 3, 2>, {RANGE}}} : ({IMAGE}) -> {IMAGE} loc("turn")
  %3 = "qd.floor"(%2) {{{RANGE}}} : ({IMAGE}) -> {IMAGE} loc("floor")"""
    with new_context() as context, context:
        points = Points(hand_made(body, "3"))
    assert {name: point.most for name, point in points.activations.items()} == {
        "x": 16, "y": 16, "conv": 8, "floor": 16
    }  # fmt: skip
    widest = uniform(points, parse("w8a16"))
    assert widest.activations == {"x": 16, "y": 16, "conv": 8, "floor": 16}
    assert widest.by_layer(points) == {"x": "a16", "y": "a16", "conv": "w8a8", "turn": "a8", "floor": "a16"}


def test_a_pad_that_needs_room_has_the_width_of_what_is_padded() -> None:
    wide = "tensor<1x2x5x4xf32>"
    body = f"""
  %1 = "qd.pad"(%x) {{low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 0>, value = -5.0 : f32, {RANGE}}}
    : ({IMAGE}) -> {wide} loc("pad")
  %2 = "qd.add"(%x, %y) {{{RANGE}}} : ({IMAGE}, {IMAGE}) -> {IMAGE} loc("add")"""
    with new_context() as context, context:
        points = Points(hand_made(body, "1", wide))
    assert points.result_of["pad"] == "x"
    assert [points.ranges[slot] for slot in points.activations["x"].slots] == [(-1, 1), (-5, 1), (-5, 1)]


@pytest.mark.parametrize("bits", [4, 8])
def test_an_addition_takes_in_the_convolution_that_it_took_in_when_widths_were_chosen(bits: int) -> None:
    """At 4 bits its range is the narrower one: without a mark, integerize would take in the other."""

    def ranged(wide: float, narrow: float) -> str:
        return CONV.replace(RANGE, RANGE.replace("1.0", f"{wide}") + f", qd.range4 = array<f64: -{narrow}, {narrow}>")

    body = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {ranged(9.0, 2.0)} loc("wide")
  %2 = "qd.conv2d"(%x, %v, %b) {ranged(8.0, 7.0)} loc("other")
  %3 = "qd.add"(%1, %2) {{{RANGE}}} : ({IMAGE}, {IMAGE}) -> {IMAGE} loc("add")"""
    with new_context() as context, context:
        module = hand_made(body, "3")
        points = Points(module)
        assert points.result_of["wide"] == "add" and points.activations["other"].slots
        decisions = Decisions({"wide": "w8", "other": "w8"}, {"x": 8, "y": 8, "add": bits, "other": 16})
        write(module, points, decisions, dict.fromkeys(points.result_of, ""))
        take_ranges_of_widths(module)
        for one in PIPELINE["integerize"]:
            one.run(module.operation)
        (conv,) = (step for step in make_plan(module).steps if isinstance(step.op, qi.Conv2dOp))
        assert conv.name == "other" and "i16" in str(conv.op.out.type)


def test_groups_of_weights_lie_along_input_channels_where_there_are_several() -> None:
    depthwise = CONV.replace("groups = 1", "groups = 2").replace("tensor<2x2x1x1xf32>", "tensor<2x1x1x1xf32>")
    body = f"""
  %d = "qd.constant"() {{value = dense<0.5> : tensor<2x1x1x1xf32>}} : () -> tensor<2x1x1x1xf32>
  %1 = "qd.conv2d"(%x, %d, %b) {depthwise} loc("depthwise")
  %2 = "qd.conv2d"(%1, %w, %b) {CONV} loc("conv")"""
    with new_context() as context, context:
        module = hand_made(body, "2")
        points = Points(module)
        assert points.weights["depthwise"].kind == "depthwise"
        decisions = uniform(points, parse("w4g32a8"))
        assert decisions.weights == {"depthwise": "w4", "conv": "w4g32"}
        assert Candidates.every(points).weights == {
            "depthwise": ("w8", "w4", "w2"),
            "conv": ("w8", "w4", "w4g64", "w4g32", "w2"),
        }
        nothing = Decisions({}, {})
        assert candidates_for(points, nothing, {}).weights["conv"] == ("w8", "w4", "w4g32", "w2")  # two channels
        points.weights["conv"] = replace(points.weights["conv"], shape=(2, 65, 1, 1))
        assert candidates_for(points, nothing, {}).weights["conv"] == ("w8", "w4", "w4g64", "w4g32", "w2")
        write(module, points, decisions, dict.fromkeys(points.result_of, ""))
        for one in PIPELINE["integerize"]:
            one.run(module.operation)


def test_layers_and_groups_as_rules_and_plans_name_them() -> None:
    body = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {CONV} loc("first")
  %2 = "qd.clamp"(%1) {RELU} loc("relu")
  %3 = "qd.conv2d"(%2, %w, %b) {CONV} loc("again")"""
    with new_context() as context, context:
        points = Points(hand_made(body, "3"))
        layers = layers_of(points)
    assert [(one.name, one.kinds, one.weights) for one in layers] == [
        ("x", ("input",), False),
        ("y", ("input",), False),
        ("first", ("conv2d",), True),
        ("relu", ("clamp",), False),
        ("again", ("conv2d",), True),
    ]
    assert weight_groups(points) == [("first", "again")]
    assert result_groups(points) == [("x",), ("y",), ("first", "relu"), ("again",)]
    schemes = {"x": parse("a16"), "y": parse("a4"), "first": parse("w2a4"), "relu": parse("a4"), "again": parse("w2")}
    decisions = decide(points, schemes)
    assert decisions == Decisions({"first": "w2"}, {"x": 16, "y": 4, "relu": 4, "again": 8})
    assert decisions.by_layer(points) == {"x": "a16", "y": "a4", "first": "w2a4", "relu": "a4", "again": "w2a8"}
