"""Layers whose input is quantized at run time: as ONNX Runtime writes them, taken with the weights' own codes."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.quantized_models import answers_here, answers_of_onnxruntime

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects import qi
from dyadic.dialects.reference import main_function

SEED = 11
MICROSOFT = "com.microsoft"


def model(nodes: list[onnx.NodeProto], constants: dict[str, Any], shape: list[Any], opset: int = 12) -> onnx.ModelProto:
    """x of a shape to y, of ONNX Runtime's operators, too."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(helper.make_graph(nodes, "tiny", [x], [y], tensors), opset_imports=domains, ir_version=8)


def codes_of(network: Any) -> list[np.ndarray]:
    ops = [op.opview for op in main_function(network).operation.regions[0].blocks[0].operations]
    return [np.array(op.value) for op in ops if isinstance(op, qi.ConstantOp) and np.array(op.value).dtype == np.int8]


def test_a_bias_that_is_added_as_integers_is_the_layers() -> None:
    """As old quantizers wrote it: Floor(bias / (scale of x * scale of w)), reshaped, added before the Cast."""
    random = np.random.default_rng(SEED)
    codes, scale = random.integers(0, 256, (8, 3, 3, 3)), 0.013
    constants = {
        "w": codes.astype(np.uint8), "ws": np.float32(scale), "wz": np.uint8(128),
        "b": random.normal(size=8).astype(np.float32) * 20, "sizes": np.array([1, -1, 1, 1]),
    }  # fmt: skip
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"], "q"),
        helper.make_node("Mul", ["qs", "ws"], ["bias_scale"], "scale_node"),
        helper.make_node("Div", ["b", "bias_scale"], ["b1"], "div"),
        helper.make_node("Floor", ["b1"], ["b2"], "floor"),
        helper.make_node("Cast", ["b2"], ["b3"], "cast", to=TensorProto.INT32),
        helper.make_node("Reshape", ["b3", "sizes"], ["b4"], "reshape"),
        helper.make_node("ConvInteger", ["q", "w", "qz", "wz"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c", "b4"], ["a"], "add"),
        helper.make_node("Cast", ["a"], ["f"], "back", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["qs", "ws"], ["scales"], "scales"),
        helper.make_node("Mul", ["f", "scales"], ["y"], "end"),
    ]
    file, x = model(nodes, constants, [1, 3, 8, 8]), random.normal(size=(24, 3, 8, 8)).astype(np.float32)
    (mine,), network = answers_here(file, {"x": x}, {"x": x})
    theirs = np.concatenate([answers_of_onnxruntime(file.SerializeToString(), {"x": one[None]})[0] for one in x])
    assert np.abs(mine - theirs).max() < 0.03 * np.abs(theirs).max()
    with network.context:
        wanted = (codes - 128).transpose(0, 2, 3, 1)
        assert any(np.array_equal(wanted, held) for held in codes_of(network))


@pytest.mark.parametrize("columns", [False, True])
def test_an_lstm_has_the_weights_that_its_codes_stand_for(columns: bool) -> None:
    random = np.random.default_rng(SEED)
    ways, size, features, steps = 2, 12, 10, 7
    scale = random.uniform(0.004, 0.006, (ways, 4 * size) if columns else ways).astype(np.float32)
    constants = {
        "w": random.integers(-100, 101, (ways, features, 4 * size)).astype(np.int8),
        "r": random.integers(-100, 101, (ways, size, 4 * size)).astype(np.int8),
        "b": random.normal(size=(ways, 8 * size)).astype(np.float32) * 0.2,
        "s": scale, "z": np.zeros(scale.shape, np.int8),
    }  # fmt: skip
    inputs = ["t", "w", "r", "b", "", "", "", "", "s", "z", "s", "z"]
    said = {"hidden_size": size, "direction": "bidirectional", "domain": MICROSOFT}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "time_first", perm=[1, 0, 2]),
        helper.make_node("DynamicQuantizeLSTM", inputs, ["h"], "lstm", **said),
        helper.make_node("Transpose", ["h"], ["y"], "turned", perm=[2, 0, 1, 3]),
    ]
    file = model(nodes, constants, ["N", steps, features])
    x = random.normal(size=(32, steps, features)).astype(np.float32)
    (mine,), _ = answers_here(file, {"x": x}, {"x": x})
    (theirs,) = answers_of_onnxruntime(file.SerializeToString(), {"x": x})
    assert np.abs(mine - theirs).max() < 0.1
    assert np.abs(mine - theirs).mean() < 0.01


def test_the_user_is_told_that_ranges_are_learned() -> None:
    random = np.random.default_rng(SEED)
    constants = {"w": random.integers(-100, 101, (6, 4)).astype(np.int8), "s": np.float32(0.01), "z": np.int8(0)}
    nodes = [helper.make_node("DynamicQuantizeMatMul", ["x", "w", "s", "z"], ["y"], "product", domain=MICROSOFT)]
    file, x = model(nodes, constants, ["N", 6]), random.normal(size=(16, 6)).astype(np.float32)
    with pytest.warns(RuntimeWarning, match="1 layers of the model find the range of their input at every run"):
        network_after("prepare", Job(file, {"x": x}))
