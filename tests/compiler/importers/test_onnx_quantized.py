"""Models that are quantized already keep their scales, zero points and codes, and answer as ONNX Runtime has them."""

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from support.onnx_models import model
from support.quantized_models import (
    answers_here,
    answers_of_onnxruntime,
    float_network,
    quantized,
    samples,
    step_of_output,
)
from torch_mlir import ir

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects import qi
from dyadic.dialects.reference import IntegerReference, main_function
from dyadic.dialects.tensor_types import activation
from dyadic.runtime.errors import ModelError, UsageError

FORMS = ("QDQ", "QOperator")
TYPES = (("QUInt8", "QInt8"), ("QInt8", "QInt8"), ("QUInt8", "QUInt8"))


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


def graph(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], shape: list[int], opset: int = 21
) -> onnx.ModelProto:
    """x of a shape to y."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    made = helper.make_graph(nodes, "tiny", [x], [y], tensors)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return helper.make_model(made, opset_imports=domains, ir_version=10)


def weights_of(network: ir.Operation) -> list[np.ndarray]:
    ops = [op.opview for op in main_function(network).operation.regions[0].blocks[0].operations]
    return [np.array(op.value) for op in ops if isinstance(op, qi.ConstantOp) and np.array(op.value).dtype == np.int8]


@pytest.mark.parametrize("each", [False, True])
def test_products_quantized_at_run_time_keep_their_codes(folder: Path, each: bool) -> None:
    """Ranges of activations are learned; codes and scales of weights stay."""
    onnx.save(float_network(), folder / "float.onnx")
    path = folder / "dynamic.onnx"
    quantize_dynamic(str(folder / "float.onnx"), str(path), per_channel=each, weight_type=QuantType.QInt8)
    assert "DynamicQuantizeLinear" in {node.op_type for node in onnx.load(path).graph.node}
    (mine,), network = answers_here(str(path), {"x": samples()}, {"x": samples()})
    (theirs,) = answers_of_onnxruntime(str(path), {"x": samples()})
    assert np.abs(mine - theirs).max() < 0.05 * np.abs(theirs).max()
    model = onnx.load(path)
    codes = next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name.startswith("w1_quantized"))
    with network.context:
        assert any(np.array_equal(codes.transpose(0, 2, 3, 1), held) for held in weights_of(network))


@pytest.mark.parametrize(("kind", "low", "high"), [(np.int8, -128, 127), (ml_dtypes.int4, -8, 7)])
def test_constants_that_are_dequantized_keep_their_codes(kind: type, low: int, high: int) -> None:
    """The smallest code, too, which weights of our own never have."""
    random = np.random.default_rng(3)
    codes = random.integers(low, high + 1, (4, 6))
    codes[0, 0], codes[1, 1] = low, high
    scale = random.uniform(0.01, 0.02, 4).astype(np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["r"], "weights", axis=0),
        helper.make_node("Gemm", ["x", "r"], ["y"], "linear", transB=1),
    ]
    model = graph(nodes, {"w": codes.astype(kind), "s": scale, "z": np.zeros(4, kind)}, [6])
    x = random.normal(size=(32, 6)).astype(np.float32)
    (mine,), network = answers_here(model, {"x": x}, {"x": x})
    wanted = x @ (codes * scale[:, None]).T
    assert np.abs(mine - wanted).max() < 0.03 * np.abs(wanted).max()
    with network.context:
        assert any(np.array_equal(codes, held) for held in weights_of(network))


def test_blocks_with_scales_of_their_own_are_numbers() -> None:
    random = np.random.default_rng(4)
    codes, scale = random.integers(0, 16, (3, 8)), random.uniform(0.1, 0.2, (3, 2)).astype(np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["r"], "weights", axis=1, block_size=4),
        helper.make_node("Gemm", ["x", "r"], ["y"], "linear", transB=1),
    ]
    points = np.full((3, 2), 7).astype(ml_dtypes.uint4)
    model = graph(nodes, {"w": codes.astype(ml_dtypes.uint4), "s": scale, "z": points}, [8])
    x = random.normal(size=(32, 8)).astype(np.float32)
    with pytest.warns(RuntimeWarning, match="1 weights are in blocks with scales of their own"):
        (mine,), _ = answers_here(model, {"x": x}, {"x": x})
    wanted = x @ ((codes - 7) * np.repeat(scale, 4, 1)).T
    assert np.abs(mine - wanted).max() < 0.03 * np.abs(wanted).max()


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_quant_of_qonnx(bits: int) -> None:
    """Any width up to 8: weights by channel, activations signed and not."""
    random = np.random.default_rng(5)
    weight = random.normal(size=(4, 6)).astype(np.float32)
    scale = (np.abs(weight).max(1, keepdims=True) / (2 ** (bits - 1) - 1)).astype(np.float32)
    numbers = {"xs": 0.11, "ys": 0.23, "zero": 0, "bits": bits}
    constants = {"w": weight, "ws": scale} | {name: np.array(value, np.float32) for name, value in numbers.items()}
    general = {"domain": "qonnx.custom_op.general", "rounding_mode": "ROUND"}
    nodes = [
        helper.make_node("Quant", ["x", "xs", "zero", "bits"], ["q"], "input", signed=1, narrow=0, **general),
        helper.make_node("Quant", ["w", "ws", "zero", "bits"], ["r"], "weights", signed=1, narrow=1, **general),
        helper.make_node("Gemm", ["q", "r"], ["g"], "linear", transB=1),
        helper.make_node("Relu", ["g"], ["p"], "relu"),
        helper.make_node("Quant", ["p", "ys", "zero", "bits"], ["y"], "output", signed=0, narrow=0, **general),
    ]
    x = random.normal(size=(64, 6)).astype(np.float32) * 3
    (mine,), _ = answers_here(graph(nodes, constants, [6]), {"x": x})
    top = 2 ** (bits - 1)
    read = np.clip(np.rint(x / np.float32(0.11)), -top, top - 1) * 0.11
    real = np.clip(np.rint(weight / scale), 1 - top, top - 1) * scale
    wanted = np.clip(np.rint(np.maximum(read @ real.T, 0) / 0.23), 0, 2**bits - 1)
    assert np.abs(np.rint(mine / 0.23) - wanted).max() <= 1
    assert (np.rint(mine / 0.23) != wanted).mean() < 0.02


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (helper.make_node("QLinearAdd", ["x", "s"], ["codes"], "sum", domain="com.microsoft"), '"sum"'),
        (helper.make_node("QuantizeLinear", ["x", "none"], ["codes"], "q"), '"q" .QuantizeLinear.: it has no scale'),
        (helper.make_node("QuantizeLinear", ["x", "minus"], ["codes"], "q"), "its scale -1 is not positive and finite"),
        (helper.make_node("QuantizeLinear", ["x", "s", "float"], ["codes"], "q"), "floats of 8 bits or fewer"),
    ],
)
def test_what_is_broken_ends_in_a_sentence(node: onnx.NodeProto, said: str) -> None:
    numbers = {"s": np.float32(0.5), "none": np.zeros(0, np.float32), "minus": np.float32(-1)}
    back = helper.make_node("DequantizeLinear", ["codes", "s"], ["y"], "back")
    model = graph([node, back], {**numbers, "float": np.zeros((), ml_dtypes.float8_e4m3fn)}, [6])
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(ModelError, match=said):
        answers_here(model, {"x": np.zeros((1, 6), np.float32)})


@pytest.mark.parametrize("form", ["table", "rows", "product"])
def test_rows_of_a_table_of_codes_keep_them(form: str) -> None:
    """Dequantized in front of the look-up, behind it, or by the product that reads it."""
    codes = np.random.default_rng(3).integers(-127, 128, (9, 4)).astype(np.int8)
    ids = np.arange(9).reshape(1, 9)
    body = {
        "table": "t = DequantizeLinear(codes, s, z) y = Gather(t, ids)",
        "rows": "r = Gather(codes, ids) y = DequantizeLinear(r, s, z)",
        "product": "r = Gather(codes, ids) q = QLinearMatMul(r, s, z, one, s, z, s, z) y = DequantizeLinear(q, s, z)",
    }[form]
    constants = {"codes": codes, "s": np.float32(0.125), "z": np.int8(0), "one": 8 * np.eye(4, dtype=np.int8)}
    constants = {name: np.asarray(values) for name, values in constants.items()}
    proto = model(body, "int64[N,9] ids", constants)
    built = network_after("integerize", Job(proto, {"ids": ids}, progress="off"))
    with built.context:
        (made,) = IntegerReference(built)({"ids": ids.astype(np.int32)}).values()
        body = [op.opview for op in main_function(built).regions[0].blocks[0].operations]
        (table,) = [op.table.owner.opview.value for op in body if isinstance(op, qi.EmbeddingOp)]
    np.testing.assert_array_equal(np.array(table), codes)
    np.testing.assert_allclose(made, codes[None] * 0.125, atol=0.07)  # a step of eight bits
