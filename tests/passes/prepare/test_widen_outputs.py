"""Results have 16 bits where the user wants that, through moves and clamps."""

from pathlib import Path

import numpy as np
import pytest
from support.onnx_models import model, run_onnxruntime

import dyadic
from dyadic.compiler.options import Precision

NETWORK = "a = Conv <pads = [1, 1, 1, 1]> (x, w)  r = Relu (a)  y = Reshape (r, sizes)"
RANDOM = np.random.default_rng(0)
CONSTANTS = {"w": RANDOM.normal(0, 0.3, (4, 4, 3, 3)).astype(np.float32), "sizes": np.array([0, -1])}
X = RANDOM.standard_normal((8, 4, 7, 6)).astype(np.float32)


@pytest.mark.parametrize("precision", ["int8", "w4a4"])
def test_results_are_as_fine_as_16_bits(precision: Precision, tmp_path: Path) -> None:
    proto = model(NETWORK, constants=CONSTANTS)
    steps = {}
    for wide in (False, True):
        artifact = dyadic.compile(
            proto,
            calibration=[{"x": x[None]} for x in X],
            isa=["x86-64"],
            precision=precision,
            wide_outputs=wide,
            measure=False,
            progress="off",
        )
        artifact.save(tmp_path / "m.dyq")
        with dyadic.load(tmp_path / "m.dyq", max_batch=len(X)) as session:
            (y,) = session.run(None, {"x": X})
        steps[wide] = len(np.unique(y))
    want = np.concatenate([run_onnxruntime(proto, x[None])[0] for x in X])
    most = 1 << (8 if precision == "int8" else 4)
    assert steps[False] <= most < steps[True]
    if precision == "int8":
        assert np.abs(y - want).max() <= 0.02 * want.max()
