"""Transposed convolutions and blocks of pixels mean what torch and ONNX Runtime make of them."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from support.meaning import assert_close, operations, outputs, prepared
from support.onnx_models import imported, model, run_onnxruntime

from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.runtime.errors import ModelError

X = np.random.default_rng(0).standard_normal((2, 4, 7, 6)).astype(np.float32)


def agrees(body: str, weight: list[int]) -> None:
    proto = model(body, constants={"w": weight, "b": [weight[1] * (2 if "group" in body else 1)]})
    assert_close(outputs(prepared(imported(proto)), X), run_onnxruntime(proto, X), 5e-6)


@pytest.mark.parametrize(
    "how",
    [
        "",
        "<strides=[2,2], pads=[1,1,1,1]>",
        "<strides=[2,3], pads=[0,2,1,0], output_padding=[1,2]>",
        "<strides=[3,2], dilations=[2,1], group=2>",
        "<strides=[2,2], auto_pad='SAME_UPPER'>",
        "<strides=[2,2], auto_pad='SAME_LOWER'>",
        "<strides=[3,3], output_shape=[20,17]>",
        "<strides=[1,4], pads=[2,5,2,5]>",
    ],
)
def test_transposed_convolutions_of_onnx(how: str) -> None:
    attributes = how.replace("'", '"')
    for kernel in ([3, 3], [4, 5], [1, 2]):
        if how.startswith("<strides=[1,4]") and kernel != [4, 5]:
            continue  # nothing would be left
        if "SAME" in how and kernel == [1, 2]:
            continue  # less than a stride: ONNX wants 14 rows, ONNX Runtime makes 13
        agrees(f"y = ConvTranspose{attributes}(x, w, b)", [4, 3, *kernel])


def test_transposed_convolutions_of_torch() -> None:
    torch.manual_seed(0)
    for kernel, stride, padding, groups in itertools.product((2, 3), (1, 2), (0, 1), (1, 4)):
        more: dict[str, Any] = {"padding": padding, "groups": groups, "output_padding": stride - 1}
        check(torch.nn.ConvTranspose2d(4, 8, kernel, stride, **more), X, 5e-6)
    check(torch.nn.ConvTranspose1d(4, 6, 5, 3, 2, output_padding=1, bias=False), X[:, :, 0], 5e-6)


def check(module: torch.nn.Module, x: np.ndarray, tolerance: float = 0.0) -> list[str]:
    """The kinds of ops that it is made of."""
    given = torch.from_numpy(np.ascontiguousarray(x))
    graph = prepared(import_torch(module.eval(), (given,), new_context()))
    with torch.no_grad():
        assert_close(outputs(graph, x), [module(given).numpy()], tolerance)
    return operations(graph)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks_of_onnx(mode: str) -> None:
    proto = model(f'y = DepthToSpace<blocksize=2, mode="{mode}">(x)')
    assert_close(outputs(prepared(imported(proto)), X), run_onnxruntime(proto, X), 0)
    proto = model(f'd = DepthToSpace<blocksize=2, mode="{mode}">(x) y = SpaceToDepth<blocksize=2>(d)')
    assert_close(outputs(prepared(imported(proto)), X), run_onnxruntime(proto, X), 0)


def test_blocks_of_torch() -> None:
    check(torch.nn.PixelShuffle(2), X)
    check(torch.nn.PixelUnshuffle(2), X[:, :, :6])


def test_a_batch_norm_and_a_relu_go_into_the_layer() -> None:
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm2d(3)
    assert norm.running_var is not None and norm.running_mean is not None
    norm.running_var.uniform_(0.5, 2)
    norm.running_mean.normal_()
    behind = [norm, torch.nn.ReLU()]
    kinds = check(torch.nn.Sequential(torch.nn.ConvTranspose2d(4, 3, 4, 2, 1), *behind), X, 1e-6)
    assert kinds[:2] == ["conv2d", "clamp"] and "scale_shift" not in kinds
    kinds = check(torch.nn.Sequential(torch.nn.Conv2d(4, 12, 3), torch.nn.PixelShuffle(2), *behind), X, 1e-6)
    assert kinds[:2] == ["conv2d", "clamp"] and "scale_shift" not in kinds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("y = DepthToSpace<blocksize=3>(x)", "do not fit the channels of"),
        ("y = SpaceToDepth<blocksize=4>(x)", "blocks of 4 x 4 do not fit"),
        ("y = ConvTranspose(x, x)", "its weight must be a constant"),
    ],
)
def test_what_has_no_form_says_so(body: str, words: Any) -> None:
    with pytest.raises(ModelError, match=words):
        prepared(imported(model(body)))
