"""Models that are quantized already keep their scales, zero points and codes, and answer as ONNX Runtime has them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.quantized_models import (
    answers_here,
    answers_of_onnxruntime,
    float_network,
    quantized,
    samples,
    step_of_output,
)

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import activation
from dyadic.runtime.errors import UsageError

FORMS = ("QDQ", "QOperator")
TYPES = (("QUInt8", "QInt8"), ("QInt8", "QInt8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quantized")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("activations", "weights"), TYPES)
@pytest.mark.parametrize("each", [False, True])
def test_answers_are_those_of_onnxruntime(folder: Path, form: str, activations: str, weights: str, each: bool) -> None:
    """Without calibration data: everything is given. A step at the output: halves are rounded up, there to even."""
    path = quantized(folder, float_network(), form, activations, weights, each)
    x = samples(64)
    (mine,), _ = answers_here(str(path), {"x": x})
    (theirs,) = answers_of_onnxruntime(str(path), {"x": x})
    steps = np.rint((mine - theirs) / step_of_output(onnx.load(path)))
    assert np.abs(steps).max() <= 1
    assert (steps != 0).mean() < 0.05


def test_scales_zero_points_and_codes_are_kept_bit_for_bit(folder: Path) -> None:
    path = quantized(folder, float_network(), "QDQ", "QInt8", "QInt8", True)
    model = onnx.load(path)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    _, network = answers_here(str(path), {"x": samples(1)})
    with network.context:
        ops = [op.opview for op in main_function(network).operation.regions[0].blocks[0].operations]
        seen = {np.array(op.value).tobytes() for op in ops if isinstance(op, qi.ConstantOp)}
        for name, axes in (("w1", (0, 2, 3, 1)), ("w3", (0, 2, 3, 1)), ("w4", (0, 1))):
            codes = constants[f"{name}_quantized"]
            assert np.ascontiguousarray(codes.transpose(axes)).tobytes() in seen, name
        kinds = {
            (k.scale, k.zero_point)
            for op in ops
            for result in op.operation.results
            if (k := activation(result)) is not None
        }
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero_point = (constants[name] for name in node.input[1:])
            assert (float(scale), int(zero_point) + 128) in kinds, node.name


def test_what_is_not_given_is_learned_and_named_where_there_are_no_samples(folder: Path) -> None:
    """Without the quantization of the result, the last layer has no range."""
    path = quantized(folder, float_network(), "QDQ", "QUInt8", "QInt8", True)
    model = onnx.load(path)
    last = next(node for node in model.graph.node if node.name == "classes")
    behind = [node for node in model.graph.node if "y_" in "".join(node.name) and node.op_type.endswith("Linear")]
    kept = [node for node in model.graph.node if node not in behind]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    next(node for node in model.graph.node if node.name == last.name).output[0] = "y"
    with pytest.raises(UsageError, match='says how tensors are quantized, but not "classes"'):
        answers_here(model, {"x": samples(1)})
    (mine,), _ = answers_here(model, {"x": samples()}, {"x": samples()})
    (theirs,) = answers_of_onnxruntime(model.SerializeToString(), {"x": samples()})
    assert np.abs(mine - theirs).max() < 0.05 * np.abs(theirs).max()
