"""A network of the list goes from its name to a line of the page; what is refused says why."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from benchmarks.zoo.check import checked
from benchmarks.zoo.networks import GROUPS, exported
from benchmarks.zoo.samples import GRAIN, smooth
from benchmarks.zoo.table import page


def test_a_name_becomes_a_row(tmp_path: Path) -> None:
    path = exported("act_hardtanh", tmp_path)
    made = checked(path)
    assert made["taken"] and not made["why"] and made["sqnr_db"] > 20 and made["bytes"] > 0
    text = page([{"name": "act_hardtanh", **made}])
    assert f"| activations | {len(GROUPS['activations'])} | 1 | 1 |" in text
    assert f"| act_hardtanh | {made['seconds']:.0f} |" in text


def test_a_refusal_is_said_on_the_page(tmp_path: Path) -> None:
    node = helper.make_node("NonZero", ["x"], ["y"], name="places")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, [3, None])
    model = helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path / "places.onnx"
    onnx.save(model, path)
    made = checked(path)
    assert not made["taken"] and "places" in made["why"]
    text = page([{"name": str(path), **made}])
    assert "| real files | 1 | 1 | 0 |" in text and made["why"].splitlines()[0] in text


def test_neighbours_are_alike_and_channels_are_not() -> None:
    x = smooth([1, 4, 8 * GRAIN, 8 * GRAIN], torch.Generator().manual_seed(0)).numpy()
    step = np.square(np.diff(x, axis=-1)).mean() / x.var()
    assert step < 0.5 and abs(np.corrcoef(x[0].reshape(4, -1))[0, 1]) < 0.5
