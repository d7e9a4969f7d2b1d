"""Models that mix images, or whose inputs have no batch: compiled for the one that they have, at their own shapes.

A voice detector as silero's (a state whose batch is dimension 1, a sample rate that a branch is taken by), a recurrent
layer with states, one number as an input.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from support.onnx_models import model

import dyadic
from dyadic.compiler.measure.layer_comparison import compare_layers
from dyadic.runtime.errors import ModelError, UsageError

RANDOM = np.random.default_rng(3)
HIDDEN, LENGTH = 8, 24


def numbers(*dims: int) -> np.ndarray:
    return (RANDOM.normal(size=dims) / np.sqrt(dims[-1])).astype(np.float32)


def detector(batch: int | str = "N") -> onnx.ModelProto:
    """[N, 24] and the state [2, N, 8] to a probability and the next state; `sr` says which filters."""
    text = (
        "rate = Equal(sr, sixteen) "
        "w = If (rate) <then_branch = a () => (float[4,1,5] fast) { fast = Identity(quick) }, "
        "else_branch = b () => (float[4,1,5] slow) { slow = Identity(lazy) }> "
        'r = Pad<mode="reflect">(x, pads) u = Unsqueeze(r, one) c = Conv<strides=[2]>(u, w) f = Relu(c) '
        "s = Transpose<perm=[2,0,1]>(f) h = Gather<axis=0>(state, zero) k = Gather<axis=0>(state, first) "
        "h0 = Unsqueeze(h, zeros) c0 = Unsqueeze(k, zeros) "
        "o, hn, cn = LSTM<hidden_size=8>(s, wx, wh, wb, , h0, c0) l = Squeeze(hn, zeros) d = MatMul(l, v) "
        "y = Sigmoid(d) stateN = Concat<axis=0>(hn, cn)"
    )
    constants = {
        "sixteen": np.array(16000, np.int64),
        "quick": numbers(4, 1, 5),
        "lazy": numbers(4, 1, 5),
        "pads": np.array([0, 2, 0, 2], np.int64),
        "zero": np.array(0, np.int64),
        "first": np.array(1, np.int64),
        "one": np.array([1], np.int64),
        "zeros": np.array([0], np.int64),
        "wx": numbers(1, 4 * HIDDEN, 4),
        "wh": numbers(1, 4 * HIDDEN, HIDDEN),
        "wb": numbers(1, 8 * HIDDEN),
        "v": numbers(HIDDEN, 1),
    }
    proto = model(text, f"float[{batch},24] x, float[2,{batch},8] state, int64 sr", constants)
    for name in ("stateN",):
        value = proto.graph.output.add()
        value.name = name
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return proto


def samples(count: int, batch: int = 1, **more: Any) -> list[dict[str, Any]]:
    random = np.random.default_rng(count)

    def one() -> dict[str, Any]:
        state = np.tanh(random.normal(size=(2, batch, HIDDEN))).astype(np.float32)
        return {"x": random.normal(size=(batch, LENGTH)).astype(np.float32), "state": state, **more}

    return [one() for _ in range(count)]


def float_answers(proto: onnx.ModelProto, feeds: dict[str, Any]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(each) for each in session.run(None, feeds)]


def test_a_voice_detector_answers_in_its_own_shapes(tmp_path: Path) -> None:
    proto, path, batch = detector(), tmp_path / "vad.dyq", 1
    given = samples(24, batch)
    shape = {"x": (batch, LENGTH)}
    artifact = dyadic.compile(proto, given, shape=shape, constant={"sr": 16000}, isa="all")
    artifact.save(path)
    assert artifact.report.comparison is not None
    assert artifact.report.comparison.sqnr_db > 25
    answers: list[list[np.ndarray]] = []
    for level in artifact.load().program.levels:
        with dyadic.load(path, isa=level) as session:
            assert [(one.name, one.shape) for one in session.inputs] == [("x", (batch, 24)), ("state", (2, batch, 8))]
            answers.append(session.run(None, given[0]))
    for one in answers:
        assert all(map(np.array_equal, one, answers[0]))
    wanted = float_answers(proto, {**given[0], "sr": np.array(16000, np.int64)})
    assert [each.shape for each in wanted] == [each.shape for each in answers[0]]
    for mine, its in zip(answers[0], wanted, strict=True):
        assert np.abs(mine - its).max() < 0.05
    assert compare_layers(path, proto, given).equals_reference
    with dyadic.load(path) as session:
        other = {"x": np.zeros((batch + 1, LENGTH), np.float32), "state": given[0]["state"]}
        with pytest.raises(
            UsageError, match=rf"'x' has shape \[{batch + 1}, 24\], expected \[{batch}, 24\].*this batch"
        ):
            session.run(None, other)
        with pytest.raises(UsageError, match="no input 'sr'"):
            session.run(None, {**given[0], "sr": np.array(16000)})
    stacked = {
        "x": np.concatenate([one["x"] for one in given[:2]]),
        "state": np.stack([one["state"] for one in given[:2]]),
    }
    with dyadic.load(path, max_batch=2) as session:
        session.batch_first = True  # two sets, one behind the other
        together = session.run(None, stacked)
    assert all(np.array_equal(a[0], b) for a, b in zip(together, answers[0], strict=True))


def test_a_branch_by_an_input_asks_for_its_value() -> None:
    given = samples(4, sr=np.array(16000, np.int64))
    with pytest.raises(
        ModelError, match=r'by the input "sr", which is 16000 in all .* constant=\{"sr": 16000\}|sr=16000'
    ):
        dyadic.compile(detector(), given)
    with pytest.raises(ModelError, match='by the input "sr":'):
        dyadic.compile(detector(), samples(4))
    with pytest.raises(UsageError, match='for "rate", but the inputs of the model are "x", "state", "sr"'):
        dyadic.compile(detector(), given, constant={"rate": 16000})


def test_one_number_may_be_an_input(tmp_path: Path) -> None:
    proto = model("y = Mul(x, gain)", "float[2,5] x, float gain")
    random = np.random.default_rng(0)
    given = [
        {"x": random.normal(size=(2, 5)).astype(np.float32), "gain": np.float32(random.uniform())} for _ in range(20)
    ]
    dyadic.compile(proto, given).save(tmp_path / "gain.dyq")
    with dyadic.load(tmp_path / "gain.dyq") as session:
        assert session.inputs[1].shape == ()
        (y,) = session.run(None, given[0])
    assert y.shape == (2, 5)
    assert np.abs(y - given[0]["x"] * given[0]["gain"]).max() < 0.05
