"""What ONNX Runtime fuses means here what it means there."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from support.quantized_models import answers_of_onnxruntime

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects.reference import FloatReference

RANDOM = np.random.default_rng(6)


def weights(*sizes: int) -> Any:
    return RANDOM.normal(size=sizes).astype(np.float32) / 4


CASES: dict[str, tuple[str, list[int], dict[str, Any], dict[str, Any]]] = {  # operator, shape, other inputs, attributes
    "conv relu": ("FusedConv", [3, 6, 6], {"w": weights(4, 3, 3, 3), "b": weights(4)}, {"activation": "Relu"}),
    "conv clip": (
        "FusedConv", [3, 6, 6], {"w": weights(4, 3, 1, 1)}, {"activation": "Clip", "activation_params": [0.0, 0.5]},
    ),
    "conv leaky": (
        "FusedConv", [3, 6, 6], {"w": weights(4, 3, 1, 1)}, {"activation": "LeakyRelu", "activation_params": [0.2]},
    ),
    "gemm": (
        "FusedGemm", [6], {"w": weights(6, 4), "b": weights(4)}, {"activation": "LeakyRelu", "activation_alpha": 0.3},
    ),
    "matmul": ("FusedMatMul", [5, 6], {"w": weights(4, 6)}, {"transB": 1, "alpha": 0.125}),
    "gelu": ("Gelu", [6], {}, {}),
    "bias gelu": ("BiasGelu", [5, 6], {"b": weights(6)}, {}),
    "fast gelu": ("FastGelu", [5, 6], {"b": weights(6)}, {}),
    "quick gelu": ("QuickGelu", [6], {}, {"alpha": 1.5}),
    "skip norm": (
        "SkipLayerNormalization", [5, 6],
        {"s": weights(1, 5, 6), "g": weights(6), "b": weights(6), "c": weights(6)}, {"epsilon": 1e-5},
    ),
    "blocks": (
        "MatMulNBits", [5, 40],
        {
            "w": RANDOM.integers(0, 256, (4, 2, 16)).astype(np.uint8), "s": np.abs(weights(8)),
            "z": RANDOM.integers(0, 256, (4, 1)).astype(np.uint8),
        },
        {"K": 40, "N": 4, "bits": 4, "block_size": 32},
    ),
    "blocks around 8": (
        "MatMulNBits", [5, 32], {"w": RANDOM.integers(0, 256, (4, 2, 8)).astype(np.uint8), "s": np.abs(weights(8))},
        {"K": 32, "N": 4, "bits": 4, "block_size": 16},
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:1 weights are in blocks")
@pytest.mark.parametrize("name", CASES)
def test_a_fused_operator_is_taken_apart(name: str) -> None:
    operator, shape, constants, said = CASES[name]
    node = helper.make_node(operator, ["x", *constants], ["y"], "fused", domain="com.microsoft", **said)
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, *shape])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph([node], "tiny", [x], [y], tensors), opset_imports=domains, ir_version=8)
    values = RANDOM.normal(size=[1, *shape]).astype(np.float32)
    network = network_after("prepare", Job(model, {"x": values}, progress="off"))
    with network.context:
        (mine,) = FloatReference(network)({"x": torch.from_numpy(values)}).values()
    (theirs,) = answers_of_onnxruntime(model.SerializeToString(), {"x": values})
    assert np.abs(mine.numpy() - theirs).max() < 3e-5 * np.abs(theirs).max()
