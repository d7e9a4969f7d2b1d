"""What transformers are written with means in `qd` what PyTorch and ONNX Runtime compute, and is left as few ops."""

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from support.aten_operators import remember
from support.meaning import assert_close, operations, outputs, prepared, random_inputs
from support.onnx_models import model, run_onnxruntime
from support.torch_modules import imported, made
from support.transformer_cases import ATEN, ONNX

from dyadic.compiler.importers.onnx import import_onnx
from dyadic.dialects import new_context
from dyadic.runtime.errors import ModelError


def sizes_within_reach(inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Small enough that no softmax is all at one place."""
    return [x * 0.3 for x in inputs]


@pytest.mark.parametrize("title", ATEN)
def test_torch(title: str) -> None:
    compute, parts, left = ATEN[title]
    module = made(compute, **parts)()
    network = imported(module)
    remember(f"{title} of transformers", network)
    prepared(network)
    (x,) = sizes_within_reach(random_inputs(network))
    assert_close(outputs(network, x), [module(torch.from_numpy(x)).detach().numpy()], 4e-6)
    if left is not None:
        assert sorted(operations(network)) == sorted(left)


@pytest.mark.parametrize("title", ONNX)
def test_onnx(title: str) -> None:
    opset, body, constants, left = ONNX[title]
    proto = model(body, constants=constants, opset=opset)
    network = prepared(import_onnx(proto, new_context()))
    inputs = sizes_within_reach(random_inputs(network))
    if opset > 20:  # of which ONNX Runtime has not all
        wanted = [np.asarray(y) for y in ReferenceEvaluator(proto).run(None, {"x": inputs[0]})]
    else:
        wanted = run_onnxruntime(proto, *inputs)
    assert_close(outputs(network, *inputs), wanted, 4e-6)
    if left is not None:
        assert operations(network) == left


@pytest.mark.parametrize(
    ("body", "constants", "reason"),
    [
        ("y = Pow(x, p)", {"p": np.array([1, 2, 3, 4, 5, 6], np.float32)}, "its exponents differ"),
        ("y = Pow(p, x)", {"p": np.array(-1.5, np.float32)}, "not positive to computed powers"),
    ],
)
def test_refusals_say_why(body: str, constants: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        prepared(import_onnx(model(body, "float[1,4,7,6] x", constants, opset=13), new_context()))
