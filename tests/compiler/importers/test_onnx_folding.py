"""Small files that ask for much: each ends with ResourceError, in moments and without the memory that it asks for."""

import resource
import time

import numpy as np
import pytest
from support.meaning import assert_close, outputs, prepared, random_inputs
from support.onnx_models import complaint, imported, model, run_onnxruntime

from dyadic.runtime.errors import DyadicError, ModelError, ResourceError

MUCH = np.array([1 << 33], np.int64)
WIDE = np.array([8192, 8192], np.int64)
END = "f = Cast<to=1>(z) r = ReduceMean<keepdims=0>(f) y = Add(x, r)"
SCALARS = {"zero": np.array(0, np.int64), "one": np.array(1, np.int64), "far": np.array(1 << 40, np.int64)}

BOMBS = {
    "range": (f"z = Range(zero, far, one) {END}", SCALARS),
    "range of a computed length": (f"g = Mul(far, one) z = Range(zero, g, one) {END}", SCALARS),
    "constant of shape": (f"z = ConstantOfShape(s) {END}", {"s": MUCH}),
    "expand": (f"z = Expand(v, s) {END}", {"s": MUCH, "v": np.array([3], np.int64)}),
    "expand of floats": (f"z = Expand(v, s) {END}", {"s": WIDE, "v": [1]}),
    "tile": (f"z = Tile(v, s) {END}", {"s": MUCH, "v": np.array([3], np.int64)}),
    "a concat doubled": (
        "c0 = Shape(x) "
        + " ".join(f"c{i + 1} = Concat<axis=0>(c{i}, c{i})" for i in range(34))
        + " z = Neg(c34) "
        + END,
        {},
    ),
    "pad": (f"z = Pad(v, s) {END}", {"v": [1], "s": np.array([0, 1 << 33], np.int64)}),
    "one hot": (f"z = OneHot(v, s, v) {END}", {"v": np.array([0, 1], np.int64), "s": MUCH}),
    "a product": (f"e = Expand(v, s) z = MatMul(e, e) {END}", {"s": WIDE // 2, "v": [1]}),
    "an integer product": (
        f"e = Expand(v, s) z = MatMul(e, e) {END}",
        {"s": WIDE // 4, "v": np.array([1], np.int64)},
    ),
    "einsum": (
        f'z = Einsum<equation="{",".join("abcdef")}->">({",".join("v" * 6)}) {END}',
        {"v": [64]},
    ),
    "resize": (f"z = Resize(v, , , s) {END}", {"v": [1, 1, 4, 4], "s": np.array([1, 1, 1 << 15, 1 << 15], np.int64)}),
    "resize, slowly": (f"z = Resize(v, , , s) {END}", {"v": [1, 1, 4, 4], "s": np.array([1, 1, 4000, 4000], np.int64)}),
    "in a branch": (
        "y = If(c) <then_branch = t () => (float v) { z = Range(zero, far, one) f = Cast<to=1>(z) "
        "r = ReduceMean<keepdims=0>(f) v = Add(x, r) }, else_branch = e () => (float v) { v = Tanh(x) }>",
        {"c": np.array(True), **SCALARS},
    ),
    "a long row of the input, cast": (
        f"q = Reshape(x, m) i = Slice(q, m0, m1) e = Expand(i, s) n = Shape(e) z = ConstantOfShape(n) {END}",
        {"m": np.array([-1], np.int64), "s": MUCH, "m0": np.array([0], np.int64), "m1": np.array([1], np.int64)},
    ),
    "twenty expands": (
        " ".join(f"e{i} = Expand(v{i}, s) m{i} = ReduceMean<keepdims=0>(e{i})" for i in range(20))
        + f" z = Sum({', '.join(f'm{i}' for i in range(20))}) {END}",
        {"s": WIDE // 4, **{f"v{i}": [1] for i in range(20)}},
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_small_files_that_ask_for_much(bomb: str) -> None:
    body, constants = BOMBS[bomb]
    proto = model(body, constants=constants)
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = complaint(ResourceError, proto)
    assert "does not depend on the input" in said
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700 << 10  # KiB


@pytest.mark.parametrize(
    ("body", "constants"),
    [
        ("y = Conv<pads=[0,0,1000000,1000000]>(x, w)", {"w": [3, 4, 3, 3]}),
        ("y = Pad(x, p)", {"p": np.array([0, 0, 0, 0, 0, 0, 40_000, 40_000], np.int64)}),
        ("y = MaxPool<kernel_shape=[2,2], pads=[1,1,1,1], strides=[1,1]>(x)", {}),
    ],
)
def test_tensors_of_the_network_that_are_too_large(body: str, constants: dict[str, list[int]]) -> None:
    proto = model(body, "float[N,4,30000,20000] x" if "MaxPool" in body else "float[N,4,7,6] x", constants)
    said = complaint(ResourceError, proto)
    assert "numbers for one image" in said and ('"y"' in said or '"x"' in said)


def test_windows_so_large_that_sizes_turn_negative() -> None:
    for body in ("y = Conv<dilations=[1099511627776,1099511627776]>(x, w)", "y = AveragePool<kernel_shape=[99,99]>(x)"):
        assert '"y"' in complaint(ModelError, model(body, constants={"w": [3, 4, 3, 3]}))


def test_constants_of_usual_size_are_computed() -> None:
    """A table of positions, a mask and a product of two weights, as exporters leave them."""
    body = """
        r = Range(zero, h, one) f = Cast<to=1>(r) c = Reshape(f, s) g = Expand(c, t) m = MatMul(a, b) k = Transpose(m)
        d = MatMul(x, k) y = Add(d, g)
    """
    constants = {
        **SCALARS,
        "h": np.array(7, np.int64),
        "s": np.array([1, 1, 7, 1], np.int64),
        "t": np.array([1, 4, 7, 6], np.int64),
        "a": [6, 9],
        "b": [9, 6],
    }
    proto = model(body, constants=constants)
    module = prepared(imported(proto))
    inputs = random_inputs(module)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 1e-5)


def test_no_bomb_gets_past_the_classes_of_errors() -> None:
    for body, constants in BOMBS.values():
        with pytest.raises(DyadicError):
            prepared(imported(model(body, constants=constants)))
