"""One-hot columns and functions of a length are rows of tables, however the exporter wrote them."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from support.onnx_models import complaint, imported, model, run_onnxruntime

import dyadic
from dyadic.compiler.importers.onnx_inputs import NeedsConstant
from dyadic.dialects import qd
from dyadic.dialects.reference import FloatReference
from dyadic.passes import PIPELINE, usual
from dyadic.runtime.errors import UsageError

RANDOM = np.random.default_rng(0)
AS_JAX_WRITES = """
    u = Unsqueeze(ids, last) s = Expand(u, sizes) e = Equal(s, columns) f = Cast<to = 1>(e)
    h = MatMul(f, w) y = Add(h, b)
"""
LENGTHS = """
    t = Unsqueeze(lens, last) m = Less(steps, t)
    y = Where(m, x, zero)
    s = Add(lens, two) frames = Div(s, three)
"""


def one_hots() -> onnx.ModelProto:
    constants = {
        "last": np.array([2]),
        "sizes": np.array([1, 5, 7]),
        "columns": np.arange(7, dtype=np.int32)[None, None],
        "w": RANDOM.normal(0, 1, (7, 3)).astype(np.float32),
        "b": RANDOM.normal(0, 1, 3).astype(np.float32),
    }
    return model(AS_JAX_WRITES, "int32[N,5] ids", constants)


def lengths(frames: int = 9) -> onnx.ModelProto:
    constants = {
        "last": np.array([1]),
        "steps": np.arange(frames)[None],
        "zero": np.zeros([], np.float32),
        "two": np.array(2),
        "three": np.array(3),
    }
    proto = model(LENGTHS, f"float[N,{frames}] x, int64[N] lens", constants)
    proto.graph.output.append(onnx.helper.make_tensor_value_info("frames", TensorProto.INT64, ["N"]))
    return proto


def test_a_one_hot_by_comparison_looks_rows_of_the_weight_up() -> None:
    proto, ids = one_hots(), RANDOM.integers(0, 7, (4, 5)).astype(np.int32)
    module = imported(proto)
    for one in (*PIPELINE["ingest"], *usual("prepare")):
        one.run(module.operation)
    body = module.body.operations[0].regions[0].blocks[0]
    assert not any(isinstance(op, qd.LinearOp) for op in body.operations)
    got = FloatReference(module.operation)({"ids": torch.from_numpy(ids)})["y"].numpy()
    wanted = np.concatenate([run_onnxruntime(proto, each[None])[0] for each in ids])
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_masks_and_counts_of_a_length_are_exact() -> None:
    proto = lengths()
    x, lens = RANDOM.choice([-1.0, 0.5, 1.0], (10, 9)).astype(np.float32), np.arange(10)
    samples = [{"x": a[None], "lens": np.array([n])} for n, a in enumerate(x)]
    with dyadic.compile(proto, calibration=samples, isa=["x86-64"], progress="off").load(max_batch=10) as session:
        y, frames = session.run(None, {"x": x, "lens": lens})
        np.testing.assert_array_equal(frames, (lens + 2) // 3)
        assert frames.dtype == np.int64
        np.testing.assert_array_equal(y == 0, np.arange(9) >= lens[:, None])
        with pytest.raises(UsageError, match=r"'lens' holds 10 at .*from 0 to 9"):
            session.run(None, {"x": x, "lens": lens + 1})


@pytest.mark.parametrize("longest", [380, 750, 1200])
def test_counts_of_more_than_seven_bits_are_exact(longest: int) -> None:
    proto, lens = lengths(longest), np.linspace(0, longest, 40).astype(int)
    samples = [{"x": np.ones((1, longest), np.float32), "lens": each[None]} for each in lens]
    with dyadic.compile(proto, calibration=samples, isa=["x86-64"], progress="off").load() as session:
        for one, length in zip(samples, lens, strict=True):
            assert session.run(None, one)[1] == (length + 2) // 3


def test_a_length_that_chooses_entries_has_to_be_known() -> None:
    proto = lengths()
    proto.graph.node.append(onnx.helper.make_node("GatherElements", ["x", "t"], ["chosen"], "choose", axis=1))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None))
    said = complaint(NeedsConstant, proto)
    assert said.startswith('what "choose" reads is computed from the input "lens"')
    assert said.endswith("or say what it always is, as --constant lens=VALUE")


def test_tables_of_lengths_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dyadic.compiler.importers.onnx_tables.MOST_ENTRIES", 89)
    assert "--constant lens=" in complaint(NeedsConstant, lengths())


def test_a_short_time_transform_is_of_one_side_where_nothing_is_said() -> None:
    constants = {
        "step": np.array(8),
        "window": np.hanning(16).astype(np.float32),
        "mel": RANDOM.random((9, 4)).astype(np.float32),
    }
    body = "s = STFT(x, step, window) p = ReduceSumSquare<axes = [-1], keepdims = 0>(s) y = MatMul(p, mel)"
    proto = model(body, "float[N,64] x", constants)
    module, x = imported(proto), RANDOM.normal(0, 1, (1, 64)).astype(np.float32)
    for one in PIPELINE["ingest"]:
        one.run(module.operation)
    got = FloatReference(module.operation)({"x": torch.from_numpy(x)})["y"].numpy()
    np.testing.assert_allclose(got, run_onnxruntime(proto, x)[0], rtol=1e-4)
