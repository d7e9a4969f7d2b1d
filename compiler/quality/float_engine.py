"""Runs the user's own float model, for comparison: ONNX Runtime an ONNX file, torch a torch module."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Outputs = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Engine:
    """`run` takes any batch; `bytes` is the size of the model's file or of its parameters."""

    name: str
    run: Callable[[dict[str, npt.NDArray[np.float32]]], Outputs]
    bytes: int


def make_engine(model: Any, threads: int) -> Engine:
    """What would run `model` with so many threads if there were no dyadic."""
    if isinstance(model, str | os.PathLike):
        return _onnx_engine(os.fspath(model), os.path.getsize(model), threads)
    if isinstance(model, bytes):
        return _onnx_engine(model, len(model), threads)
    if hasattr(model, "SerializeToString"):
        return _onnx_engine(data := model.SerializeToString(), len(data), threads)
    return _torch_engine(model, threads)


def _onnx_engine(model: str | bytes, size: int, threads: int) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # its threads would go on spinning on the processors of whoever is timed next
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    fixed = next((i.shape[0] for i in session.get_inputs() if i.shape and isinstance(i.shape[0], int)), None)

    def answers(feeds: dict[str, npt.NDArray[np.float32]]) -> Outputs:
        return [np.asarray(output) for output in session.run(None, feeds)]

    def run(feeds: dict[str, npt.NDArray[np.float32]]) -> Outputs:
        if fixed is None:
            return answers(feeds)
        # The file knows one batch only: samples go through in groups of that size, the last filled up with repetitions.
        count = len(next(iter(feeds.values())))
        groups = []
        for start in range(0, count, fixed):
            rows = np.minimum(np.arange(start, start + fixed), count - 1)
            groups.append(answers({name: value[rows] for name, value in feeds.items()}))
        return [np.concatenate(parts)[:count] for parts in zip(*groups, strict=True)]

    return Engine("onnxruntime", run, size)


def _torch_engine(module: Any, threads: int) -> Engine:
    import torch

    floats = [each.dtype for each in module.parameters() if each.is_floating_point()]
    kind = max(set(floats), key=floats.count, default=torch.float32)
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())

    def run(feeds: dict[str, npt.NDArray[np.float32]]) -> Outputs:
        threads_before = torch.get_num_threads()
        training = [each for each in module.modules() if each.training]
        torch.set_num_threads(threads)
        module.eval()
        try:
            with torch.inference_mode():
                # copies, since forward may write into its inputs, in the type that the module computes in
                answer = module(*(torch.tensor(value, dtype=kind) for value in feeds.values()))
        finally:
            torch.set_num_threads(threads_before)
            for each in training:
                each.training = True
        if isinstance(answer, dict):
            answer = list(answer.values())
        results = answer if isinstance(answer, tuple | list) else [answer]
        return [tensor.float().numpy() for tensor in results if isinstance(tensor, torch.Tensor)]

    return Engine("torch", run, size)
