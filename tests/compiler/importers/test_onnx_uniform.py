"""Weights of one number are held as that number, and mean what they meant."""

import numpy as np
import pytest
from support.meaning import assert_close, outputs, prepared, random_inputs
from support.onnx_models import Constants, complaint, imported, model, run_onnxruntime
from torch_mlir import ir

from dyadic.compiler.importers import onnx_uniform
from dyadic.dialects import qd
from dyadic.dialects.reference import main_function
from dyadic.runtime.errors import ModelError, ResourceError

FILLED = "w = ConstantOfShape<value = float[1] {0.25}>(s)"
CONV: Constants = {"s": np.array([4096, 4, 2, 2])}
GEMM: Constants = {"s": np.array([168, 400])}
GEMM_BODY = f"{FILLED} f = Flatten(x) y = Gemm(f, w)"


@pytest.mark.parametrize(
    ("body", "constants"),
    [
        (f"{FILLED} y = Conv(x, w)", CONV),
        (f"{FILLED} f = Flatten(x) y = MatMul(f, w)", GEMM),
        (GEMM_BODY, GEMM),
        (
            f"{FILLED} v = Mul(w, c) y = Conv(x, v)",
            {**CONV, "c": [4096, 1, 1, 1]},
        ),
    ],
)
def test_it_means_what_it_meant(body: str, constants: Constants) -> None:
    proto = model(body, constants=constants)
    module = prepared(imported(proto))
    inputs = random_inputs(module)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 2e-6)


@pytest.mark.parametrize("body", [f"{FILLED} y = Conv(x, w)", GEMM_BODY])
def test_it_stays_one_number(body: str) -> None:
    module = prepared(imported(model(body, constants=CONV if "Conv" in body else GEMM)))
    ops = [op.opview for op in main_function(module).regions[0].blocks[0].operations]
    weights = [op.value for op in ops if isinstance(op, qd.ConstantOp) and len(op.value) >= onnx_uniform.FEWEST]
    assert weights and all(isinstance(each, ir.DenseElementsAttr) and each.is_splat for each in weights)


def test_too_many_are_refused() -> None:
    said = complaint(ResourceError, model(GEMM_BODY, constants={"s": np.array([168, 1_000_000])}))
    assert said.startswith('"w" (ConstantOfShape) makes 168000000 weights of one number')


def test_infinite_ones_are_refused() -> None:
    proto = model(f"{FILLED} y = Conv(x, w)", constants=CONV)
    proto.graph.node[0].attribute[0].t.float_data[:] = [np.inf]
    assert "contains 1 infinite values" in complaint(ModelError, proto)
