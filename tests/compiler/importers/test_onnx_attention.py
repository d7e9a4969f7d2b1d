"""Attention, embeddings and norms that ONNX Runtime fuses mean here what they mean there."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from support.quantized_models import answers_of_onnxruntime

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects.reference import FloatReference
from dyadic.runtime.errors import ModelError

RANDOM = np.random.default_rng(7)
DOMAIN = "com.microsoft"
N, WIDTH = 5, 12
X = {"x": RANDOM.normal(size=(1, N, WIDTH)).astype(np.float32)}
MASK = {"mask": np.array([[1, 1, 1, 0, 0]], np.int32)}
IDS = {"ids": np.array([[3, 1, 8, 0, 0]], np.int32), "kinds": np.array([[0, 0, 1, 1, 1]], np.int32)}


def weights(*sizes: int) -> Any:
    return RANDOM.normal(size=sizes).astype(np.float32) / 2


def codes(*sizes: int) -> Any:
    return RANDOM.integers(-127, 128, sizes).astype(np.int8)


def fused(operator: str, *inputs: str, out: str = "y", **said: Any) -> NodeProto:
    return helper.make_node(operator, inputs, out.split(), f"{operator} {out}", domain=DOMAIN, **said)


QKV = {"w": weights(WIDTH, 3 * WIDTH), "b": weights(3 * WIDTH)}
TABLES = {"words": weights(9, WIDTH), "places": weights(7, WIDTH), "segments": weights(2, WIDTH)}
NORM = {"g": weights(WIDTH), "c": weights(WIDTH)}
EMBED = ["ids", "kinds", "words", "places", "segments", "g", "c"]
SCALES = {"ws": np.float32(0.02), "ps": np.float32(0.01), "ks": np.float32(0.03), "gs": np.float32(0.01)}
QUANTIZED = {"words": codes(9, WIDTH), "places": codes(7, WIDTH), "segments": codes(2, WIDTH), "g": codes(WIDTH)} | {
    "zero": np.int8(0), "c": codes(WIDTH)
}  # fmt: skip
Case = tuple[list[NodeProto], dict[str, Any], dict[str, Any]]  # nodes, inputs, constants
CASES: dict[str, Case] = {
    "attention": ([fused("Attention", "x", "w", "b", num_heads=3)], X, QKV),
    "causal": ([fused("Attention", "x", "w", "b", num_heads=3, unidirectional=1)], X, QKV),
    "scale": ([fused("Attention", "x", "w", "b", num_heads=3, scale=0.3)], X, QKV),
    "wide values": (
        [fused("Attention", "x", "w", "b", num_heads=3, qkv_hidden_sizes=[6, 6, 24])], X, QKV,
    ),
    "bias": (
        [fused("Attention", "x", "w", "b", "", "", "r", num_heads=3)], X, {**QKV, "r": weights(1, 3, N, N)},
    ),
    "mask": ([fused("Attention", "x", "w", "b", "mask", num_heads=3)], X | MASK, QKV),
    "counted mask": (
        [
            helper.make_node("ReduceSum", ["mask", "one"], ["count"], keepdims=0),
            fused("Attention", "x", "w", "b", "count", num_heads=3),
        ],
        X | MASK,
        {**QKV, "one": np.array([1])},
    ),
    "heads": ([fused("MultiHeadAttention", "x", "x", "x", "b", num_heads=2)], X, {"b": QKV["b"]}),
    "heads with a mask": ([fused("MultiHeadAttention", "x", "x", "x", "", "mask", num_heads=2)], X | MASK, {}),
    "skip root norm": (
        [fused("SkipSimplifiedLayerNormalization", "x", "s", "g", "b", epsilon=1e-5)], X,
        {"s": weights(1, N, WIDTH), "g": weights(WIDTH), "b": weights(WIDTH)},
    ),
    "embeddings": (
        [
            fused("EmbedLayerNormalization", *EMBED, "mask", out="h index", epsilon=1e-5),
            fused("Attention", "h", "w", "b", "index", num_heads=3),
        ],
        IDS | MASK,
        {**TABLES, **NORM, **QKV},
    ),
    "embeddings without segments": (
        [fused("EmbedLayerNormalization", "ids", "", "words", "places", "", "g", "c", out="y index")],
        {"ids": IDS["ids"]}, {**TABLES, **NORM},
    ),
    "embeddings of codes": (
        [
            fused(
                "QEmbedLayerNormalization", *EMBED, "", "ws", "ps", "ks", "gs", "gs", *["zero"] * 5, out="y index",
                epsilon=1e-5,
            )
        ],
        IDS,
        {**QUANTIZED, **SCALES},
    ),
    "quantized": (
        [
            helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["q"]),
            fused("QAttention", "q", "w", "b", "xs", "ws", "", "xz", "wz", num_heads=3),
        ],
        {"x": np.float32(0.03) * RANDOM.integers(-100, 100, (1, N, WIDTH)).astype(np.float32)},
        {
            "w": codes(WIDTH, 3 * WIDTH), "b": QKV["b"], "xs": np.float32(0.03), "xz": np.uint8(120),
            "ws": np.float32(0.01), "wz": np.int8(0),
        },
    ),
}  # fmt: skip


def model_of(case: Case, opset: int = 17) -> onnx.ModelProto:
    nodes, inputs, constants = case
    kinds = {name: helper.np_dtype_to_tensor_dtype(values.dtype) for name, values in inputs.items()}
    given = [helper.make_tensor_value_info(name, kinds[name], list(values.shape)) for name, values in inputs.items()]
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(helper.make_graph(nodes, "tiny", given, [y], tensors), opset_imports=domains, ir_version=8)


def difference(case: Case, opset: int = 17) -> float:
    """The largest from ONNX Runtime's answer, as a share of its largest number; of valid tokens alone."""
    model, inputs = model_of(case, opset), case[1]
    network = network_after("prepare", Job(model, inputs, progress="off"))
    with network.context:
        (mine,) = FloatReference(network)({name: torch.from_numpy(values) for name, values in inputs.items()}).values()
    (theirs,) = answers_of_onnxruntime(model.SerializeToString(), inputs)
    valid = inputs["mask"][0] != 0 if "mask" in inputs else slice(None)
    return np.abs(mine.numpy() - theirs)[:, valid].max() / np.abs(theirs).max()


