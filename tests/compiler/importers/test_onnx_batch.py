"""What mixes the images of a batch is refused by name; what only looks like it answers as ONNX Runtime."""

import numpy as np
import pytest
from support.meaning import assert_close, outputs, prepared, random_inputs
from support.onnx_models import imported, model, run_onnxruntime

from dyadic.runtime.errors import ModelError

ZERO, ONE = np.array([0], np.int64), np.array([1], np.int64)

MIXED = {
    "flatten from axis 0": ("y = Flatten<axis=0>(x)", {}),
    "the first image only": ("y = Slice(x, zero, one, zero)", {}),
    "a new first dimension": ("y = Unsqueeze(x, zero)", {}),
    "all in one row": ("y = Reshape(x, s)", {"s": np.array([1, -1], np.int64)}),
    "a row of one image's length": ("y = Reshape(x, s)", {"s": np.array([1, 168], np.int64)}),
    "times the number of images": (
        "d = Shape(x) n = Gather(d, first) c = Cast<to=1>(n) y = Mul(x, c)",
        {"first": np.array(0, np.int64)},
    ),
    "divided by all pixels": ("n = Size(x) c = Cast<to=1>(n) y = Div(x, c)", {}),
    "a channel by the number of images": (
        "d = Shape<start=0, end=1>(x) e = Add(d, one) y = Slice(x, d, e, one)",
        {},
    ),
    "batch last": ("y = Transpose<perm=[1, 2, 3, 0]>(x)", {}),
    "batch second": ("y = Transpose<perm=[1, 0, 2, 3]>(x)", {}),
    "images joined": ("y = Concat<axis=0>(x, x)", {}),
    "the mean of the images": ("y = ReduceMean<axes=[0], keepdims=1>(x)", {}),
    "the mean of everything": ("y = ReduceMean(x)", {}),
    "the first image, its dimension gone": ("y = Gather<axis=0>(x, first)", {"first": np.array(0, np.int64)}),
    "images repeated": ("y = Tile(x, s)", {"s": np.array([2, 1, 1, 1], np.int64)}),
    "a product over images": (
        "r = Reshape(x, s) t = Transpose<perm=[1, 0]>(r) y = MatMul(t, r)",
        {"s": np.array([-1, 168], np.int64)},
    ),
    "channels as images": ("y = Reshape(x, s)", {"s": np.array([-1, 42], np.int64)}),
    "another row for each image": (
        "d = Shape<end=1>(x) n = Squeeze(d) r = Range(zero0, n, one0) f = Cast<to=1>(r) g = Reshape(f, s) "
        "y = Add(x, g)",
        {"s": np.array([-1, 1, 1, 1], np.int64), "zero0": np.array(0, np.int64), "one0": np.array(1, np.int64)},
    ),
}


@pytest.mark.parametrize("batch", ["N", "4"])
@pytest.mark.parametrize("body", MIXED)
def test_what_mixes_images_is_refused_by_name(body: str, batch: str) -> None:
    text, constants = MIXED[body]
    proto = model(text, f"float[{batch},4,7,6] x", {"zero": ZERO, "one": ONE, **constants})
    with pytest.raises(ModelError, match=r"keep the batch as dimension 0|does not fit") as caught:
        prepared(imported(proto))
    assert any(f'"{node.name or node.output[0]}"' in str(caught.value) for node in proto.graph.node)


SEPARATE = {
    "any rows": ("y = Reshape(x, s)", {"s": np.array([-1, 168], np.int64)}),
    "every image": ("y = Slice(x, zero, far, zero)", {"far": np.array([1 << 40], np.int64)}),
    "a shape from Shape": (
        "d = Shape<end=1>(x) c = Concat<axis=0>(d, m) r = Reshape(x, c) y = Relu(r)",
        {"m": np.array([-1], np.int64)},
    ),
    "zeros for every image": (
        "d = Shape<end=1>(x) c = Concat<axis=0>(d, k) z = ConstantOfShape(c) y = Concat<axis=1>(x, z)",
        {"k": np.array([2, 7, 6], np.int64)},
    ),
    "a map for every image": (
        "d = Shape<end=1>(x) c = Concat<axis=0>(d, k) e = Expand(map, c) y = Concat<axis=1>(x, e)",
        {"k": np.array([1, 7, 6], np.int64), "map": np.linspace(-1, 1, 42, dtype=np.float32).reshape(1, 1, 7, 6)},
    ),
}


@pytest.mark.parametrize("body", SEPARATE)
def test_what_keeps_images_apart_answers_as_onnxruntime(body: str) -> None:
    text, constants = SEPARATE[body]
    proto = model(text, constants={"zero": ZERO, **constants})
    module = prepared(imported(proto))
    inputs = random_inputs(module, batch=3)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 1e-6)


def test_a_weight_may_have_as_many_rows_as_the_exporter_had_images() -> None:
    """[4, 27] becomes [4, 3, 3, 3]: four filters, and no batch at all."""
    weights = np.random.default_rng(2).normal(size=(4, 36)).astype(np.float32)
    constants = {"f": weights, "s": np.array([4, 4, 3, 3], np.int64), "k": np.array([-1], np.int64), "b": [2, 2]}
    proto = model("w = Reshape(f, s) c = Reshape(b, k) y = Conv(x, w, c)", "float[4,4,7,6] x", constants)
    module = prepared(imported(proto))
    inputs = random_inputs(module, batch=4)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 1e-5)


def test_a_constant_that_an_exporter_repeated_for_its_batch_is_one() -> None:
    grid = np.linspace(0, 1, 42, dtype=np.float32).reshape(1, 1, 7, 6)
    for repeated in (np.repeat(grid, 4, 0), None):
        text = "e = Expand(g, s) y = Concat<axis=1>(x, e)" if repeated is None else "y = Concat<axis=1>(x, g)"
        given = {"g": grid if repeated is None else repeated, "s": np.array([4, 1, 7, 6], np.int64)}
        proto = model(text, "float[4,4,7,6] x", given)
        module = prepared(imported(proto))
        inputs = random_inputs(module, batch=4)
        assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 0)
    proto = model("y = Add(x, g)", "float[4,4,7,6] x", {"g": np.random.default_rng(1).normal(size=(4, 1, 7, 6))})
    with pytest.raises(ModelError, match='"y"'):
        prepared(imported(proto))


def test_a_fixed_batch_of_one_is_one_image() -> None:
    for text in ("y = Flatten<axis=0>(x)", "y = Unsqueeze(x, zero)", "y = Slice(x, zero, one, zero)"):
        proto = model(text, "float[1,4,7,6] x", {"zero": ZERO, "one": ONE})
        module = prepared(imported(proto))
        inputs = random_inputs(module, batch=1)
        assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 0)


def test_inputs_with_different_first_dimensions_are_no_batch() -> None:
    proto = model("y = Relu(x)", "float[4,3] x, float[7,3] z")
    with pytest.raises(ModelError, match='"x" 4, "z" 7'):
        prepared(imported(proto))


def test_weights_that_are_no_constants_yet_mix_no_images() -> None:
    """What is wrong with a model that was quantized elsewhere is said as it is."""
    constants = {"q": np.ones((5, 4, 3, 3), np.int8), "s": np.array(0.1, np.float32)}
    proto = model("w = DequantizeLinear(q, s) y = Conv(x, w)", "float[N,4,7,6] x", constants)
    with pytest.raises(ModelError, match=r'"w" \(DequantizeLinear\).*: give the float model') as caught:
        prepared(imported(proto))
    assert "batch" not in str(caught.value)
