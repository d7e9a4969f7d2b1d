"""What mixes the images of a batch is compiled for the batch it has; what only looks like it answers any batch."""

import numpy as np
import onnx
import pytest
from support.meaning import assert_close, operations, outputs, prepared, random_inputs
from support.onnx_models import imported, model, run_onnxruntime

from dyadic.compiler.importers.onnx_places import Look, Place, place_after
from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import main_function
from dyadic.runtime.errors import ModelError

ZERO, ONE = np.array([0], np.int64), np.array([1], np.int64)

MIXED = {
    "flatten from axis 0": ("y = Flatten<axis=0>(x)", {}),
    "the largest of everything": ("m = ReduceMax(x) y = Sub(x, m)", {}),
    "what is above the smallest": ("m = ReduceMin(x) y = Sub(x, m)", {}),
    "channels of all images normalized": ("y = MeanVarianceNormalization(x)", {}),
    "images in the other order": (
        "y = Slice(x, last, before, zero, last)",
        {"last": np.array([-1]), "before": np.array([-99])},
    ),
    "the first image only": ("y = Slice(x, zero, one, zero)", {}),
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
    "images resized by so little that they are as many": (
        'y = Resize<mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor">(x, "", e)',
        {"e": np.array([1.1, 1, 2, 1], np.float32)},
    ),
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

WINDOWS = {"r": np.array([-1, 2, 3, 2, 3, 4], np.int64), "w": np.array([-1, 9, 4], np.int64)}
SEPARATE |= {
    "windows": (  # [N, 6, 6, 4] to [N * 4, 9, 4] and back
        "t = Transpose<perm=[0,2,3,1]>(x) c = Slice(t, zero, six, one) a = Reshape(c, r) "
        "b = Transpose<perm=[0,1,3,2,4,5]>(a) w0 = Reshape(b, w) m = MatMul(w0, k) p = Softmax<axis=-1>(m) "
        "q = Add(p, bias) d = Reshape(q, back) e = Transpose<perm=[0,1,3,2,4,5]>(d) y = Reshape(e, s)",
        {
            "six": np.array([6], np.int64),
            "k": np.eye(4, dtype=np.float32),
            "bias": np.linspace(0, 1, 36, dtype=np.float32).reshape(9, 4),
            "back": np.array([-1, 2, 2, 3, 3, 4], np.int64),
            "s": np.array([-1, 6, 6, 4], np.int64),
            **WINDOWS,
        },
    ),
    "the batch second, and in heads": (  # [7, N, 24] to [N * 4, 7, 6]
        "t = Transpose<perm=[2,0,1,3]>(x) l = Reshape(t, flat) h = Reshape(l, heads) b = Transpose<perm=[1,0,2]>(h) "
        "k = Transpose<perm=[0,2,1]>(b) m = MatMul(b, k) p = Softmax<axis=-1>(m) c = MatMul(p, b) "
        "u = Transpose<perm=[1,0,2]>(c) v = Reshape(u, flat) y = Transpose<perm=[1,0,2]>(v)",
        {"flat": np.array([7, -1, 24], np.int64), "heads": np.array([7, -1, 6], np.int64)},
    ),
}
MIXED |= {
    "a softmax over windows": (
        "t = Transpose<perm=[0,2,3,1]>(x) c = Slice(t, zero, six, one) a = Reshape(c, r) w0 = Reshape(a, w) "
        "p = Softmax<axis=0>(w0) y = Reshape(p, s)",
        {"six": np.array([6], np.int64), "s": np.array([-1, 6, 6, 4], np.int64), **WINDOWS},
    ),
    "the mean of the windows": (
        "t = Transpose<perm=[0,2,3,1]>(x) c = Slice(t, zero, six, one) a = Reshape(c, r) w0 = Reshape(a, w) "
        "y = ReduceMean<axes=[0], keepdims=1>(w0)",
        {"six": np.array([6], np.int64), **WINDOWS},
    ),
    "half of the windows": (
        "r0 = Reshape(x, s) h = Slice(r0, zero, two, zero) y = Reshape(h, t)",
        {"s": np.array([-1, 42], np.int64), "two": np.array([-2], np.int64), "t": np.array([-1, 1, 42], np.int64)},
    ),
    "scores of other images": (
        "t = Transpose<perm=[1,0,2,3]>(x) r0 = Reshape(t, s) k = Transpose<perm=[0,2,1]>(r0) m = MatMul(r0, k) "
        "p = Softmax<axis=-1>(m) c = MatMul(p, r0) y = Transpose<perm=[1,0,2]>(c)",
        {"s": np.array([4, -1, 42], np.int64)},
    ),
}


NOT_OF_FOUR = {"a row of one image's length", "a channel by the number of images"}  # ONNX Runtime refuses the first


@pytest.mark.parametrize(
    ("body", "batch"), [(body, n) for body in MIXED for n in "N4" if n == "N" or body not in NOT_OF_FOUR]
)
def test_what_mixes_images_is_one_image_and_says_why(body: str, batch: str) -> None:
    text, constants = MIXED[body]
    proto = model(text, f"float[{batch},4,7,6] x", {"zero": ZERO, "one": ONE, **constants})
    module = prepared(imported(proto))
    reason = module.operation.attributes[qd.FIXED].value
    assert any(f'"{node.name or node.output[0]}"' in reason for node in proto.graph.node), reason
    own = [1 if batch == "N" else 4, 4, 7, 6]
    inputs = random_inputs(module, batch=2)
    answers = [run_onnxruntime(proto, x.reshape(own))[0] for x in inputs[0]]
    assert_close(outputs(module, *inputs), [np.stack(answers)], 1e-5)


@pytest.mark.parametrize("body", SEPARATE)
def test_what_keeps_images_apart_answers_as_onnxruntime(body: str) -> None:
    text, constants = SEPARATE[body]
    proto = model(text, constants={"zero": ZERO, "one": ONE, **constants})
    module = prepared(imported(proto))
    inputs = random_inputs(module, batch=3)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 1e-6)


