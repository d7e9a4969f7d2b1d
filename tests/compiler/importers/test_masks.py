"""What is computed from a mask is known by its numbers, however it is written."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch_mlir import ir

from dyadic.compiler.importers.masks import is_same, masks, meaning_of
from dyadic.compiler.importers.onnx import import_onnx
from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference
from dyadic.passes import PIPELINE, usual
from dyadic.runtime.errors import ModelError

N = 9
CAUSAL = np.tril(np.ones((N, N), bool))


def test_masks_are_distinct_and_none_is_empty() -> None:
    for length in (2, 3, 64):
        every = [tuple(each[0]) for each in masks(length)]
        assert all(any(each) for each in every) and all(every[0])
        assert len(set(every)) > 1


@pytest.mark.parametrize(
    ("function", "kind", "axis"),
    [
        (lambda m: (1.0 - m[:, None, None]) * -10000, "additive", 3),
        (lambda m: np.where(m[:, None, None] != 0, 0.0, -np.inf).repeat(N, 2), "additive", 3),
        (lambda m: (m != 0)[:, None], "boolean", 2),
        (lambda m: m == 0, "inverted", 1),
        (lambda m: 1.0 - m, "inverted", 1),
        (lambda m: np.broadcast_to(m[:, :, None], (1, N, 4)).astype(np.float32), "factor", 1),
        (lambda m: np.maximum(m.sum(1, keepdims=True), 1e-9), "count", None),
        (lambda m: np.full((1, 3), 7.0) + 0 * m[:, :3], "constant", None),
        (lambda m: (m[:, :, None] * m[:, None])[:, None] == 0, "inverted", 3),  # of pairs
    ],
)
def test_meanings(function: Callable[[Any], Any], kind: str, axis: int | None) -> None:
    meaning = meaning_of(function, N)
    assert meaning is not None
    assert (meaning.kind, meaning.axis, meaning.others) == (kind, axis, None)


@pytest.mark.parametrize("dtype", [bool, float])
def test_what_is_left_out_besides_is_a_constant(dtype: type) -> None:
    """Causal attention over padded tokens; a query that sees nothing may get anything, as exporters' guards do."""

    def function(m: np.ndarray) -> np.ndarray:
        both = (CAUSAL & (m != 0))[None, None]
        both = both | ~both.any(-1, keepdims=True)
        return both if dtype is bool else np.where(both, 0.0, -3e38)

    meaning = meaning_of(function, N)
    assert meaning is not None and meaning.others is not None
    assert meaning.kind == ("boolean" if dtype is bool else "additive")
    np.testing.assert_array_equal(meaning.others[0, 0], CAUSAL)


@pytest.mark.parametrize(
    "function",
    [
        lambda m: m * -1.0,  # not very negative
        lambda m: np.where(m[:, ::-1] != 0, 0.0, -1e9),  # another token's
        lambda m: np.cumsum(m, 1),
        lambda m: m / m.sum(),
        lambda m: np.where(np.cumsum(m, 1) > 2, 0.0, -1e9),
    ],
)
def test_what_is_no_mask_is_none(function: Callable[[Any], Any]) -> None:
    assert meaning_of(function, N) is None


def test_ids_are_the_same_whatever_their_type() -> None:
    assert is_same(lambda x: x.astype(np.int32)[:, None], N, 100)
    assert not is_same(lambda x: np.minimum(x, 50), N, 100)


# --- in models


def attention(x: str, mask: str) -> list[onnx.NodeProto]:
    """One head over hidden states `x` [1, N, 4]."""
    return [
        helper.make_node("Transpose", [x], ["xt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", [x, "xt"], ["scores"], name="scores"),
        helper.make_node("Add", ["scores", mask], ["masked"], name="masked"),
        helper.make_node("Softmax", ["masked"], ["weights"], axis=-1, name="softmax"),
        helper.make_node("MatMul", ["weights", x], ["context"], name="context"),
    ]


def model(
    mask_nodes: list[onnx.NodeProto], constants: dict[str, Any], kind: int = TensorProto.INT64
) -> onnx.ModelProto:
    """Rows of a table, masked attention over them, the mean of the valid ones, of length 1."""
    nodes = [
        helper.make_node("Cast", ["ids"], ["whole"], to=TensorProto.INT32),
        helper.make_node("Gather", ["table", "whole"], ["x"], name="words"),
        *mask_nodes,
        *attention("x", "additive"),
        helper.make_node("Cast", ["mask"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["real", "last"], ["factor"]),
        helper.make_node("Mul", ["context", "factor"], ["kept"], name="kept"),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["total"], keepdims=0, name="total"),
        helper.make_node("ReduceSum", ["real", "tokens"], ["count"], keepdims=1),
        helper.make_node("Div", ["total", "count"], ["mean"], name="mean"),
        helper.make_node("ReduceL2", ["mean", "last1"], ["length"], keepdims=1, name="length"),
        helper.make_node("Clip", ["length", "tiny"], ["clipped"]),
        helper.make_node("Div", ["mean", "clipped"], ["out"], name="unit"),
    ]
    table = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    every = {
        "table": table,
        "last": np.array([2]),
        "last1": np.array([1]),
        "tokens": np.array([1]),
        "tiny": np.float32(1e-12),
        **constants,
    }
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", N]),
        helper.make_tensor_value_info("mask", kind, ["n", N]),
    ]
    graph = helper.make_graph(
        nodes,
        "text",
        inputs,
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in every.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


SUBTRACTED = (
    [
        helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "m"], ["inverse"]),
        helper.make_node("Mul", ["inverse", "far"], ["far_down"]),
        helper.make_node("Unsqueeze", ["far_down", "middle"], ["additive"]),
    ],
    {"one": np.float32(1), "far": np.float32(-10000), "middle": np.array([1])},
)
CHOSEN = (
    [
        helper.make_node("Greater", ["mask", "nothing"], ["m"]),
        helper.make_node("Unsqueeze", ["m", "middle"], ["m1"]),
        helper.make_node("Expand", ["m1", "square"], ["m2"]),
        helper.make_node("Where", ["m2", "zero", "minus"], ["additive"]),
    ],
    {
        "nothing": np.int64(0),
        "middle": np.array([1]),
        "square": np.array([1, N, N]),
        "zero": np.float32(0),
        "minus": np.float32(-np.inf),
    },
)


