"""What ranks entries does so at the end of a network, in the model's own types and shapes, and nowhere else."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from support.last_functions import NETWORK, WEIGHTS, X
from support.onnx_models import model, run_onnxruntime

import dyadic
from dyadic.runtime.errors import ModelError, UsageError

KINDS = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32, "bool": TensorProto.BOOL}
NEAR = 0.2  # of numbers that may change places


def network(last: str, *outputs: str) -> onnx.ModelProto:
    """`last` makes the outputs, such as "int64 y", of `l`, numbers of 5 classes, or `r`, an image."""
    constants = {**WEIGHTS, "k": np.array([3]), "z": np.zeros(1, np.float32)}
    proto = model(NETWORK.format(last=last), constants=constants)
    del proto.graph.output[:]
    for kind, name in (output.split() for output in outputs):
        proto.graph.output.append(helper.make_tensor_value_info(name, KINDS[kind], None))
    return proto


def answered(last: str, *outputs: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(the session's answers, ONNX Runtime's)."""
    proto = network(last, *outputs)
    artifact = dyadic.compile(proto, calibration=[{"x": x[None]} for x in X], isa=["x86-64"])
    with artifact.load(max_batch=len(X)) as session:
        got = session.run(None, {"x": X})
        assert [info.dtype for info in session.outputs] == [each.dtype for each in got]
        assert [(len(X), *info.shape[1:]) for info in session.outputs] == [each.shape for each in got]
    return got, [np.concatenate(each) for each in zip(*(run_onnxruntime(proto, x[None]) for x in X), strict=True)]


@pytest.mark.parametrize(
    "last",
    [
        "y = ArgMax <axis = -1> (l)",
        "y = ArgMin <axis = 1, keepdims = 0> (l)",
        "y = ArgMax <axis = 1, keepdims = 0, select_last_index = 1> (l)",
        "s = LogSoftmax (l) y = ArgMax <axis = 1, keepdims = 0> (s)",
        "y = ArgMax <axis = 1, keepdims = 0> (r)",
        "a = ArgMax <axis = 2> (r) y = Cast <to = 6> (a)",
    ],
)
def test_places(last: str) -> None:
    (got,), (wanted,) = answered(last, "int32 y" if "Cast" in last else "int64 y")
    assert got.shape == wanted.shape and got.dtype == wanted.dtype
    assert (got == wanted).mean() > 0.9


def test_top_k() -> None:
    (values, places, class_), (wanted, there, its_class) = answered(
        "y, i = TopK (l, k) s = Softmax (l) g = ArgMax <axis = 1> (s)", "float y", "int64 i", "int64 g"
    )
    np.testing.assert_allclose(values, wanted, atol=NEAR)
    assert places.dtype == there.dtype == np.int64 and (places == there).mean() > 0.9
    assert (np.diff(values, axis=1) <= 0).all() and (class_ == its_class).mean() > 0.9
    assert (places[:, :1] == class_).all()


def test_masks_and_whole_numbers() -> None:
    (mask, others, whole), wanted = answered(
        "y = Greater (l, z) n = Not (y) t = Cast <to = 7> (l)", "bool y", "bool n", "int64 t"
    )
    assert [each.dtype for each in (mask, others, whole)] == [np.bool_, np.bool_, np.int64]
    assert (mask == ~others).all() and (mask == wanted[0]).mean() > 0.9
    assert np.abs(whole - wanted[2]).max() <= 1 and (whole == wanted[2]).mean() > 0.8


def test_the_batch_elsewhere() -> None:
    proto = network("t = Transpose <perm = [2, 0, 1, 3]> (r) y = ArgMax <axis = 3> (t)", "int64 y")
    artifact = dyadic.compile(proto, calibration=[{"x": x[None]} for x in X], isa=["x86-64"])
    with artifact.load(max_batch=len(X)) as session:
        got, info = session(X), session.outputs[0]
        wanted = np.concatenate([run_onnxruntime(proto, x[None])[0] for x in X], 1)
        assert got.shape == wanted.shape and info.shape == (3, "N", 3, 1) and (got == wanted).mean() > 0.9
        session.batch_first = True
        np.testing.assert_array_equal(session(X), np.moveaxis(got, 1, 0))
        with pytest.raises(UsageError, match="expected int64"):
            session.run(None, {"x": X}, out=[np.empty(got.shape, np.float32)])


def test_raw_integers_are_those_that_are_ranked() -> None:
    proto = network("y = ArgMax <axis = 1> (l)", "int64 y")
    artifact = dyadic.compile(proto, calibration=[{"x": x[None]} for x in X], isa=["x86-64"])
    with artifact.load(max_batch=len(X)) as session:
        step = session.inputs[0]
        codes = np.clip(np.rint(X / step.scale) + step.zero_point, 0, 255).astype(np.uint8)
        (raw,) = session.run(None, {"x": codes}, raw=True)
        np.testing.assert_array_equal(raw.argmax(1)[:, None], session(X))


def test_agreement_is_of_classes() -> None:
    labels = np.arange(len(X)) % 5
    proto = network("y = ArgMax <axis = 1, keepdims = 0> (l)", "int64 y")
    samples = {"x": X, "labels": labels}
    report = dyadic.compile(proto, calibration=X, evaluate=samples, isa=["x86-64"]).report
    wanted = np.concatenate([run_onnxruntime(proto, x[None])[0] for x in X])
    seen = report.comparison
    assert seen is not None and seen.float_accuracy == (wanted == labels).mean()
    assert seen.agreement is not None and seen.agreement > 0.8


def test_of_torch() -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.linear = torch.nn.Conv2d(4, 3, 3), torch.nn.Linear(60, 7)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            logits = self.linear(self.conv(x).flatten(1))
            return logits.argmax(-1), logits.argmin(1, keepdim=True), *logits.topk(2), logits > 0

    module, x = Network().eval(), torch.from_numpy(X)
    artifact = dyadic.compile(module, calibration=[{"x": x[None]} for x in X], isa=["x86-64"], example_inputs=(x[:1],))
    with artifact.load(max_batch=len(X)) as session:
        for got, wanted in zip(session.run(None, {"x": X}), module(x), strict=True):
            expected = wanted.detach().numpy()
            assert got.shape == expected.shape and got.dtype == expected.dtype
            assert (np.abs(got.astype(np.float32) - expected) < NEAR).mean() > 0.8


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("a = ArgMax <axis = 1> (l) b = Cast <to = 1> (a) y = Sin (b)", "at the end of the network only"),
        ("y = ArgMax <axis = 0> (l)", "ranks the images of a batch"),
    ],
)
def test_elsewhere(last: str, said: str) -> None:
    proto = network(last, "float y" if "Sin" in last else "int64 y")
    with pytest.raises(ModelError, match=said):
        dyadic.compile(proto, calibration=X, isa=["x86-64"])
