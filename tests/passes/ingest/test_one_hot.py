"""Whole numbers of an input become rows with one entry set: rows of a table, in integers as well."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support.onnx_models import run_onnxruntime

import dyadic
from dyadic.runtime.errors import UsageError

IDS = np.random.default_rng(0).integers(0, 7, (16, 5))
WEIGHT = np.random.default_rng(1).normal(0, 1, (7, 3)).astype(np.float32)


@pytest.mark.parametrize("axis", [-1, 1])
def test_of_an_input(axis: int) -> None:
    body = f"h = OneHot<axis = {axis}>(ids, depth, v) t = Transpose<perm = {[0, 2, 1] if axis == 1 else [0, 1, 2]}>(h)"
    text = f'<ir_version: 8, opset_import: ["" : 17]> main (int64[N,5] ids) => (float y) {{ {body} y = MatMul(t, w) }}'
    proto = onnx.parser.parse_model(text)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    constants = {"depth": np.array(7), "v": np.array([0, 1], np.float32), "w": WEIGHT}
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    artifact = dyadic.compile(proto, calibration=[{"ids": one[None]} for one in IDS], isa=["x86-64"])
    with artifact.load(max_batch=len(IDS)) as session:
        (wanted,) = run_onnxruntime(proto, IDS)  # pyright: ignore[reportArgumentType]
        np.testing.assert_allclose(session(IDS), wanted, atol=0.06)
        with pytest.raises(UsageError, match="from 0 to 6"):
            session(IDS[:1] + 7)


def test_of_torch() -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(7, 3)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.linear(torch.nn.functional.one_hot(ids, 7).float())

    module, ids = Network().eval(), torch.from_numpy(IDS)
    artifact = dyadic.compile(
        module, calibration=[{"ids": one[None]} for one in IDS], isa=["x86-64"], example_inputs=(ids[:1],)
    )
    with artifact.load(max_batch=len(IDS)) as session:
        np.testing.assert_allclose(session(IDS), module(ids).detach().numpy(), atol=0.03)
