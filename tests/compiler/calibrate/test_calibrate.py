"""Ranges arrive on the ops and arguments that need them, and say what the data held."""

import json
from pathlib import Path

import numpy as np
import pytest
from torch_mlir import ir

from dyadic.compiler import calibrate as calibrating
from dyadic.compiler.calibrate import RANGE_BITS, calibrate, model_inputs, outward
from dyadic.compiler.calibrate.data import Input, Samples
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Events, Progress
from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import main_function
from dyadic.runtime.errors import ModelError, UsageError

NETWORK = """
func.func @main(%x: tensor<1x2x4xf32> {qd.name = "in"}) -> (tensor<1x8xf32> {qd.name = "out"}) {
  %0 = "qd.clamp"(%x) {low = 0.0 : f32, high = 2.0 : f32} : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("/relu")
  %1 = "qd.add"(%0, %0) : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("/same")
  %2 = "qd.add"(%1, %x) : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("/same")
  %3 = "qd.reshape"(%2) : (tensor<1x2x4xf32>) -> tensor<1x8xf32> loc("/flatten")
  return %3 : tensor<1x8xf32>
}
"""
X = np.linspace(-1, 3, 5 * 8, dtype=np.float32).reshape(5, 2, 4)


def ranges(module: ir.Module) -> list[tuple[str, list[float] | None]]:
    found = []
    for op in main_function(module).operation.regions[0].blocks[0].operations:
        given = list(op.attributes[qd.RANGE]) if qd.RANGE in op.attributes else None
        found.append((op.operation.name, given))
    return found[:-1]


def test_every_op_but_moves_gets_its_range() -> None:
    with new_context():
        module = ir.Module.parse(NETWORK)
        assert model_inputs(module) == (Input("in", (2, 4)),)
        calibrate(module, {"in": X}, "min-max", Progress())
        assert ranges(module) == [
            ("qd.clamp", [0.0, 2.0]),
            ("qd.add", [0.0, 4.0]),
            ("qd.add", [-1.0, 7.0]),
            ("qd.reshape", None),
        ]
        argument = main_function(module).attributes["arg_attrs"][0]
        assert list(argument[qd.RANGE]) == [-1.0, 3.0] and argument[qd.NAME].value == "in"


def test_arguments_without_attributes_get_theirs() -> None:
    with new_context():
        module = ir.Module.parse(NETWORK.replace('{qd.name = "in"}', "").replace('{qd.name = "out"}', ""))
        calibrate(module, X, "min-max", Progress())
        assert list(main_function(module).attributes["arg_attrs"][0][qd.RANGE]) == [-1.0, 3.0]


@pytest.mark.parametrize(("observer", "clips"), [("mse", False), ("min-max", False), ("percentile", True)])
def test_the_named_observer_holds_for_inputs_and_outputs(observer: str, clips: bool) -> None:
    """But mse clips nothing that is the user's."""
    with new_context():
        module = ir.Module.parse(NETWORK.replace("%3 = ", "%9 = ").replace("return %3", "return %9"))
        data = np.random.default_rng(0).standard_normal((4000, 2, 4)).astype(np.float32)
        data = np.tile(data, (8, 1, 1))
        data[17, 0, 0] = 50.0
        calibrate(module, data, observer, Progress())
        own = list(main_function(module).attributes["arg_attrs"][0][qd.RANGE])
        last = main_function(module).operation.regions[0].blocks[0].operations
        made = [list(op.attributes[qd.RANGE]) for op in last if op.operation.name == "qd.add"][-1]
        assert (own[1] < 10, made[1] < 20) == (clips, clips)


def test_layers_may_have_the_names_of_inputs_and_of_each_other() -> None:
    """Ranges and means are those that they have under any other names."""
    conv = """
func.func @main(%x: tensor<1x2x4x4xf32> {qd.name = "in"}) -> (tensor<1x2x4x4xf32> {qd.name = "out"}) {
  %w = "qd.constant"() {value = dense<[[[[2.0]], [[0.0]]], [[[0.0]], [[-30.0]]]]> : tensor<2x2x1x1xf32>}
    : () -> tensor<2x2x1x1xf32>
  %b = "qd.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "qd.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>,
    dilation = array<i64: 1, 1>, groups = 1 : i64}
    : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32> loc("first")
  %1 = "qd.conv2d"(%0, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>,
    dilation = array<i64: 1, 1>, groups = 1 : i64}
    : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32> loc("second")
  return %1 : tensor<1x2x4x4xf32>
}"""
    data = np.random.default_rng(0).random((8, 2, 4, 4), np.float32)
    seen = []
    for first, second in (("first", "second"), ("in", "out"), ("in", "in"), ("in#2", "in")):
        with new_context():
            module = ir.Module.parse(conv.replace("first", first).replace("second", second))
            calibrate(module, data, "mse", Progress())
            ops = [op for op in main_function(module).operation.regions[0].blocks[0].operations]
            convs = [op.attributes for op in ops if op.operation.name == "qd.conv2d"]
            own = [str(each[name]) for each in convs for name in (qd.RANGE, qd.INPUT_MEAN)]
            seen.append([str(main_function(module).attributes["arg_attrs"][0][qd.RANGE]), *own])
    assert len(set(seen[0])) == 5 and all(one == seen[0] for one in seen)


