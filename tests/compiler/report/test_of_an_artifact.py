"""What the report says of an artifact that the compiler has made."""

from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS
from support.report_example import ARTIFACT
from torch_mlir import ir

import dyadic
from dyadic.compiler.measure.layers import activation_facts, layer_rows, operations, weight_scheme
from dyadic.compiler.report.facts import facts_of
from dyadic.compiler.report.sections import sections_of
from dyadic.compiler.targets.cpu import integer_ir
from dyadic.dialects import new_context
from dyadic.dialects.reference import main_function
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.program import SLACK
from dyadic.runtime.random_feeds import random_feeds


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "digits.dyq"
    data = {"image": np.load(DIGITS / "train.npz")["image"][:32]}
    dyadic.compile(DIGITS / "digits.onnx", data, isa=("x86-64",)).save(path)
    return path


def test_facts_are_the_report_and_the_artifact(artifact: Path) -> None:
    with open_artifact(artifact) as file:
        facts, report = facts_of(file), file.json("report")
        commands = facts.report.to_json()["commands"]
        assert facts.report.to_json() == report | {"commands": commands} and report["schema"] == 2
        assert report["machine"]["processor"] and report["machine"]["level"] == "x86-64" and report["date"][:2] == "20"
        assert report["used"]["calibration_samples"] == 32 and not report["used"]["synthetic"]
        said = facts.artifact
        assert set(facts.to_json()) == {*report, "artifact"} and set(facts.to_json()["artifact"]) == set(ARTIFACT)
        assert said.certificate == file.json("certificate") and said.made == file.made
        assert sum(row.bytes or 0 for row in said.layers) == file.sections["cpu/weights"].length - SLACK
    assert [row.name for row in said.layers][::8] == ["/stem/stem.0/Conv", "/classifier/Gemm"]
    assert sum(row.macs or 0 for row in said.layers) == said.macs
    (table,) = sections_of(facts)["layers"].tables
    assert table is not None and "/classifier/Gemm" in [row[0].text for row in table.rows]
    add = next(row for row in facts.layers if row.name == "/block1/conv2/conv2.0/Conv")
    assert add.reads == ("/block1/conv1/conv1.0/Conv", "/stem/stem.0/Conv")
    worst = facts.report.histograms
    known = {row.name: row.sqnr_db for row in facts.layers if row.sqnr_db is not None}
    assert len(worst) == 4 and worst[0].layer == min(known, key=lambda name: known[name])
    for one in worst:
        assert sum(one.float_counts) == sum(one.integer_counts) > 0 and one.low < one.high


def test_layer_rows_join_the_graph_the_program_and_the_clock(artifact: Path) -> None:
    with open_artifact(artifact) as file:
        weights = np.frombuffer(file.section("cpu/weights"), np.int8)
        integer = integer_ir.restore(bytes(file.section("qi")), weights, new_context())
        program = file.program
        lengths = {name: section.length for name, section in file.sections.items()}
    with dyadic.load(artifact, threads=1) as session:
        times = session.profile(random_feeds(session, 1), 3, 1)
    rows = layer_rows(program, lengths, integer, times, "x86-64")
    assert [row.name for row in rows[::10]] == ["image", "logits"]
    by_name = {row.name: row for row in rows}
    stem, gemm = by_name["/stem/stem.0/Conv"], by_name["/classifier/Gemm"]
    assert (stem.shape, stem.weight_shape, stem.weights) == ((16, 8, 8), (16, 3, 3, 1), "w8")
    assert (gemm.op, gemm.shape, gemm.activation, gemm.isa) == ("linear", (10,), 8, "x86-64")
    assert by_name["/ReduceMean"].op == "avg_pool" and by_name["/ReduceMean"].weights is None
    assert gemm.scale == pytest.approx(program.outputs[0].scale)
    assert gemm.zero_point == program.outputs[0].zero_point
    assert sum(row.time_us or 0 for row in rows) == pytest.approx(sum(step.median_ns for step in times) / 1e3)


@pytest.mark.parametrize(
    ("storage", "attributes", "scheme"),
    [
        ("i8<-127:127>", "", "w8"),
        ("i4<-7:7>", "", "w4"),
        ("i2<-1:1>", "", "w2"),
        ("i8<-126:126>", ", qi.group = 32 : i64", "w4g32"),
    ],
)
def test_schemes_are_read_from_types(storage: str, attributes: str, scheme: str) -> None:
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(f"""func.func @main() {{
          %w = "qi.constant"() {{value{attributes}}} : () -> tensor<1x32x!quant.uniform<{storage}:f32:0, {{0.5}}>>
          return
        }}""")
        constant = main_function(module).regions[0].blocks[0].operations[0].opview
        assert weight_scheme(constant.out) == scheme


@pytest.mark.parametrize(("storage", "bits"), [("u8", 8), ("u8<0:15>", 4), ("i16", 16), ("i16<-32767:32767>", 16)])
def test_widths_of_activations_are_read_from_types(storage: str, bits: int) -> None:
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(f"""func.func @main(%x: tensor<1x3x4x6x!quant.uniform<{storage}:f32, 0.25>>) {{
          return
        }}""")
        value = main_function(module).regions[0].blocks[0].arguments[0]
        assert list(operations(module)) == []
        facts = activation_facts(value)
    assert facts == {"shape": (3, 4, 6), "activation": bits, "scale": 0.25, "zero_point": 0}
