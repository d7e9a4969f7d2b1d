"""LSTM, GRU and RNN layers of both importers mean what ONNX Runtime and torch make of them, or are refused."""

import io
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.meaning import assert_close, operations, outputs, prepared
from support.onnx_models import imported, model, run_onnxruntime
from torch import nn
from torch_mlir import ir

import dyadic
from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context, qd
from dyadic.passes.rewriting import layer_name
from dyadic.runtime.errors import ModelError

T, I, H = 6, 5, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
TO_TIME, TO_BATCH = "xt = Transpose<perm = [1, 0, 2]>(x)", "y = Transpose<perm = [2, 0, 1, 3]>(a)"


def weights(kind: str, ways: int, *more: str) -> dict[str, np.ndarray]:
    """W, R, B and first states of a layer, in the order of its inputs."""
    random, rows = np.random.default_rng(len(kind) + ways), GATES[kind] * H
    shapes = {"w": [ways, rows, I], "r": [ways, rows, H], "b": [ways, 2 * rows], "h": [ways, 1, H], "c": [ways, 1, H]}
    return {name: random.normal(0, 0.6, shapes[name]).astype(np.float32) for name in ("w", "r", *more)}


def recurrent(kind: str, ways: int, said: str, inputs: str, names: str, end: str = TO_BATCH) -> onnx.ModelProto:
    """x [N,T,I] through a layer of ONNX's, which wants time first."""
    body = f"{TO_TIME} a, last, more = {kind}<hidden_size = {H}{said}>(xt, w, r{inputs}) {end}"
    if kind != "LSTM":
        body = body.replace("a, last, more", "a, last")
    return model(body, f"float[N,{T},{I}] x", weights(kind, ways, *names))


CASES = [
    ("LSTM", 1, "", "", ""),
    ("LSTM", 1, ', direction = "reverse"', ", b", "b"),
    ("LSTM", 2, ', direction = "bidirectional"', ", b, , h, c", "bhc"),
    ("GRU", 1, "", ", b", "b"),
    ("GRU", 1, ", linear_before_reset = 1", ", b, , h", "bh"),
    ("GRU", 2, ', linear_before_reset = 1, direction = "bidirectional"', ", b", "b"),
    ("RNN", 1, "", ", b", "b"),
    ("RNN", 2, ', activations = ["Relu", "Relu"], direction = "bidirectional"', ", b", "b"),
]


@pytest.mark.parametrize(("kind", "ways", "said", "inputs", "names"), CASES)
def test_onnx_layers(kind: str, ways: int, said: str, inputs: str, names: str) -> None:
    """Every step's states, for one image and for several."""
    proto = recurrent(kind, ways, said, inputs, names)
    module = prepared(imported(proto))
    assert operations(module).count("recurrence") == ways
    x = np.random.default_rng(1).normal(size=[1, T, I]).astype(np.float32)
    assert_close([outputs(module, x)[0].reshape(1, T, ways, H)], run_onnxruntime(proto, x), 1e-5)


def test_each_image_has_states_of_its_own() -> None:
    proto = recurrent("LSTM", 2, ', direction = "bidirectional"', ", b", "b")
    x = np.random.default_rng(2).normal(size=[3, T, I]).astype(np.float32)
    assert_close(outputs(prepared(imported(proto)), x), run_onnxruntime(proto, x), 1e-5)


def test_first_states_that_are_made_for_every_image() -> None:
    """As torch's exporter makes them: zeros of the size of the batch."""
    shape = "s = Shape(x) n = Gather(s, first) k = Concat<axis = 0>(ways, n, size) z = ConstantOfShape(k)"
    body = f"{shape} {TO_TIME} a, last, more = LSTM<hidden_size = {H}>(xt, w, r, , , z, z) {TO_BATCH}"
    constants = weights("LSTM", 1) | {"first": np.array([0]), "ways": np.array([1]), "size": np.array([H])}
    proto = model(body, f"float[N,{T},{I}] x", constants)
    x = np.random.default_rng(5).normal(size=[3, T, I]).astype(np.float32)
    assert_close(outputs(prepared(imported(proto)), x), run_onnxruntime(proto, x), 1e-5)