@pytest.mark.parametrize("name", CASES)
def test_what_is_fused_is_taken_apart(name: str) -> None:
    assert difference(CASES[name]) < 3e-5


@pytest.mark.parametrize("operator", ["LayerNormalization", "SkipLayerNormalization"])
def test_a_norm_newer_than_the_opset_is_spelled_out(operator: str) -> None:
    skip = operator.startswith("Skip")
    domain = {"domain": DOMAIN} if skip else {}
    node = helper.make_node(operator, ["x", *(["s"] if skip else []), "g", "c"], ["y"], "norm", epsilon=1e-5, **domain)
    assert difference(([node], X, {**NORM, "s": weights(1, N, WIDTH)}), 13) < 3e-5


@pytest.mark.parametrize(
    "node",
    [
        fused("Attention", "x", "w", "b", "", "past", num_heads=3),
        fused("Attention", "x", "w", "b", out="y present", num_heads=3),
        fused("MultiHeadAttention", "x", "", "", "b", num_heads=3),
    ],
)
def test_caches_of_decoders_are_named(node: NodeProto) -> None:
    case = ([node], X, {**QKV, "past": weights(2, 1, 3, 2, 4)})
    with pytest.raises(ModelError, match=rf'"{node.name}" \(com\.microsoft\.{node.op_type}\)'):
        network_after("prepare", Job(model_of(case), X, progress="off"))
