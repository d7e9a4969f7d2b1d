"""A tiny network whose last operator is what a test says, compiled for the portable level."""

from pathlib import Path

import numpy as np
from support.onnx_models import model, run_onnxruntime

import dyadic
from dyadic.compiler.artifact import Artifact
from dyadic.compiler.options import LastActivationName

X = np.random.default_rng(3).normal(0, 1, (8, 4, 7, 6)).astype(np.float32)
NETWORK = "c = Conv <strides = [2, 2]> (x, w) r = Relu(c) f = Flatten(r) l = MatMul(f, m) {last}"
RANDOM = np.random.default_rng(2)
WEIGHTS = {
    name: RANDOM.normal(0, 0.2, shape).astype(np.float32) for name, shape in (("w", (3, 4, 3, 3)), ("m", (18, 5)))
}


def compiled(last: str, option: LastActivationName, path: Path) -> tuple[Artifact, np.ndarray]:
    """The artifact, saved, and ONNX Runtime's answers."""
    proto = model(NETWORK.format(last=last), constants=WEIGHTS)
    artifact = dyadic.compile(proto, calibration=[{"x": x[None]} for x in X], isa=["x86-64"], last_activation=option)
    artifact.save(path)
    return artifact, np.concatenate([run_onnxruntime(proto, x[None])[0] for x in X])


def answers(path: Path, complete: bool = False) -> np.ndarray:
    with dyadic.load(path, max_batch=len(X), complete=complete) as session:
        return session(X)
