"""Sums of functions, windows of powers, Fourier transforms and sampled images: images are x [N, 4, 7, 6].

title -> (opset, body, constants), as in pointwise_cases.
"""

from typing import Any

import numpy as np

RANDOM = np.random.default_rng(5)
AXES = np.array([1, 3], np.int64)
REACH = [np.array(-2, np.float32), np.array(2, np.float32)]
TURNS = RANDOM.normal(0, 1, (2, 4, 3)).astype(np.float32)
GRID = RANDOM.uniform(-1.3, 1.3, (1, 5, 3, 2)).astype(np.float32)
SIGNAL = "f = Reshape(x, to) {}"
TO_ROWS = {"to": np.array([0, 168], np.int64)}


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def number(value: int) -> np.ndarray:
    return np.array(value, np.int64)


def window(size: int) -> np.ndarray:
    return np.hanning(size).astype(np.float32)


ONNX: dict[str, tuple[int, str, dict[str, Any]]] = {
    "sum of sizes": (13, "y = ReduceL1<axes=[1,3]>(x)", {}),
    "sum of sizes 18": (18, "y = ReduceL1<keepdims=0>(x, a)", {"a": AXES}),
    "sum of squares": (18, "y = ReduceSumSquare(x, a)", {"a": AXES}),
    "logarithm of a sum": (18, "p = Exp(x) y = ReduceLogSum(p, a)", {"a": AXES}),
    "logarithm of a sum of exponentials": (13, "y = ReduceLogSumExp<axes=[2], keepdims=0>(x)", {}),
    "product": (13, "y = ReduceProd<axes=[1], keepdims=0>(x)", {}),
    "no length": (18, "y = ReduceL2<noop_with_empty_axes=1>(x)", {}),
    "no reduction": (18, "y = ReduceSumSquare<noop_with_empty_axes=1>(x)", {}),
    "pool of squares": (11, "y = LpPool<kernel_shape=[2,3], strides=[2,1]>(x)", {}),
    "pool of squares, padded": (11, "y = LpPool<kernel_shape=[3,3], pads=[1,1,1,1]>(x)", {}),
    "pool of sizes": (11, "y = LpPool<kernel_shape=[2,2], p=1>(x)", {}),
    "pool of cubes": (11, "y = LpPool<kernel_shape=[2,2], p=3>(x)", {}),
    "pool of all": (7, "y = GlobalLpPool(x)", {}),
    "fourier transform": (17, "u = Unsqueeze(x, a) y = DFT<axis=2>(u)", {"a": ints(-1)}),
    "fourier transform of one side": (17, "u = Unsqueeze(x, a) y = DFT<axis=3, onesided=1>(u)", {"a": ints(-1)}),
    "inverse of a longer transform": (17, "t = Transpose<perm=[0,2,3,1]>(x) c, d = Split<axis=3>(t, s) "
        "y = DFT<axis=1, inverse=1>(c, l)", {"s": ints(2, 2), "l": number(9)}),
    "fourier transform 20": (20, "u = Unsqueeze(x, a) y = DFT(u, , i)", {"a": ints(-1), "i": number(1)}),
    "frames": (17, SIGNAL.format("y = STFT(f, k, w)"), {**TO_ROWS, "k": number(12), "w": window(32)}),
    "frames of both sides": (17, SIGNAL.format("y = STFT<onesided=0>(f, k, , l)"),
        {**TO_ROWS, "k": number(16), "l": number(16)}),
    "one hot of what is computed": (13, "r = Round(x) c = Clip(r, z, m) i = Cast<to=7>(c) y = OneHot<axis=1>(i, d, v)",
        {"z": REACH[0], "m": REACH[1], "d": number(3), "v": np.array([0.5, 2], np.float32)}),
    "spread of rows": (17, "h, m, y = LayerNormalization(x, g)", {"g": [6]}),
    "mean variance": (13, "y = MeanVarianceNormalization<axes=[2,3]>(x)", {}),
    "gated": (28, "t = Tanh(x) y = SwiGLU(x, t)", {}),
    "rotary embedding": (23, "f = Transpose<perm=[0,2,1,3]>(x) y = RotaryEmbedding(f, c, s)",
        {"c": TURNS[:1], "s": TURNS[1:]}),
}  # fmt: skip
# onnxruntime has no kernel for these, or one of fewer sizes
BY_REFERENCE = {
    "gated", "rotary embedding", "fourier transform 20", "inverse of a longer transform", "pool of cubes",
}  # fmt: skip
# a grid belongs to one image
ONE_IMAGE: dict[str, tuple[int, str, dict[str, Any]]] = {
    "sampled": (16, "y = GridSample(x, g)", {"g": GRID}),
    "sampled, corners": (16, "y = GridSample<align_corners=1>(x, g)", {"g": GRID}),
    "sampled, mirrored": (16, 'y = GridSample<padding_mode="reflection">(x, g)', {"g": GRID}),
    "sampled, edges": (16, 'y = GridSample<padding_mode="border", align_corners=1>(x, g)', {"g": GRID}),
    "sampled, nearest": (16, 'y = GridSample<mode="nearest">(x, g)', {"g": GRID}),
}  # fmt: skip