@pytest.mark.parametrize("which", ["last", "more"])
def test_onnx_last_states(which: str) -> None:
    """h and c after the last step that each direction takes."""
    proto = recurrent(
        "LSTM", 2, ', direction = "bidirectional"', ", b", "b", f"y = Transpose<perm = [1, 0, 2]>({which})"
    )
    x = np.random.default_rng(3).normal(size=[2, T, I]).astype(np.float32)
    module = prepared(imported(proto))
    assert_close(outputs(module, x), run_onnxruntime(proto, x), 1e-5)
    cells = sum(op.attributes["cell"].value for op in recurrences(module))
    assert cells == (2 if which == "more" else 0)


def recurrences(module: Any) -> list[Any]:
    block = module.body.operations[0].regions[0].blocks[0]
    return [op.operation for op in block.operations if op.operation.name == "qd.recurrence"]


@pytest.mark.parametrize(
    ("kind", "said", "inputs", "more", "reason"),
    [
        ("LSTM", ", clip = 3.0", "", {}, "it clips"),
        ("LSTM", ", input_forget = 1", "", {}, "couples input and forget gates"),
        (
            "LSTM",
            ', activations = ["HardSigmoid", "Tanh", "Tanh"]',
            "",
            {},
            "its functions are Hardsigmoid",
        ),
        ("LSTM", "", ", , , , , p", {"p": np.ones([1, 3 * H], np.float32)}, "peephole"),
        ("LSTM", "", ", , n", {"n": np.array([T - 1], np.int32)}, r"sequence_lens \[5\] differ from its 6 steps"),
        ("RNN", ', activations = ["Softsign"]', "", {}, "Tanh or Relu would work"),
        ("LSTM", "", "", {"r": np.ones([1, 3 * H, H], np.float32)}, "have no directions and gates in common|4 gates"),
        ("LSTM", "", ", b", {"b": np.ones([1, 4 * H], np.float32)}, "its biases have the shape"),
    ],
)
def test_what_has_no_form_is_refused(kind: str, said: str, inputs: str, more: Any, reason: str) -> None:
    outs = "a, last" if kind == "RNN" else "a, last, more"
    body = f"{TO_TIME} {outs} = {kind}<hidden_size = {H}{said}>(xt, w, r{inputs}) {TO_BATCH}"
    proto = model(body, f"float[1,{T},{I}] x", weights(kind, 1) | more)
    with pytest.raises(ModelError, match=reason):
        prepared(imported(proto))


def test_the_usual_lengths_and_no_peepholes_say_nothing() -> None:
    more = {"n": np.array([T], np.int32), "p": np.zeros([1, 3 * H], np.float32)}
    body = f"{TO_TIME} a, last, more = LSTM<hidden_size = {H}>(xt, w, r, , n, , , p) {TO_BATCH}"
    proto = model(body, f"float[1,{T},{I}] x", weights("LSTM", 1) | more)
    x = np.random.default_rng(4).normal(size=[1, T, I]).astype(np.float32)
    assert_close(outputs(prepared(imported(proto)), x), run_onnxruntime(proto, x), 1e-5)


def test_a_batch_that_is_taken_for_time_is_fixed() -> None:
    """Dimension 0 of the input is the batch everywhere else."""
    body = f"a, last, more = LSTM<hidden_size = {H}>(x, w, r) y = Squeeze(a, one)"
    proto = model(body, f"float[N,1,{I}] x", weights("LSTM", 1) | {"one": np.array([1])})
    said = imported(proto, x=[5, 1, I]).operation.attributes[qd.FIXED].value
    assert said == '"a" (LSTM) mixes images'


def of_torch(network: nn.Module, *shapes: tuple[int, ...]) -> ir.Module:
    return prepared(import_torch(network, tuple(torch.zeros(shape) for shape in shapes), new_context()))


class Layers(nn.Module):
    """Two layers in both directions, then one; time in front in between, as torch's layers have it."""

    def __init__(self, kind: type[nn.Module], **more: Any) -> None:
        super().__init__()
        self.first = kind(I, H, num_layers=2, bidirectional=True, **more)
        self.second = kind(2 * H, H, batch_first=True, bias=False, **more)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        states, last = self.first(x.transpose(0, 1))
        both = last if isinstance(last, tuple) else (last,)
        after, _ = self.second(states.transpose(0, 1))
        return after, *(each.transpose(0, 1).flatten(1) for each in both)


