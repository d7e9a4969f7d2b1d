"""`dyadic compare`: the table, JSON, and what is refused."""

import inspect
import json
import re
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import onnx
import pytest
from support.command_line import DIGITS
from support.stages import compiled
from torch_mlir import ir

from dyadic.compiler.cli import compare as cli_compare
from dyadic.compiler.cli import compare_table as layer_table
from dyadic.compiler.cli import main as cli
from dyadic.compiler.measure.layer_comparison import compare_layers
from dyadic.compiler.targets.cpu.emit import emit
from dyadic.dialects import qi
from dyadic.dialects.reference import main_function

MODEL, DATA = DIGITS / "digits.onnx", DIGITS / "test.npz"
Capture = pytest.CaptureFixture[str]


def compare(*words: object) -> int:
    return cli.main(["compare", *map(str, words)])


def rows(text: str) -> list[tuple[str, float]]:
    """(layer, dB alone) of every row that has the figure."""
    found = re.findall(r"^ (\S+) +\w+ +[\dx]+ +[wa]\S+ +(-?[\d.]+) +[\d.]+ +-?[\d.]+ +[\d.]+ *$", text, re.M)
    return [(layer, float(db)) for layer, db in found]


def test_the_table_is_sorted_by_loss(artifact: Path, capsys: Capture) -> None:
    assert compare(artifact, MODEL, "--data", DATA, "--samples", 16) == 0
    said = capsys.readouterr()
    assert said.out.startswith("digits.dyq against float on 16 samples: ")
    seen = rows(said.out)
    assert "/classifier/Gemm" in [layer for layer, _ in seen] and len(seen) > 5
    assert [db for _, db in seen] == sorted(db for _, db in seen)
    assert "most lost alone first" in said.out and "the accumulated SQNR falls most at" in said.out
    assert "artifact (x86-64) equals its integer reference on these samples: yes" in said.out
    assert "not compared" not in said.out and "warning" not in said.err


def test_narrow_terminals_have_fewer_columns_and_whole_names() -> None:
    assert layer_table.fitting(200) == list(layer_table.COLUMNS)
    assert layer_table.fitting(52) == ["operator", "widths", "alone dB", "accumulated dB"]
    assert layer_table.fitting(0) == ["alone dB", "accumulated dB"]


def test_the_worst_layers_in_the_order_of_the_network(artifact: Path, capsys: Capture) -> None:
    words = (artifact, MODEL, "--data", DATA, "--samples", 16, "--progress", "off")
    assert compare(*words, "--json") == 0
    everything = json.loads(capsys.readouterr().out)
    assert (everything["artifact"], everything["samples"], everything["equals_reference"]) == ("digits.dyq", 16, True)
    assert compare(*words, "--top", 3, "--order", "network", "--json") == 0
    worst = json.loads(capsys.readouterr().out)
    names = [one["layer"] for one in everything["layers"]]
    assert {one["layer"] for one in worst["layers"]} == set(names[:3])
    assert compare(*words, "--order", "network") == 0
    in_order = [layer for layer, _ in rows(capsys.readouterr().out)]
    assert in_order[0] == "image" and in_order[-1] == "/classifier/Gemm"
    assert [one["layer"] for one in worst["layers"]] == [name for name in in_order if name in names[:3]]


def test_the_default_number_of_samples_is_that_of_python() -> None:
    (option,) = [one for one in cli_compare.compare_command.params if one.name == "samples"]
    assert isinstance(option, click.Option)
    assert option.default == inspect.signature(compare_layers).parameters["samples"].default


def test_2_wrong_usage(artifact: Path, tmp_path: Path, capsys: Capture) -> None:
    np.savez(tmp_path / "x.npz", picture=np.zeros((2, 1, 8, 8), np.float32))
    for words, said in (
        ((artifact, MODEL), "Missing option '--data'"),
        ((artifact, "--data", DATA), "Missing argument 'MODEL'"),
        ((artifact, MODEL, "--data", tmp_path / "x.npz"), 'no array named "image" (it has: "picture")'),
        ((artifact, MODEL, "--data", DATA, "--top", "0"), "--top"),
        ((artifact, MODEL, "--data", DATA, "--order", "size"), "'size' is not one of"),
    ):
        assert compare(*words) == 2
        err = capsys.readouterr().err
        assert said in err and err.strip().splitlines()[-1].startswith("dyadic: ")


def test_2_another_model(artifact: Path, tmp_path: Path, capsys: Capture) -> None:
    model = onnx.load(MODEL)
    model.graph.input[0].name = "picture"
    for node in model.graph.node:
        node.input[:] = ["picture" if name == "image" else name for name in node.input]
    onnx.save(model, tmp_path / "other.onnx")
    assert compare(artifact, tmp_path / "other.onnx", "--data", DATA) == 2
    assert 'reads "image" [N, 1, 8, 8], the model reads "picture" [N, 1, 8, 8]' in capsys.readouterr().err


def test_a_model_file_that_is_not_on_record_and_a_layer_without_a_name(
    artifact: Path, tmp_path: Path, capsys: Capture
) -> None:
    model = onnx.load(MODEL)
    (last,) = [node for node in model.graph.node if node.name == "/classifier/Gemm"]
    last.name = "[bold]another"
    onnx.save(model, tmp_path / "other.onnx")
    assert compare(artifact, tmp_path / "other.onnx", "--data", DATA, "--samples", 4) == 0
    said = capsys.readouterr()
    assert "warning: " in said.err and "was compiled from another file than the model given" in said.err
    assert "not compared, since the float model has no tensor of their name: /classifier/Gemm\n" in said.out


def test_5_no_artifact(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "bad.dyq").write_bytes(b"PK\x03\x04" * 100)
    assert compare(tmp_path / "bad.dyq", MODEL, "--data", DATA) == 5
    assert "bad.dyq" in capsys.readouterr().err


def test_5_an_artifact_that_is_not_what_its_integer_graph_says(tmp_path: Path, capsys: Capture) -> None:
    done = compiled(MODEL, DATA, isa=("x86-64",))
    integer = done.built.integer
    with integer.context, ir.Location.unknown():  # the graph that is kept gets another bias than the kernels have
        body = main_function(integer).regions[0].blocks[0].operations
        constants = [op.opview for op in body if isinstance(op.opview, qi.ConstantOp)]
        bias = [one for one in constants if "i32" in str(one.out.type)][-1]
        bias.operation.attributes["value"] = ir.DenseElementsAttr.get(np.array(bias.value) + 5000)
        emitted = emit(done.built.lowered, ["x86-64"], integer)
    replace(done.artifact, emitted=emitted).save(tmp_path / "m.dyq")
    assert compare(tmp_path / "m.dyq", MODEL, "--data", DATA, "--samples", 4) == 5
    said = capsys.readouterr()
    assert "equals its integer reference on these samples: no" in said.out
    assert "does not compute what its own integer graph says" in said.err


def test_6_files_that_are_not_there(artifact: Path, capsys: Capture) -> None:
    for words, said in (
        ((artifact, "none.onnx", "--data", DATA), "none.onnx"),
        ((artifact, MODEL, "--data", "none.npz"), "none.npz does not exist"),
        (("none.dyq", MODEL, "--data", DATA), "none.dyq"),
    ):
        assert compare(*words) == 6
        assert said in capsys.readouterr().err
