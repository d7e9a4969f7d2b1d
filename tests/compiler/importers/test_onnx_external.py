"""Weights in files beside the model: of initializers, of Constant nodes, inside branches; from its folder alone."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.meaning import assert_close, outputs, prepared, random_inputs
from support.onnx_models import complaint, imported, model, run_onnxruntime

from dyadic.runtime.errors import FileError, ModelError

WEIGHTS = np.random.default_rng(0).normal(size=(3, 4, 3, 3)).astype(np.float32)


def external(kind: str) -> onnx.ModelProto:
    """A convolution whose weights are an initializer, a Constant node's, or a branch's."""
    if kind == "initializer":
        return model("y = Conv(x, w)", constants={"w": WEIGHTS})
    if kind == "constant":
        proto = model("w = Constant<value_float=0.0>() y = Conv(x, w)")
        value = proto.graph.node[0].attribute[0]
        value.CopyFrom(onnx.helper.make_attribute("value", numpy_helper.from_array(WEIGHTS, "w")))
        return proto
    body = """
        y = If(c) <then_branch = t () => (float v) { v = Conv(x, w) }, else_branch = e () => (float v) { v = Tanh(x) }>
    """
    proto = model(body, constants={"c": np.array(True)})
    proto.graph.node[0].attribute[0].g.initializer.append(numpy_helper.from_array(WEIGHTS, "w"))
    return proto


def tensor_of(proto: onnx.ModelProto) -> onnx.TensorProto:
    tensors = [t for t in proto.graph.initializer if t.name == "w"]
    for node in proto.graph.node:
        for attribute in node.attribute:
            tensors += [attribute.t] if attribute.HasField("t") else list(attribute.g.initializer)
    return tensors[0]


def put_beside(proto: onnx.ModelProto, location: str, **settings: str) -> None:
    tensor = tensor_of(proto)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **settings}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


@pytest.mark.parametrize("kind", ["initializer", "constant", "branch"])
def test_read_from_the_models_folder_wherever_one_is(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = external(kind)
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "there" / "w.bin").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "here" / "w.bin").write_bytes((-WEIGHTS).tobytes())
    monkeypatch.chdir(tmp_path / "here")
    put_beside(proto, "w.bin")
    path = tmp_path / "there" / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    module = prepared(imported(path))
    inputs = random_inputs(module)
    assert_close(outputs(module, *inputs), run_onnxruntime(external(kind), *inputs), 1e-6)
    assert "by its path" in complaint(ModelError, path.read_bytes())


@pytest.mark.parametrize("kind", ["initializer", "constant", "branch"])
def test_nowhere_else(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    secret = tmp_path / "secret.bin"
    secret.write_bytes(WEIGHTS.tobytes())
    os.symlink(secret, folder / "link.bin")
    os.symlink(tmp_path, folder / "up")
    for location in ("../secret.bin", "deep/../../secret.bin", str(secret), "link.bin", "up/secret.bin", ""):
        proto = external(kind)
        put_beside(proto, location)
        (folder / "model.onnx").write_bytes(proto.SerializeToString())
        assert complaint(ModelError, folder / "model.onnx")
    os.link(secret, folder / "hard.bin")
    proto = external(kind)
    put_beside(proto, "hard.bin")
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    assert "hard.bin" in complaint(FileError, folder / "model.onnx")


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"length": "431"}, ModelError, "said to be 431 bytes"),
        ({"length": "many"}, ModelError, "no number"),
        ({"offset": "-8"}, ModelError, "at -8"),
        ({"offset": "99999999999"}, FileError, "432 bytes long"),
        ({"offset": "4"}, FileError, "ends before"),
    ],
)
def test_sizes_are_checked_before_anything_is_read(
    settings: dict[str, str], kind: type[ModelError | FileError], said: str, tmp_path: Path
) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    proto = external("constant")
    put_beside(proto, "w.bin", **settings)
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    assert said in complaint(kind, tmp_path / "model.onnx")


def test_a_missing_file_and_a_tensor_that_claims_more_than_there_is(tmp_path: Path) -> None:
    proto = external("initializer")
    put_beside(proto, "w.bin")
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    assert "w.bin" in complaint(FileError, tmp_path / "model.onnx")
    (tmp_path / "w.bin").write_bytes(b"123")
    assert "3 bytes long" in complaint(FileError, tmp_path / "model.onnx")
    tensor_of(proto).dims[0] = 1 << 50
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    assert "ends before" in complaint(FileError, tmp_path / "model.onnx")