def test_a_region_is_no_scale() -> None:
    """It stands where scales stood in older models; without its mode it is not read."""
    text = 'y = Resize<mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor">(x, r, "", n)'
    sizes = {"r": np.array([0, 0, 0, 0, 1, 1, 1, 1], np.float32), "n": np.array([2, 4, 14, 6], np.int64)}
    proto = model(text, "float[2,4,7,6] x", sizes)
    module = prepared(imported(proto))
    assert qd.FIXED not in module.operation.attributes
    inputs = random_inputs(module, batch=2)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 0)


@pytest.mark.parametrize("batch", ["N", "4", "1"])
@pytest.mark.parametrize(
    ("body", "axis"),
    [
        ("y = Unsqueeze(x, zero)", 1),
        ("y = Transpose<perm=[1, 0, 2, 3]>(x)", 1),
        ("y = Transpose<perm=[1, 2, 3, 0]>(x)", 3),
    ],
)
def test_an_answer_may_have_the_batch_in_any_dimension(body: str, axis: int, batch: str) -> None:
    """In the network it is in front; the result says where the model has it, unless one image cannot tell."""
    proto = model(body, f"float[{batch},4,7,6] x", {"zero": ZERO})
    module = prepared(imported(proto))
    inputs = random_inputs(module, batch=1 if batch == "1" else 4)
    (wanted,) = run_onnxruntime(proto, *inputs)
    said = argument_attributes(main_function(module), 0, RESULTS)
    if batch == "1" and wanted.shape[0] == 1:
        assert qd.BATCH_AXIS not in said
    else:
        assert said[qd.BATCH_AXIS].value == axis
        wanted = np.moveaxis(wanted, axis, 0)
    assert_close(outputs(module, *inputs), [wanted], 1e-6)


def test_a_permutation_without_the_batch_leaves_it_no_place() -> None:
    """Of a broken file: dimension 1 twice, and the batch not at all."""
    node = onnx.helper.make_node("Transpose", ["x"], ["y"], perm=[1, 1, 2])
    look = Look(node, {"x": Place(0, 1)}, {"x": [2, 6, 5]}, [6, 6, 5], 2)
    assert place_after(look, None) is None


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
    assert qd.FIXED in prepared(imported(proto)).operation.attributes


