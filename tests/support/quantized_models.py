"""Small networks, quantized by ONNX Runtime's own quantizer, and what they answer there and here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects.reference import IntegerReference

Array = npt.NDArray[Any]
SEED = 8
OPSET = 21


def float_network() -> onnx.ModelProto:
    """Convolutions (one depthwise), a residual, a pool, a concat and a linear layer: [N, 3, 8, 8] to [N, 5]."""
    random = np.random.default_rng(SEED)

    def weights(name: str, *sizes: int) -> onnx.TensorProto:
        depth = np.prod(sizes[1:]) if len(sizes) > 1 else 4
        return numpy_helper.from_array((random.normal(size=sizes) / np.sqrt(depth)).astype(np.float32), name)

    constants = [
        weights("w1", 8, 3, 3, 3), weights("b1", 8), weights("w2", 8, 1, 3, 3), weights("b2", 8),
        weights("w3", 8, 8, 1, 1), weights("w4", 5, 16), weights("b4", 5),
    ]  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "depthwise", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Conv", ["c2", "w3"], ["c3"], "pointwise"),
        helper.make_node("Add", ["c3", "r1"], ["a"], "residual"),
        helper.make_node("Relu", ["a"], ["r2"], "relu2"),
        helper.make_node("Concat", ["r1", "r2"], ["j"], "join", axis=1),
        helper.make_node("MaxPool", ["j"], ["m"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["m"], ["g"], "mean"),
        helper.make_node("Flatten", ["g"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w4", "b4"], ["y"], "classes", transB=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])
    graph = helper.make_graph(nodes, "tiny", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def samples(count: int = 32) -> Array:
    return np.random.default_rng(SEED).normal(size=(count, 3, 8, 8)).astype(np.float32)


class Reader(CalibrationDataReader):
    """The samples, one at a time."""

    def __init__(self, values: Array) -> None:
        self.left = [{"x": value[None]} for value in values]

    def get_next(self) -> dict[str, Array] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.left.pop() if self.left else None


def quantized(folder: Path, model: onnx.ModelProto, form: str, activations: str, weights: str, each: bool) -> Path:
    """What ONNX Runtime's quantizer makes of a model; `each`: a scale for every output channel."""
    onnx.save(model, folder / "float.onnx")
    path = folder / f"{form}_{activations}_{weights}_{each}.onnx"
    quantize_static(
        str(folder / "float.onnx"),
        str(path),
        Reader(samples()),
        quant_format=QuantFormat[form],
        activation_type=QuantType[activations],
        weight_type=QuantType[weights],
        per_channel=each,
    )
    return path


def answers_of_onnxruntime(model: str | bytes, feeds: dict[str, Array], *names: str) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [np.asarray(each) for each in session.run(list(names) or None, feeds)]


def answers_here(model: Any, feeds: dict[str, Array], calibration: Any = None) -> tuple[list[Array], Any]:
    """What the integers of the compiled network answer, and the network."""
    network = network_after("integerize", Job(model, calibration, progress="off"))
    with network.context:
        return list(IntegerReference(network)(feeds).values()), network


def step_of_output(model: onnx.ModelProto) -> float:
    """The scale of the last quantization."""
    last = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")][-1]
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    return float(numpy_helper.to_array(constants[last.input[1]]).reshape(-1)[0])
