"""An exported artifact is an ONNX file that ONNX Runtime runs within a step of the artifact."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.onnx_models import model
from support.quantized_models import (
    IntegerReference,
    answers_here,
    answers_of_onnxruntime,
    float_network,
    quantized,
    samples,
    step_of_output,
)

import dyadic
from dyadic.compiler.cli.main import main
from dyadic.compiler.driver import network_after
from dyadic.compiler.export.qdq import to_onnx
from dyadic.compiler.job import Job
from dyadic.runtime.errors import UsageError


def exported(model: Any, precision: Any, x: np.ndarray) -> tuple[np.ndarray, onnx.ModelProto]:
    """What the integers answer, and the file."""
    network = network_after("integerize", Job(model, {"x": x}, precision=precision, progress="off"))
    with network.context:
        (answer,) = IntegerReference(network)({"x": x}).values()
        return answer, to_onnx(network)


@pytest.mark.parametrize("precision", ["int8", "w8a16", "w4a8", "w4a4"])
def test_onnxruntime_answers_within_a_step(precision: str) -> None:
    """At 16 bits a step here and there on the way shows: five roundings in a row."""
    x = samples(64)
    mine, model = exported(float_network(), precision, x)
    onnx.checker.check_model(model, full_check=True)
    (theirs,) = answers_of_onnxruntime(model.SerializeToString(), {"x": x})
    steps = np.rint(np.abs(mine - theirs) / step_of_output(model))
    assert steps.max() <= (8 if precision == "w8a16" else 1)
    assert precision == "w8a16" or (steps != 0).mean() < 0.05


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_pixels_go_in_as_bytes(layout: Any) -> None:
    """With the channel beside them in each image of a batch."""
    random = np.random.default_rng(0)
    weights = {"w": random.normal(0, 0.3, (5, 3, 3, 3)).astype(np.float32)}
    text = "c = Conv <pads = [1, 1, 1, 1]> (x, w)  r = Relu (c)  g = GlobalAveragePool (r)  y = Flatten (g)"
    pixels = random.integers(0, 256, (12, 6, 8, 3), np.uint8)
    pixels = pixels if layout == "nhwc" else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    options: dict[str, Any] = {"preprocess": "torchvision", "input_dtype": "uint8", "input_layout": layout}
    job = Job(model(text, "float[N,3,6,8] x", weights), pixels, progress="off", **options)
    network = network_after("integerize", job)
    with network.context:
        (mine,) = IntegerReference(network)({"x": pixels}).values()
        made = to_onnx(network)
    onnx.checker.check_model(made, full_check=True)
    for batch in (1, 3):
        (theirs,) = answers_of_onnxruntime(made.SerializeToString(), {"x": pixels[:batch]})
        assert np.rint(np.abs(mine[:batch] - theirs) / step_of_output(made)).max() <= 1


def test_a_last_softmax_is_in_the_file(tmp_path: Path) -> None:
    model = float_network()
    model.graph.node[-1].output[0] = "logits"
    model.graph.node.append(onnx.helper.make_node("Softmax", ["logits"], ["y"], "softmax", axis=1))
    x = samples(32)
    artifact = dyadic.compile(
        model, calibration={"x": x}, measure=False, progress="off", isa=["x86-64"], last_activation="float"
    )
    artifact.save(tmp_path / "m.dyq")
    assert main(["export", str(tmp_path / "m.dyq"), "-o", str(tmp_path / "m.onnx")]) == 0
    (theirs,) = answers_of_onnxruntime(str(tmp_path / "m.onnx"), {"x": x})
    mine = dyadic.load(tmp_path / "m.dyq", max_batch=32)(x)
    assert np.abs(mine - theirs).max() < 0.01


def test_what_is_exported_is_taken_again_with_the_same_integers(tmp_path: Path) -> None:
    """Import, export, import: scales, zero points and codes are those of the first file."""
    x = samples(16)
    path = quantized(tmp_path, float_network(), "QDQ", "QUInt8", "QInt8", True)
    (first,), network = answers_here(str(path), {"x": x})
    with network.context:
        again = to_onnx(network)
    (second,), _ = answers_here(again, {"x": x})
    assert np.abs(first - second).max() <= 1.01 * step_of_output(again)
    assert (first != second).mean() < 0.1


def test_what_is_repeated_and_taken_is_gathered() -> None:
    """The nearest pixel, twice as large, and channels in another order."""
    x = samples(16)
    model = float_network()
    kept = [node for node in model.graph.node if node.name in ("conv1", "relu1")]
    numbers = {"scales": np.array([1, 1, 2, 3], np.float32), "order": np.array([5, 0, 3, 3], np.int64)}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in numbers.items())
    kept += [
        onnx.helper.make_node("Gather", ["r1", "order"], ["taken"], "taken", axis=1),
        onnx.helper.make_node("Resize", ["taken", "", "scales"], ["y"], "larger", mode="nearest",
                              coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    ]  # fmt: skip
    del model.graph.node[:]
    model.graph.node.extend(kept)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for size in ("N", 4, 16, 24):
        dim = model.graph.output[0].type.tensor_type.shape.dim.add()
        if isinstance(size, str):
            dim.dim_param = size
        else:
            dim.dim_value = size
    mine, file = exported(model, "int8", x)
    assert {"Gather"} <= {node.op_type for node in file.graph.node}
    (theirs,) = answers_of_onnxruntime(file.SerializeToString(), {"x": x})
    assert mine.shape == theirs.shape == (16, 4, 16, 24)
    assert np.rint(np.abs(mine - theirs) / step_of_output(file)).max() <= 1


def test_a_layer_without_a_form_is_named() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(16, 4, 6)).astype(np.float32)
    weights = {"w": random.normal(size=(1, 3, 6)), "r": random.normal(size=(1, 3, 3))}
    body = "t = Transpose<perm=[1,0,2]>(x) a, last = RNN<hidden_size=3>(t, w, r) y = Transpose<perm=[1,0,2]>(last)"
    proto = model(body, "float[N,4,6] x", {name: values.astype(np.float32) for name, values in weights.items()})
    with pytest.raises(UsageError, match='" is a recurrence, which has no form between quantizations'):
        exported(proto, "int8", x)