def test_every_product_of_a_layer_has_a_name_of_its_own() -> None:
    """By it a width may be given to each."""
    module = of_torch(Layers(nn.LSTM).eval(), (1, T, I))
    block = module.body.operations[0].regions[0].blocks[0]
    kinds = ("qd.linear", "qd.recurrence")
    names = [layer_name(op) for op in block.operations if op.operation.name in kinds]
    ways = ["first", "first_reverse", "first_l1", "first_l1_reverse", "second"]
    assert sorted(set(names)) == sorted([*ways, *(f"{name}.input" for name in ways)])


@pytest.mark.parametrize(
    ("kind", "more"), [(nn.LSTM, {}), (nn.GRU, {}), (nn.RNN, {}), (nn.RNN, {"nonlinearity": "relu"})]
)
def test_torch_layers(kind: type[nn.Module], more: Any) -> None:
    torch.manual_seed(0)
    network = Layers(kind, **more).eval()
    module = of_torch(network, (1, T, I))
    x = torch.randn(3, T, I)
    with torch.no_grad():
        assert_close(outputs(module, x.numpy()), [each.numpy() for each in network(x)], 1e-5)


def test_torch_states_that_are_given() -> None:
    """Constants and inputs."""

    class Given(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(I, H, batch_first=True)
            self.c = nn.Parameter(torch.linspace(-1, 1, H).reshape(1, 1, H))

        def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
            return self.rnn(x, (h, self.c))[0]

    network = Given().eval()
    x, h = torch.randn(1, T, I), torch.randn(1, 1, H)
    module = of_torch(network, (1, T, I), (1, 1, H))
    with torch.no_grad():
        assert_close(outputs(module, x.numpy(), h.numpy()), [network(x, h).numpy()], 1e-5)


def test_projected_states_are_refused() -> None:
    class Projected(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(I, H, proj_size=2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.rnn(x)[0]

    with pytest.raises(ModelError, match=r'"rnn" \(lstm\): .*proj_size'):
        of_torch(Projected().eval(), (1, T, I))


class Rows(nn.Module):
    """Every row of an image [N,C,R,T] is a sequence of its own: its states [N,R,T,2H], or the last ones [N,R,2H]."""

    def __init__(self, kind: type[nn.Module], batch_first: bool, last: bool) -> None:
        super().__init__()
        self.layer = kind(I, H, batch_first=batch_first, bidirectional=True)
        self.batch_first, self.last = batch_first, last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, rows, t = x.shape
        y = x.permute(0, 2, 3, 1).reshape(n * rows, t, c)
        y, states = self.layer(y if self.batch_first else y.transpose(0, 1))
        if self.last:
            h = states[0] if isinstance(states, tuple) else states
            return h.transpose(0, 1).reshape(n, rows, -1)
        y = y if self.batch_first else y.transpose(0, 1)
        return y.reshape(n, rows, t, -1)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_an_image_may_have_several_sequences(kind: type[nn.Module], batch_first: bool, last: bool) -> None:
    torch.manual_seed(4)
    network, x, file = Rows(kind, batch_first, last).eval(), torch.randn(2, I, 3, T), io.BytesIO()
    wanted = network(x).detach().numpy()
    module = prepared(import_torch(network, (x[:1],), new_context()))
    assert operations(module).count("recurrence") == 6  # of three rows, both ways
    assert_close(outputs(module, x.numpy()), [wanted], 1e-5)
    torch.onnx.export(
        network, (x,), file, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],  # pyright: ignore[reportArgumentType]
        dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
    )  # fmt: skip
    assert_close(outputs(prepared(imported(file.getvalue())), x.numpy()), [wanted], 1e-5)


def test_more_sequences_than_are_written_out_are_refused() -> None:
    network = Rows(nn.LSTM, True, False).eval()
    with pytest.raises(ModelError, match="has 65 sequences for one image; up to 64 would work"):
        prepared(import_torch(network, (torch.randn(1, I, 65, T),), new_context()))


@pytest.mark.filterwarnings("ignore:ranges were learned")
def test_several_sequences_in_integers() -> None:
    torch.manual_seed(5)
    network, x = Rows(nn.LSTM, True, False).eval(), torch.randn(16, I, 3, T)
    artifact = dyadic.compile(
        network, x.numpy(), example_inputs=(x[:1],), isa=["x86-64"], progress="off", measure=False
    )
    with artifact.load(max_batch=16) as session:
        np.testing.assert_allclose(session(x.numpy()), network(x).detach().numpy(), atol=0.03)
