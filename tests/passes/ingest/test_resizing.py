"""Resized images mean what torch and ONNX Runtime make of them."""

from typing import Any

import numpy as np
import pytest
import torch
from support.meaning import assert_close, outputs, prepared
from support.onnx_models import imported, model, run_onnxruntime

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.runtime.errors import ModelError

X = np.random.default_rng(0).standard_normal((2, 4, 7, 6)).astype(np.float32)
SCALES = [[1, 1, 2, 2], [1, 1, 1.5, 3], [1, 1, 0.6, 0.5], [1, 1, 2.3, 1]]


def scales_for(coordinates: str) -> list[list[float]]:
    """Corners lie on each other where sizes are whole."""
    return [[1, 1, 2, 2], [1, 1, 3 / 7, 1.5]] if coordinates == "align_corners" else SCALES


def agrees(body: str, opset: int, x: np.ndarray = X, **constants: np.ndarray) -> None:
    inputs = f"float[{'N' if len(x) > 1 else 1},4,7,6] x"
    proto = model(body, inputs, constants, opset)
    assert_close(outputs(prepared(imported(proto)), x), run_onnxruntime(proto, x), 2e-5)


@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_nearest_of_onnx(coordinates: str, rounding: str) -> None:
    mode = f'coordinate_transformation_mode="{coordinates}", mode="nearest", nearest_mode="{rounding}"'
    for scales in scales_for(coordinates):
        agrees(f"y = Resize<{mode}>(x, , s)", 13, s=np.array(scales, np.float32))


@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_between_pixels_of_onnx(coordinates: str, mode: str) -> None:
    for scales in scales_for(coordinates):
        how = f'coordinate_transformation_mode="{coordinates}", mode="{mode}"'
        agrees(f"y = Resize<{how}>(x, , s)", 13, s=np.array(scales, np.float32))


def test_sizes_axes_and_aspect() -> None:
    sizes = np.array([3, 9])
    agrees('y = Resize<mode="nearest", axes=[2,3]>(x, , , s)', 18, s=sizes)
    agrees('y = Resize<mode="nearest", axes=[2,3], keep_aspect_ratio_policy="not_larger">(x, , , s)', 18, s=sizes)
    agrees('y = Resize<mode="nearest">(x, , , s)', 13, X[:1], s=np.array([1, 4, 14, 4]))


@pytest.mark.parametrize("scales", SCALES)
def test_old_opsets(scales: list[float]) -> None:
    values = ", ".join(str(float(s)) for s in scales)
    if min(scales) >= 1:  # opsets before 10 do not make images smaller
        agrees(f'y = Upsample<mode="nearest", scales=[{values}]>(x)', 8)
        agrees('y = Upsample<mode="nearest">(x, s)', 9, s=np.array(scales, np.float32))
        agrees('y = Upsample<mode="linear">(x, s)', 9, s=np.array(scales, np.float32))
    agrees('y = Resize<mode="nearest">(x, s)', 10, s=np.array(scales, np.float32))


def test_what_has_no_form_says_so() -> None:
    for body, words in (
        ('y = Resize<mode="nearest">(x, , s)', "the batch"),
        ('y = Resize<mode="nearest", coordinate_transformation_mode="tf_crop_and_resize">(x, , t)', "region"),
        ('y = Resize<mode="linear", coordinate_transformation_mode="align_corners">(x, , u)', "a whole size of 7"),
        ('y = Resize<mode="sinc">(x, , t)', "its mode is sinc"),
    ):
        numbers = {"s": [2, 1, 1, 1], "t": [1, 1, 2, 2], "u": [1, 1, 0.6, 1]}
        constants = {name: np.array(each, np.float32) for name, each in numbers.items()}
        with pytest.raises(ModelError, match=words):
            prepared(imported(model(body, constants={k: v for k, v in constants.items() if f" {k})" in body})))


class Resized(torch.nn.Module):
    def __init__(self, **how: Any) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, **self.how)


@pytest.mark.parametrize(
    "how",
    [
        {"scale_factor": 2.0},
        {"scale_factor": (1.5, 3.0)},
        {"size": (3, 4)},
        {"size": (14, 5)},
        {"scale_factor": 1.7, "recompute_scale_factor": True},
        {"scale_factor": 2.0, "mode": "bilinear"},
        {"size": (13, 3), "mode": "bilinear", "align_corners": True},
        {"scale_factor": 1.7, "mode": "bilinear"},
        {"scale_factor": (0.5, 2.0), "mode": "bicubic"},
    ],
    ids=str,
)
def test_images_of_torch(how: dict[str, Any]) -> None:
    module, x = Resized(**how), torch.from_numpy(X)
    graph = prepared(import_torch(module, (x,), new_context()))
    assert_close(outputs(graph, X), [module(x).numpy()], 3e-6)


@pytest.mark.parametrize("how", [{}, {"mode": "linear"}], ids=["nearest", "linear"])
def test_rows_of_torch(how: dict[str, Any]) -> None:
    module, x = Resized(scale_factor=2.5, **how), torch.from_numpy(X[:, :, 0])
    graph = prepared(import_torch(module, (x,), new_context()))
    assert_close(outputs(graph, x.numpy()), [module(x).numpy()], 1e-6)
