"""`--calibration none`: a network with batch norms keeps its accuracy without a sample, and says what was assumed."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.onnx_models import model

import dyadic
from dyadic.compiler.artifact import Artifact
from dyadic.compiler.calibrate.made import MadeSamples
from dyadic.compiler.datafree.samples import LEAST_VALID, made_samples
from dyadic.compiler.float_network import float_network
from dyadic.compiler.job import Job
from dyadic.compiler.options import Precision
from dyadic.compiler.tools import Tools
from dyadic.runtime.errors import UsageError

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"


def compiled(precision: Precision, evaluate: bool = True) -> Artifact:
    data = DIGITS / "test.npz" if evaluate else None
    return dyadic.compile(DIGITS / "digits.onnx", "none", evaluate=data, precision=precision, threads=1)


@pytest.fixture(scope="module")
def int8() -> Artifact:
    return compiled("int8")


def lost(artifact: Artifact) -> float:
    """Points of accuracy."""
    c = artifact.report.comparison
    assert c is not None and c.float_accuracy is not None and c.int8_accuracy is not None and not c.synthetic
    return 100 * (c.float_accuracy - c.int8_accuracy)


def test_int8_keeps_the_accuracy(int8: Artifact) -> None:
    assert lost(int8) <= 0.3


def test_w4a8_loses_less_than_a_point() -> None:
    assert lost(compiled("w4a8")) <= 1.0


def test_what_was_assumed_is_said_and_kept(int8: Artifact) -> None:
    (said,) = (note for note in int8.report.notes if note.startswith("no data"))
    assert '"image" is assumed to have mean' in said and "the first batch norm says" in said
    assert int8.made["calibration"] == {"name": "none", "assumed": said, "samples": 64}
    used = int8.report.used
    assert used is not None and used.synthetic and used.calibration == "none" and used.evaluation == "test.npz"
    assert "--calibration none" in int8.report.commands["headline"]


def test_the_same_network_comes_out_and_figures_of_made_samples_say_so(int8: Artifact) -> None:
    again = compiled("int8", evaluate=False)
    c = again.report.comparison
    assert c is not None and c.synthetic and c.float_accuracy is None
    images = np.load(DIGITS / "test.npz")["image"][:8]
    with int8.load(1, 8) as one, again.load(1, 8) as other:
        assert np.array_equal(one(images), other(images))
        assert [info.scale for info in one.inputs] == [info.scale for info in other.inputs]


def samples_of(
    inputs: dict[str, tuple[int, list[str | int | None]]], nodes: list[onnx.NodeProto], **arrays: np.ndarray
) -> MadeSamples:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    job = Job(model, "none")
    return made_samples(float_network(job, Tools.of(job)))


def test_ids_are_drawn_from_all_that_there_are() -> None:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], name="look_up"),
        helper.make_node("MatMul", ["rows", "w"], ["answer"], name="layer"),
    ]
    table, w = np.ones((50, 8), np.float32), np.ones((8, 4), np.float32)
    samples = samples_of({"ids": (TensorProto.INT64, ["N", 12])}, nodes, table=table, w=w)
    (feeds,) = list(samples)
    assert set(np.unique(feeds["ids"])) == set(range(50))
    assert "any ids evenly from 0 to 49" in samples.assumed and "no batch norm" in samples.assumed


def test_rows_of_numbers_are_noise_and_inputs_are_told_apart() -> None:
    nodes = [
        helper.make_node("MatMul", ["a", "w"], ["x"], name="one"),
        helper.make_node("MatMul", ["b", "w"], ["y"], name="other"),
        helper.make_node("Add", ["x", "y"], ["answer"], name="sum"),
    ]
    w = np.ones((8, 4), np.float32)
    samples = samples_of({"a": (TensorProto.FLOAT, ["N", 8]), "b": (TensorProto.FLOAT, ["N", 8])}, nodes, w=w)
    (feeds,) = list(samples)
    assert feeds["a"].shape == (64, 8) and not np.array_equal(feeds["a"], feeds["b"])
    assert np.abs(feeds["a"]).max() <= 3 and feeds["a"].std() == pytest.approx(1, abs=0.1)
    assert 0 < LEAST_VALID <= 1


def test_a_preset_says_what_pixels_become() -> None:
    artifact = dyadic.compile(
        DIGITS / "digits.onnx", "none", preprocess="unit,channels=gray", measure=False, observer="min-max"
    )
    assert "assumed to lie from 0 to 1, as --preprocess says" in artifact.made["calibration"]["assumed"]
    (info,) = artifact.load(1, 1).inputs
    assert info.scale == pytest.approx(1 / 255, rel=0.01) and info.zero_point in (0, -128)


def test_numbers_of_samples_of_no_data_are_refused() -> None:
    with pytest.raises(UsageError, match=r"calibration_samples .* leave it out"):
        dyadic.compile(DIGITS / "digits.onnx", "none", calibration_samples=7)


def test_there_is_no_evaluation_without_data() -> None:
    with pytest.raises(UsageError, match=r"evaluate takes samples with labels: .* leave it out"):
        dyadic.compile(DIGITS / "digits.onnx", "none", evaluate="none")


def test_the_word_has_one_spelling_and_a_file_may_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r'calibration="None" is no file that is here: .*, write calibration="none"'):
        dyadic.compile("m.onnx", "None")
    (tmp_path / "None").mkdir()
    (tmp_path / "none").mkdir()
    for given, without in (("none", True), ("./none", False), (Path("none"), False), ("None", False)):
        job = Job("m.onnx", given)
        assert job.without_data == without and ("the calibration data" in job.inputs) != without
        assert f"--calibration {'./none' if given == Path('none') else given} " in job.again()


def test_without_anything_the_word_is_said() -> None:
    with pytest.raises(UsageError, match='calibration="none"'):
        dyadic.compile(DIGITS / "digits.onnx")


def two_inputs() -> onnx.ModelProto:
    text = "h = Gemm <transB = 1> (x, w)  t = Tanh (h)  g = Gemm <transB = 1> (z, w)  y = Add (t, g)"
    weights = {"w": np.random.default_rng(0).normal(0, 0.3, (4, 6)).astype(np.float32)}
    return model(text, "float[N,6] x, float[N,6] z", weights)


def test_the_range_of_an_input_can_be_said(tmp_path: Path) -> None:
    artifact = dyadic.compile(
        two_inputs(), "none", input_range={"x": (0, 0.5)}, isa="x86-64", measure=False, precision="int8"
    )
    said = artifact.made["calibration"]["assumed"]
    assert '"x" is assumed to lie from 0 to 0.5, as --input-range says' in said
    assert '"z" is assumed to have mean 0' in said
    artifact.save(tmp_path / "m.dyq")
    with dyadic.load(tmp_path / "m.dyq") as session:
        ends = {one.name: one.scale * (one.hi - one.lo) for one in session.program.inputs}
    assert 0.45 < ends["x"] < 0.501 and ends["z"] > 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"y": (0, 1)}, 'input_range names "y", but the model reads "x" .*, "z" '),
        ({"x": (1, 1)}, 'input_range: "x" lies between two finite numbers, the lower one first, not 1:1'),
        ({"x": (0, float("inf"))}, "two finite numbers"),
        ({"x": 3}, "input_range takes two numbers for each input, by its name"),
        ([("x", "ab")], "input_range takes two numbers"),
        ([("x", (0, 1)), ("x", (0, 2))], 'input_range: "x" is said to lie in two ranges'),
    ],
)
def test_a_range_that_is_none_is_refused(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        dyadic.compile(two_inputs(), "none", input_range=given, measure=False)
    with pytest.raises(UsageError, match='input_range is for calibration="none"'):
        dyadic.compile(two_inputs(), np.zeros((4, 6), np.float32), input_range={"x": (0, 1)}, measure=False)