def test_a_layer_that_overflows_is_named() -> None:
    scaled = '%1 = "qd.mul"(%0, %0) : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("/square")'
    text = NETWORK.replace(NETWORK.splitlines()[3].strip(), scaled).replace("high = 2.0", "high = 0x7F800000")
    with new_context():
        module = ir.Module.parse(text)
        with pytest.raises(ModelError, match='"/square" answers NaN or infinity'):
            calibrate(module, X * np.float32(1e30), "min-max", Progress())


def test_progress_counts_samples(capsys: pytest.CaptureFixture[str]) -> None:
    with new_context():
        calibrate(ir.Module.parse(NETWORK), {"in": X}, "min-max", Events())
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in events] == ["start", "progress", "end"]
    assert (events[-1]["done"], events[-1]["total"]) == (5, 5)


def test_ranges_hide_the_last_bits_of_floats() -> None:
    random = np.random.default_rng(0)
    for high in random.lognormal(0, 5, 1000).astype(np.float32).astype(float):
        low, out = outward(-high, high)
        assert low == -out
        assert high <= out <= high * (1 + 2.0 ** (1 - RANGE_BITS))
        assert outward(low, out) == (low, out)
    same = [outward(0.0, v) == outward(0.0, v * (1 + 1e-6)) for v in random.lognormal(0, 5, 1000)]
    assert np.mean(same) > 0.99
    assert outward(0.0, 6.0) == (0.0, 6.0)


def test_the_same_data_are_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known has the same effect; another model, observer or sample is another question."""
    runs, learn = [], calibrating.learn
    monkeypatch.setattr(calibrating, "learn", lambda *given: runs.append(given[2]) or learn(*given))
    cache = Cache(tmp_path)
    with_layer = NETWORK.replace('"qd.add"(%1, %x)', '"qd.sub"(%1, %x)')

    def text(network: str, data: object, observer: str) -> str:
        with new_context():
            module = ir.Module.parse(network)
            calibrate(module, data, observer, Progress(), cache)
            return str(module)

    first = text(NETWORK, X, "min-max")
    assert text(NETWORK, {"in": X.copy()}, "min-max") == first and qd.RANGE in first and len(runs) == 1
    text(NETWORK, X, "mse")
    text(NETWORK, X[:4], "mse")
    text(NETWORK, X[1:], "mse")
    text(with_layer, X[1:], "mse")
    assert runs == ["min-max", "mse", "mse", "mse", "mse"]
    assert text(NETWORK, iter([X]), "min-max") == first and len(runs) == 6  # can be read once only


def test_means_are_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, network = (
        Cache(tmp_path),
        """
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %s = "qd.constant"() {value = dense<1.5> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = "qd.scale_shift"(%x, %s, %s) {axis = 1 : i64}
    : (tensor<1x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}
""",
    )
    texts = []
    for _ in range(2):
        with new_context():
            module = ir.Module.parse(network)
            calibrate(module, X.reshape(10, 4) / 3, "mse", Progress(), cache)
            texts.append(str(module))
        monkeypatch.setattr(calibrating, "learn", lambda *_: pytest.fail("was asked again"))
    assert texts[0] == texts[1] and qd.INPUT_MEAN in texts[0]


def test_known_data_are_checked_as_new_ones_are(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with new_context():
        samples = Samples(X, model_inputs(ir.Module.parse(NETWORK)))
        for _ in range(2):
            calibrate(ir.Module.parse(NETWORK), samples, "mse", Progress(), cache)
            assert samples.seen == len(X) and len(samples.first[0]["in"]) == len(X)
        with pytest.raises(UsageError, match="NaN or infinity"):
            calibrate(ir.Module.parse(NETWORK), X * np.float32("nan"), "mse", Progress(), cache)