def test_a_fixed_batch_of_one_is_one_image() -> None:
    for text in ("y = Flatten<axis=0>(x)", "y = Unsqueeze(x, zero)", "y = Slice(x, zero, one, zero)"):
        proto = model(text, "float[1,4,7,6] x", {"zero": ZERO, "one": ONE})
        module = prepared(imported(proto))
        inputs = random_inputs(module, batch=1)
        assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 0)


def test_inputs_with_different_first_dimensions_are_no_batch() -> None:
    proto = model("y = MatMul(x, z)", "float[4,3] x, float[1,3,7] z")
    module = prepared(imported(proto))
    assert '"z" [1, 3, 7]' not in module.operation.attributes[qd.FIXED].value
    inputs = [each.astype(np.float32) for each in random_inputs(module, batch=2)]
    wanted = [run_onnxruntime(proto, x, z[None])[0] for x, z in zip(*inputs, strict=True)]
    assert_close(outputs(module, *inputs), [np.stack(wanted)], 1e-5)


def test_weights_that_are_no_constants_yet_mix_no_images() -> None:
    """What is wrong is said as it is."""
    constants = {"q": np.ones((5, 4, 3, 3), np.float32)}
    proto = model("w = RandomNormalLike(q) y = Conv(x, w)", "float[N,4,7,6] x", constants)
    with pytest.raises(ModelError, match=r'"w" \(RandomNormalLike\)') as caught:
        prepared(imported(proto))
    assert "batch" not in str(caught.value)


QUERY = {"f": np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 4, 6), "h": np.array([-1, 2, 3], np.int64)}


def test_a_constant_that_is_repeated_in_heads_is_one_for_every_image() -> None:
    """A query of the model's own: [N, 4, 6], its heads [N * 2, 4, 3] in turn."""
    text = (
        "d = Shape<end=1>(x) c = Concat<axis=0>(d, k) q = Expand(f, c) r = Reshape(q, two) "
        "t = Transpose<perm=[0,2,1,3]>(r) a = Reshape(t, flat) z = Reshape(x, rows) m = MatMul(a, z) "
        "y = Reshape(m, back)"
    )
    constants = {
        **QUERY,
        "k": np.array([4, 6], np.int64),
        "two": np.array([-1, 4, 2, 3], np.int64),
        "flat": np.array([-1, 4, 3], np.int64),
        "rows": np.array([-1, 3, 28], np.int64),
        "back": np.array([-1, 2, 4, 28], np.int64),
    }
    proto = model(text, constants=constants)
    module = prepared(imported(proto))
    inputs = random_inputs(module, batch=3)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 1e-5)


@pytest.mark.parametrize(
    ("picked", "good"),
    [("Gather<axis=0>(v, r)", True), ("Slice(v, zero, one, zero)", False), ("Gather<axis=0>(v, zero)", False)],
)
def test_which_tokens_are_valid_is_computed_for_each_sentence(picked: str, good: bool) -> None:
    """By the numbers of all sentences it is; by that of the first one it is not."""
    text = (
        f"d = Shape<end=1>(ids) n = Squeeze(d) r = Range(zero0, n, one0) g = GreaterOrEqual(ids, one) "
        f"v = Cast<to=7>(g) p = {picked} e = Gather(table, ids) t = Transpose<perm=[0,2,1]>(e) s = MatMul(e, t) "
        "b = Cast<to=9>(p) "
        "u = Unsqueeze(b, one) w = Where(u, s, low) q = Softmax(w) y = MatMul(q, e)"
    )
    constants = {
        "zero": ZERO,
        "one": ONE,
        "zero0": np.array(0, np.int64),
        "one0": np.array(1, np.int64),
        "low": np.array(-1e9, np.float32),
        "table": [9, 6],
    }
    proto = model(text, "int64[N,5] ids", constants)
    if good:
        assert operations(prepared(imported(proto))).count("attention") == 1
        return
    assert qd.FIXED in prepared(imported(proto)).operation.attributes
