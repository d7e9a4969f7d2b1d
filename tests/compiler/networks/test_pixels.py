"""Networks that read pixels, whatever reads them first: every level and the GPU for tests equal the integer reference.

And float, which reads what normalization makes of the pixels.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.every_level import check
from support.onnx_models import model, run_onnxruntime
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from torch_mlir import ir

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects.reference import IntegerReference

__all__ = ["gpu"]

RANDOM = np.random.default_rng(5)
PIXELS = RANDOM.integers(0, 256, (24, 9, 10, 3), np.uint8)  # [N, height, width, colours]
PIXELS[:, :, :5] = np.maximum(PIXELS[:, :, :5], 128)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def weights(*sizes: int) -> np.ndarray:
    return RANDOM.normal(0, 1 / np.sqrt(np.prod(sizes[1:])), sizes).astype(np.float32)


NUMBERS = {
    "w3": weights(6, 3, 3, 3), "w7": weights(5, 3, 7, 5), "w2": weights(8, 3, 2, 2), "wd": weights(3, 1, 3, 3),
    "wf": weights(4, 6, 3, 3), "zero": np.array([0]), "one_": np.array([1]), "ends": np.array([10]),
    "last": np.array([3]), "twos": np.array([2]),
    "wl": weights(7, 270), "hundred": np.array([100], np.float32),
    "little": np.array([0.0123], np.float32), "one": np.array([1], np.float32),
    "mean": (255 * MEAN).astype(np.float32).reshape(1, 1, 1, 3),
    "std": (255 * STD).astype(np.float32).reshape(1, 1, 1, 3),
}  # fmt: skip
PADDED = "y = Conv <pads = [1, 1, 1, 1]> (arg0, w3)"
SAME = "c = Conv <pads = [0, 0, 1, 1], strides = [2, 2]> (arg0, w3)  r = Relu (c)  y = GlobalAveragePool (r)"
SEVERAL = """
    a = Conv <pads = [3, 2, 3, 2], strides = [2, 2]> (arg0, w7)
    b = Conv <strides = [2, 2]> (arg0, w2)
    m = MaxPool <kernel_shape = [2, 2]> (arg0)
    c = Conv <pads = [1, 1, 1, 1]> (m, w3)
    ga = GlobalAveragePool (a)  gb = GlobalAveragePool (b)  gc = GlobalAveragePool (c)
    fa = Flatten (ga)  fb = Flatten (gb)  fc = Flatten (gc)
    y = Concat <axis = 1> (fa, fb, fc)
"""
ROW = "f = Flatten (arg0)  y = Gemm <transB = 1> (f, wl)"
DEPTHWISE = "d = Conv <pads = [1, 1, 1, 1], group = 3> (arg0, wd)  y = Conv (d, w2)"
INSIDE = """
    s = Sub (arg0, mean)  d = Div (s, std)  t = Transpose <perm = [0, 3, 1, 2]> (d)
    y = Conv <pads = [1, 1, 1, 1]> (t, w3)
"""
APART = """
    r, g, b = Split <axis = 1> (arg0)
    rs = Sub (r, hundred)  gs = Mul (g, little)
    x = Concat <axis = 1> (b, gs, rs)  y = Conv <pads = [1, 1, 1, 1]> (x, w3)
"""
FOCUS = """
    d = Mul (arg0, little)  a = Slice (d, zero, ends, last, twos)  b = Slice (d, one_, ends, last, twos)
    x = Concat <axis = 1> (a, b)  y = Conv <pads = [1, 1, 1, 1]> (x, wf)
"""
BYTES = "f = Cast <to = 1> (arg0)  d = Mul (f, little)  s = Sub (d, one)  y = Conv <pads = [1, 0, 1, 2]> (s, w3)"
FIRST = "float[N,3,9,10] arg0"

TURNED = {"preprocess": "caffe", "input_layout": "nhwc", "input_channels": "rgb"}
# model, its input, options, all steps of the program, rings of padding among them: none normalizes but one for the
# pool and that for the groups
CASES: dict[str, tuple[str, str, dict[str, Any], list[str]]] = {
    "padded": (PADDED, FIRST, {"preprocess": "torchvision", "input_layout": "nhwc"}, ["conv2d"]),
    "as TensorFlow pads": (SAME, FIRST, TURNED, ["conv2d", "avg_pool"]),
    "a row": (ROW, FIRST, {"preprocess": "torchvision"}, ["linear"]),
    "normalized inside": (INSIDE, "float[N,9,10,3] arg0", {"preprocess": "scale=1"}, ["conv2d"]),
    "colours apart": (APART, FIRST, {"preprocess": "scale=1"}, ["conv2d"]),
    "every second column": (FOCUS, FIRST, {"preprocess": "unit"}, ["conv2d", *3 * ["slice"]]),
    "bytes of the model's own": (BYTES, "uint8[N,3,9,10] arg0", {}, ["conv2d"]),
    "several readers": (
        SEVERAL,
        FIRST,
        {"preprocess": "torchvision"},
        4 * ["conv2d"] + 3 * ["avg_pool"] + 2 * ["max_pool"],
    ),
    "channel by channel": (DEPTHWISE, FIRST, {"preprocess": "torchvision"}, 4 * ["conv2d"]),
}


def integers(name: str) -> tuple[ir.Module, np.ndarray, np.ndarray]:
    """The network, its pixels, and what float answers."""
    text, first, said, _ = CASES[name]
    options: dict[str, Any] = said | ({"input_dtype": "uint8"} if said else {})
    proto = model(text, first, {k: v for k, v in NUMBERS.items() if k in text})
    last = "nhwc" in options.values() or "9,10,3" in first
    pixels = PIXELS if last else np.ascontiguousarray(PIXELS.transpose(0, 3, 1, 2))
    job = Job(proto, pixels, **options)
    reads = PIXELS.astype(np.float64)
    if options.get("preprocess") == "torchvision":
        reads = (reads / 255 - MEAN) / STD
    elif options.get("preprocess") == "unit":
        reads = reads / 255
    elif options.get("preprocess") == "caffe":
        reads = reads[..., ::-1] - np.array([103.939, 116.779, 123.68])
    reads = reads if "9,10,3" in first else reads.transpose(0, 3, 1, 2)
    kind = np.float32 if options else np.uint8
    want = np.concatenate([run_onnxruntime(proto, x[None].astype(kind))[0] for x in reads])
    return network_after("integerize", job), pixels, want


@pytest.mark.parametrize("name", CASES)
def test_every_level_and_float(name: str, tmp_path: Path) -> None:
    network, pixels, want = integers(name)
    (got,) = IntegerReference(network)({"arg0": pixels}).values()
    assert 10 * np.log10(np.square(want).sum() / np.square(want - got).sum()) > 32
    steps = check(network, pixels[:3], tmp_path / "m.dyq")
    assert sorted(steps) == sorted(f"qi.{kind}" for kind in CASES[name][3])


@pytest.mark.parametrize("name", ["padded", pytest.param("several readers", marks=pytest.mark.slow)])
def test_on_the_gpu(name: str, gpu: Gpu, tmp_path: Path) -> None:
    network, pixels, _ = integers(name)
    check_on_gpu(gpu, network, pixels[:3], tmp_path / "m.dyq")
