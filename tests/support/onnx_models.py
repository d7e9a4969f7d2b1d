"""Small ONNX models from ONNX's own text, and what ONNX Runtime makes of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from onnx import numpy_helper
from support.meaning import Array
from torch_mlir import ir

from dyadic.compiler.importers.onnx import import_onnx
from dyadic.dialects import new_context
from dyadic.runtime.errors import DyadicError

Constants = Mapping[str, Sequence[int] | np.ndarray]


IMAGE = "float[N,4,7,6] x"


def model(body: str, inputs: str = IMAGE, constants: Constants | None = None, opset: int = 17) -> onnx.ModelProto:
    """`body` computes y from x; constants are given as arrays, or as shapes of which the numbers do not matter."""
    ir_version = 10 if opset > 18 else 8
    text = f'<ir_version: {ir_version}, opset_import: ["" : {opset}]> main ({inputs}) => (float y) {{ {body} }}'
    proto = onnx.parser.parse_model(text)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    random = np.random.default_rng(1)
    for name, given in (constants or {}).items():
        array = given if isinstance(given, np.ndarray) else random.normal(0, 1, given).astype(np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    return proto


def run_onnxruntime(proto: onnx.ModelProto, *inputs: Array) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)}
    return [np.asarray(result) for result in session.run(None, feeds)]


def imported(proto: onnx.ModelProto | bytes | Path, **shapes: list[int]) -> ir.Module:
    return import_onnx(proto, new_context(), shapes)


def complaint(kind: type[DyadicError], proto: onnx.ModelProto | bytes | Path, **shapes: list[int]) -> str:
    """What import says of it, in an error of this kind."""
    with pytest.raises(kind) as caught:
        imported(proto, **shapes)
    return str(caught.value)
