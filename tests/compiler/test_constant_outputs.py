"""Outputs that do not depend on the input: compiled, saved, loaded, measured, and the same for every image."""

from pathlib import Path

import numpy as np
import torch
from support.onnx_models import model
from torch import nn

import dyadic


def test_a_table_beside_the_answer(tmp_path: Path) -> None:
    table = np.arange(4, dtype=np.float32).reshape(1, 4)
    proto = model("y = Conv(x, w)", constants={"w": [3, 4, 3, 3], "table": table})
    proto.graph.node.add(op_type="Identity", input=["table"], output=["anchors"], name="anchors")
    proto.graph.output.add(name="anchors").type.tensor_type.elem_type = 1
    x = np.random.default_rng(0).normal(size=(20, 4, 7, 6)).astype(np.float32)
    dyadic.compile(proto, x, isa=("x86-64",)).save(tmp_path / "a.dyq")
    _, anchors = dyadic.load(tmp_path / "a.dyq", max_batch=3).run(None, {"x": x[:3]})
    assert anchors.tolist() == [[0, 1, 2, 3]] * 3


def test_a_module_that_takes_one_image_only_is_measured_image_by_image(tmp_path: Path) -> None:
    class Token(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.c = nn.Parameter(torch.randn(1, 1, 6, 6)), nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(torch.cat([self.token, x], 1))

    network = Token().half().eval()
    x = np.random.default_rng(0).normal(size=(20, 2, 6, 6)).astype(np.float32)
    example = torch.zeros(1, 2, 6, 6, dtype=torch.half)
    dyadic.compile(network, x, example_inputs=(example,), isa=("x86-64",)).save(tmp_path / "a.dyq")
    got = dyadic.load(tmp_path / "a.dyq", max_batch=4)(x[:4])
    wanted = np.concatenate([network(torch.tensor(x[i : i + 1]).half()).detach().float().numpy() for i in range(4)])
    assert np.abs(got - wanted).max() < 0.05 * np.abs(wanted).max()
