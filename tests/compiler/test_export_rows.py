"""What works along rows is exported in integers: ONNX Runtime gives the artifact's, bit for bit of the same input."""

from typing import Any

import numpy as np
import onnx
import pytest
from support.onnx_models import model
from support.quantized_models import IntegerReference, answers_of_onnxruntime

from dyadic.compiler.driver import network_after
from dyadic.compiler.export.qdq import to_onnx
from dyadic.compiler.job import Job
from dyadic.runtime.errors import UsageError

RANDOM = np.random.default_rng(9)
ROWS, IDS = "float[N,5,12] x", "int64[N,6] ids"
X = {"x": RANDOM.normal(size=(32, 5, 12)).astype(np.float32)}
W, V, G, B = (RANDOM.normal(size=size).astype(np.float32) / 2 for size in ((12, 12), (12, 12), (12,), (12,)))
HEADS = "q = MatMul(x, w) k = MatMul(x, v) t = Transpose<perm=[0,2,1]>(k) s = MatMul(q, t)"
Case = tuple[str, str, dict[str, Any], dict[str, np.ndarray]]
CASES: dict[str, Case] = {
    "softmax": ("p = Softmax<axis=-1>(x) y = Mul(p, g)", ROWS, {"g": G}, X),
    "norm": ("y = LayerNormalization<axis=-1>(x, g, b)", ROWS, {"g": G, "b": B}, X),
    "root mean square": (
        "s = Mul(x, x) v = ReduceMean<axes=[-1]>(s) e = Add(v, eps) r = Sqrt(e) d = Div(x, r) y = Mul(d, g)",
        ROWS, {"g": G, "eps": np.array(1e-5, np.float32)}, X,
    ),
    "attention": (f"{HEADS} p = Softmax<axis=-1>(s) y = MatMul(p, x)", ROWS, {"w": W, "v": V}, X),
    "biased attention": (
        f"{HEADS} z = Add(s, c) p = Softmax<axis=-1>(z) y = MatMul(p, x)", ROWS,
        {"w": W, "v": V, "c": np.triu(np.full((5, 5), -1e4, np.float32), 1)}, X,
    ),
    "masked attention": (
        "f = Cast<to=1>(mask) m = Sub(one, f) n = Mul(m, far) u = Unsqueeze(n, axis) "
        f"{HEADS} z = Add(s, u) p = Softmax<axis=-1>(z) y = MatMul(p, x)", f"{ROWS}, int64[N,5] mask",
        {"w": W, "v": V, "one": np.ones(1, np.float32), "far": np.full(1, -1e4, np.float32), "axis": np.array([1])},
        X | {"mask": (np.arange(5) < np.arange(32)[:, None] % 5 + 1).astype(np.int64)},
    ),
    "larger": (
        'y = Resize<mode="linear">(x, , s)', "float[N,3,6,6] x", {"s": np.array([1, 1, 1.7, 2.3], np.float32)},
        {"x": RANDOM.normal(size=(8, 3, 6, 6)).astype(np.float32)},
    ),
    "embedding": (
        "e = Gather(t, ids) y = MatMul(e, w)", IDS, {"t": RANDOM.normal(size=(20, 12)).astype(np.float32), "w": W},
        {"ids": RANDOM.integers(0, 20, (9, 6))},
    ),
    "the larger": ("a = MatMul(x, w) b = MatMul(x, v) y = Max(a, b)", ROWS, {"w": W, "v": V}, X),
}  # fmt: skip


def exported(case: Case, precision: Any) -> tuple[np.ndarray, onnx.ModelProto]:
    body, inputs, constants, feeds = case
    job = Job(model(body, inputs, constants), feeds, precision=precision, progress="off")
    network = network_after("integerize", job)
    with network.context:
        (answer,) = IntegerReference(network)(feeds).values()
        return answer, to_onnx(network)


@pytest.mark.parametrize("precision", ["int8", "w8a16"])
@pytest.mark.parametrize("name", CASES)
def test_onnxruntime_gives_the_same_integers(name: str, precision: str) -> None:
    mine, file = exported(CASES[name], precision)
    onnx.checker.check_model(file, full_check=True)
    (theirs,) = answers_of_onnxruntime(file.SerializeToString(), CASES[name][3])
    assert (~np.isclose(mine, theirs, rtol=1e-6, atol=1e-7)).mean() < 0.005  # ties of the input's own rounding


def test_rows_that_are_too_long_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dyadic.compiler.export.rows.MOST_SUMS", 1000)
    with pytest.raises(UsageError, match="weighs rows of 5 numbers, too many"):
        exported(CASES["attention"], "int8")
    monkeypatch.setattr("dyadic.compiler.export.rows.LONGEST_SHORT", 11)
    with pytest.raises(UsageError, match="normalizes rows of 12 numbers; up to 11"):
        exported(CASES["norm"], "int8")