def ingested(source: onnx.ModelProto) -> FloatReference:
    context = ir.Context.current
    assert context is not None
    module = import_onnx(source, context)
    for one in (*PIPELINE["ingest"], *usual("prepare")):
        one.run(module.operation)
    return FloatReference(module)


@pytest.mark.parametrize(
    ("spelled", "kind"),
    [(SUBTRACTED, TensorProto.INT64), (SUBTRACTED, TensorProto.FLOAT), (CHOSEN, TensorProto.INT64)],
    ids=["subtracted", "float", "chosen"],
)
def test_a_spelled_mask_means_what_it_meant(spelled: tuple[list[Any], dict[str, Any]], kind: int) -> None:
    import onnxruntime

    source = model(spelled[0], spelled[1], kind)
    random = np.random.default_rng(1)
    ids, lengths = random.integers(0, 20, (5, N)), np.array([1, 2, 5, 8, 9])
    mask = np.arange(N) < lengths[:, None]
    session = onnxruntime.InferenceSession(source.SerializeToString())
    given = mask.astype(np.float32 if kind == TensorProto.FLOAT else np.int64)
    expected = np.asarray(session.run(None, {"ids": ids, "mask": given})[0])
    with new_context() as context, context:
        reference = ingested(source)
        names = {step.op.operation.name for step in reference.plan.steps}
        assert {"qd.attention", "qd.embedding", "qd.rms_norm"} <= names
        assert reference.plan.integers == {"ids", "mask"}
        feeds = {"ids": torch.from_numpy(ids.astype(np.int32)), "mask": torch.from_numpy(mask.astype(np.int32))}
        got = reference(feeds)["out"].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_arithmetic_on_ids_is_refused_by_name() -> None:
    source = model(*SUBTRACTED)
    cast = next(node for node in source.graph.node if node.op_type == "Cast" and node.input[0] == "ids")
    cast.op_type, cast.input[:] = "Mod", ["ids", "seven"]
    del cast.attribute[:]
    source.graph.initializer.append(numpy_helper.from_array(np.array(7), "seven"))
    with new_context() as context, context, pytest.raises(ModelError) as refused:
        ingested(source)
    assert str(refused.value).startswith('what "words" reads is computed from the input "ids", and is neither')


class Masked(torch.nn.Module):
    """Attention with a mask in one of many spellings, and the mean of the valid rows."""

    def __init__(self, spelled: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.spelled = torch.nn.Embedding(20, 4), spelled

    def context(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.spelled == "zeroed":  # in front of the layers, as ESM does
            x = torch.tanh(x * mask.unsqueeze(-1).to(x.dtype) + 0.1)
        scores = x @ x.transpose(1, 2)
        if self.spelled in ("added", "zeroed"):
            scores = scores + (1.0 - mask[:, None].to(x.dtype)) * torch.finfo(x.dtype).min
        elif self.spelled == "filled":
            scores = scores.masked_fill(mask[:, None] == 0, float("-inf"))
        elif self.spelled == "chosen":
            scores = torch.where(mask[:, None].bool().expand(-1, N, N), scores, torch.tensor(-1e9))
        else:  # as transformers writes it for scaled_dot_product_attention
            places = torch.arange(N)
            seen = places[None, :] <= places[:, None] if self.spelled == "causal" else (places >= 0)[None, :]
            both = seen[None, None] & mask[:, None, None, :].to(torch.bool)
            heads = x[:, None]
            return torch.nn.functional.scaled_dot_product_attention(heads, heads, heads, attn_mask=both)[:, 0]
        return torch.softmax(scores, -1) @ x

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        context = self.context(self.words(ids), mask)
        factor = mask.unsqueeze(-1).expand(context.size()).float()
        mean = (context * factor).sum(1) / torch.clamp(factor.sum(1), min=1e-9)
        return torch.nn.functional.normalize(mean, p=2, dim=1)


@pytest.mark.parametrize("spelled", ["added", "filled", "chosen", "bool", "causal", "zeroed"])
def test_a_mask_of_a_module_means_what_it_meant(spelled: str) -> None:
    module = Masked(spelled).eval()
    random = np.random.default_rng(1)
    ids = torch.from_numpy(random.integers(0, 20, (5, N)))
    mask = torch.arange(N) < torch.tensor([[1], [2], [5], [8], [9]])
    with torch.no_grad():
        expected = module(ids, mask.long()).numpy()
    with new_context() as context, context:
        imported = import_torch(module, (ids, mask.long()), context)
        for one in (*PIPELINE["ingest"], *usual("prepare")):
            one.run(imported.operation)
        reference = FloatReference(imported)
        assert {"qd.attention", "qd.rms_norm"} <= {step.op.operation.name for step in reference.plan.steps}
        got = reference({"ids": ids.int(), "mask": mask.int()})["output"].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)
