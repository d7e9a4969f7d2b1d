"""Whole integer networks on the GPU for tests."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from support.code_cache import code_cache
from support.ptx.gpu import Gpu
from torch import nn
from torch_mlir import ir

from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.compiler.targets.cuda.emit import emit
from dyadic.compiler.targets.cuda.target import TARGET
from dyadic.dialects.reference import IntegerReference, boundary_names, main_function
from dyadic.passes import PIPELINE
from dyadic.runtime.session import load


def check_on_gpu(
    gpu: Gpu,
    module: ir.Module,
    samples: np.ndarray,
    path: Path,
    batches: tuple[int, ...] = (3, 1),
    levels: Sequence[str] = ("ptx",),
) -> list[str]:
    """An artifact of `module`, which has one input, gives the bits of its reference; its PTX has no float inside.
    levels: of which code it holds, as PTX, and each is run.

    Returns the ops of the program's steps.
    """
    (name,), _ = boundary_names(main_function(module))
    expected = IntegerReference(module)({name: samples})
    integer = module.operation.clone()
    for one in PIPELINE["lower/cuda"]:
        one.run(module.operation)
        assert module.operation.verify()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dyadic.compiler.targets.cuda.emit.assemble", lambda text, architecture: None)
        emitted = emit(module, levels, integer, code_cache())
        assert not TARGET.certify(integer, emitted).offenders
        emitted.write(path, {})
        gpu.start()
        patch.setenv("DYADIC_LIBCUDA", gpu.library._name)
        for level in levels:
            with load(path, max_batch=max(batches), device="cuda", isa=level) as session:
                for count in batches:
                    got = session.run(None, {name: samples[:count]})
                    for output, values in zip(session.outputs, got, strict=True):
                        np.testing.assert_array_equal(values, expected[output.name][:count], output.name)
    return [step.op for step in emitted.program.steps]


def steps(gpu: Gpu, make: Callable[[], nn.Module], dims: tuple[int, ...], path: Path) -> list[str]:
    """Of a network of random weights, which gives the bits of its reference."""
    torch.manual_seed(0)
    network = make()
    x = np.random.default_rng(0).normal(size=(3, *dims)).astype(np.float32)
    job = Job(network.eval(), x, example_inputs=(torch.from_numpy(x[:1]),))
    integer = network_after("integerize", job)
    with integer.context, ir.Location.unknown():
        return check_on_gpu(gpu, integer, x, path / "m.dyq")
