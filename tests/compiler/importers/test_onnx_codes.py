"""Models whose own inputs and outputs are integers of a quantization: sessions take and give these."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support.quantized_models import answers_of_onnxruntime

import dyadic
from dyadic.runtime.errors import UsageError

SEED = 5


def model(form: str, kind: Any, points: tuple[int, int]) -> onnx.ModelProto:
    """A convolution from integers to integers."""
    random = np.random.default_rng(SEED)
    x_scale, w_scale = np.float32(0.03), np.float32(0.01)
    constants = {
        "w": random.integers(-127, 128, (8, 3, 3, 3)).astype(np.int8), "b": random.integers(-999, 999, 8, np.int32),
        "xs": x_scale, "ws": w_scale, "bs": x_scale * w_scale, "ys": np.float32(0.05),
        "xz": kind(points[0]), "wz": np.int8(0), "bz": np.int32(0), "yz": kind(points[1]),
    }  # fmt: skip
    if form == "QOperator":
        inputs = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
        nodes = [helper.make_node("QLinearConv", inputs, ["y"], "conv", pads=[1, 1, 1, 1])]
    else:
        nodes = [
            helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["xr"], "read"),
            helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"], "weights"),
            helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["br"], "biases"),
            helper.make_node("Conv", ["xr", "wr", "br"], ["yr"], "conv", pads=[1, 1, 1, 1]),
            helper.make_node("QuantizeLinear", ["yr", "ys", "yz"], ["y"], "rounded"),
        ]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    ends = [helper.make_tensor_value_info(name, element, ["N", size, 8, 8]) for name, size in (("x", 3), ("y", 8))]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "codes", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize(("kind", "points"), [(np.uint8, (117, 100)), (np.int8, (-11, -28))])
def test_sessions_take_and_give_the_models_integers(form: str, kind: Any, points: Any, tmp_path: Path) -> None:
    file = model(form, kind, points)
    ends = np.iinfo(kind)
    x = np.random.default_rng(SEED).integers(ends.min, ends.max + 1, (4, 3, 8, 8)).astype(kind)
    artifact = dyadic.compile(file, calibration={"x": x}, progress="off", isa=["x86-64"])
    assert artifact.report.comparison is not None and artifact.report.comparison.sqnr_db > 60
    artifact.save(tmp_path / "codes.dyq")
    (theirs,) = answers_of_onnxruntime(file.SerializeToString(), {"x": x})
    with dyadic.load(tmp_path / "codes.dyq", max_batch=4) as session:
        assert session.inputs[0].dtype == session.outputs[0].dtype == kind
        mine = session(x)
        assert mine.dtype == kind
        off = np.abs(mine.astype(int) - theirs)
        assert off.max() <= 1
        assert off.mean() < 0.01
        assert np.array_equal(session(x.astype(np.int64)), mine)
        unsigned = (x.astype(int) + session.inputs[0].zero_point).astype(np.uint8)
        (raw,) = session.run(None, {"x": unsigned}, raw=True)
        assert np.array_equal(raw.astype(int) - session.outputs[0].zero_point, mine)
        with pytest.raises(UsageError, match="takes whole numbers from"):
            session(x.astype(np.int64) + 300)


def test_scales_in_blocks_of_other_rows_are_refused() -> None:
    """Not cut to those of the first image."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"], "codes", axis=1, block_size=2),
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"], "back", axis=1, block_size=2),
    ]
    scale = numpy_helper.from_array(np.array([[1, 2], [3, 4], [5, 6]], np.float32), "s")
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    graph = helper.make_graph(nodes, "blocks", ends[:1], ends[1:], [scale])
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    with pytest.raises(dyadic.DyadicError, match=r"its scales \[3, 2\] in blocks of 2 do not fit \[1, 4\]"):
        dyadic.compile(file, calibration={"x": np.ones((4, 4), np.float32)}, progress="off")
