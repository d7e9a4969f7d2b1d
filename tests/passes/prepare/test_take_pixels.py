"""Artifacts that take pixels answer as the float model does to what their preprocessing makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.onnx_models import model, run_onnxruntime

import dyadic
from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.compiler.measure.evaluation import engine_of
from dyadic.runtime.errors import UsageError

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (24, 6, 8, 3), np.uint8)
PRESETS = {
    "torchvision": (np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255),
    "caffe": (np.array([103.939, 116.779, 123.68]), np.ones(3)),
    "unit": (np.zeros(3), np.full(3, 255.0)),
}


WEIGHTS = {"w": RANDOM.normal(0, 0.3, (5, 3, 3, 3)).astype(np.float32)}


def network(pads: int) -> onnx.ModelProto:
    text = f"c = Conv <pads = [{pads}, {pads}, {pads}, {pads}]> (x, w)  r = Relu (c)  g = GlobalAveragePool (r)"
    return model(f"{text}  y = Flatten (g)", "float[N,3,6,8] x", WEIGHTS)


def normalized(preset: str) -> np.ndarray:
    mean, std = PRESETS[preset]
    pixels = PIXELS[..., ::-1] if preset == "caffe" else PIXELS
    return ((pixels - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)


@pytest.mark.parametrize(
    ("preset", "pads", "layout", "order"),
    [("torchvision", 1, "nhwc", "model"), ("caffe", 0, "nchw", "model"), ("caffe", 2, "nhwc", "rgb"),
     ("torchvision", 1, "nchw", "bgr"), ("unit", 1, "nhwc", "rgb")],
)  # fmt: skip
def test_pixels_are_answered_as_the_numbers_that_they_become(
    preset: str, pads: int, layout: Any, order: Any, tmp_path: Path
) -> None:
    blue_first = order == "bgr" or (order == "model" and preset == "caffe")
    proto, given = network(pads), PIXELS[..., ::-1] if blue_first else PIXELS
    options: dict[str, Any] = {"preprocess": preset, "input_dtype": "uint8", "input_layout": layout}
    options["input_channels"] = order
    artifact = dyadic.compile(proto, normalized(preset), isa="x86-64", measure=False, **options)
    artifact.save(tmp_path / "m.dyq")
    onnx.save(proto, tmp_path / "m.onnx")
    with dyadic.load(tmp_path / "m.dyq", max_batch=24) as session:
        assert session.inputs[0].dtype == np.uint8
        (y,) = session.run(None, {"x": given if layout == "nhwc" else given.transpose(0, 3, 1, 2)})
        engine = engine_of(tmp_path / "m.dyq", tmp_path / "m.onnx", 1)
        (own,) = engine.run({"x": given if layout == "nhwc" else given.transpose(0, 3, 1, 2)})
    want = np.concatenate([run_onnxruntime(proto, x[None])[0] for x in normalized(preset)])
    np.testing.assert_allclose(own, want, rtol=1e-4, atol=1e-5)  # `dyadic evaluate --model`
    assert 10 * np.log10(np.square(want).sum() / np.square(want - y).sum()) > 30
    layers = [one.name for one in artifact.report.layers]
    assert not any("normalize" in name for name in layers), layers


def test_numbers_pixels_and_images_calibrate_alike() -> None:
    proto = network(1)
    options: dict[str, Any] = {"preprocess": "torchvision", "input_dtype": "uint8"}
    texts = {
        str(network_after("calibrate", Job(proto, data, **options)))
        for data in (PIXELS, PIXELS.transpose(0, 3, 1, 2), normalized("torchvision"))
    }
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"input_dtype": "uint8"}, 'input_dtype="uint8" needs preprocess'),
        ({"input_dtype": "int8"}, "input_dtype must be one of model, uint8, not 'int8'"),
        ({"input_layout": "nhwc"}, 'input_layout is for input_dtype="uint8"'),
        ({"input_dtype": "uint8", "preprocess": "tf,crop=3"}, 'crop=3x3" makes 3x3 pixels, but "x" .* reads 6x8'),
    ],
)
def test_what_does_not_go_together_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        dyadic.compile(network(1), PIXELS, measure=False, **options)
    with pytest.raises(UsageError, match="which are no pixels 0 to 255 by preprocess"):
        dyadic.compile(network(1), 9 * normalized("unit"), preprocess="unit", input_dtype="uint8", measure=False)
