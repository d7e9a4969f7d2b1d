"""A small network that was trained with other functions than exp and GELU, compiled with these."""

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import dyadic
from benchmarks.networks.encoder import Attention, seeded
from dyadic.compiler.importers.onnx import import_onnx
from dyadic.dialects import new_context
from dyadic.dialects.reference import run_qd
from dyadic.passes import PIPELINE, usual
from dyadic.runtime.cpu.levels import usable


def check(name: Literal["i-bert", "i-vit"], path: Path) -> None:
    """Integers, the same at every level, are near the network with its own functions, and nearer than to the one with
    the real ones."""
    network = seeded(nn.Sequential(Attention(16, 2), nn.GELU(), Attention(16, 2)))
    samples = np.random.default_rng(1).standard_normal((32, 9, 16)).astype(np.float32)
    with torch.inference_mode():
        real = network(torch.from_numpy(samples)).numpy()
    model = path.with_suffix(".onnx")
    torch.onnx.export(
        network, (torch.from_numpy(samples[:1]),), str(model), dynamo=False, opset_version=17, input_names=["x"]
    )
    own = in_float(model, samples, name)
    artifact = dyadic.compile(model, samples, nonlinear=name, isa="all", measure=False, progress="off")
    artifact.save(path)
    answers = []
    for level in usable():
        with dyadic.load(path, isa=level, max_batch=len(samples)) as session:
            answers.append(session.run(None, {"x": samples})[0])
    for other in answers[1:]:
        np.testing.assert_array_equal(answers[0], other)
    error, apart = np.square(answers[0] - own).mean(), np.square(own - real).mean()
    assert error < 2e-3 * own.var()
    assert error < np.square(answers[0] - real).mean() and apart > 0


def in_float(model: Path, samples: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """What the network makes with the functions of `name`."""
    module = import_onnx(str(model), new_context())
    for one in (*PIPELINE["ingest"], *usual("prepare", f"use-{name}")):
        one.run(module.operation)
    with torch.inference_mode():
        (output,) = run_qd(module, {"x": torch.from_numpy(samples)}).values()
    return output.numpy()
