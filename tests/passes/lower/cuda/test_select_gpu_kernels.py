"""Rings are launches of their own before all steps, and what there is no kernel for is named in a sentence.

What the launches compute is compared with the integer reference in `tests/compiler/networks/test_on_gpu.py`.
"""

import pytest
from support.meaning import ROOT, parse
from support.random_graphs import integer_module
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.launch import launches_of
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cuda.select_gpu_kernels import SETUP
from dyadic.runtime.errors import ModelError

TEXT = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "select-gpu-kernels.mlir").read_text()


def lowered(text: str) -> ir.Module:
    module = parse(text)
    for one in PIPELINE["lower/cuda"]:
        if one.name != "choose-dim-order":  # the text has its order
            one.run(module.operation)
        assert module.operation.verify()
    return module


def test_rings_are_written_before_everything_else() -> None:
    launches = launches_of(lowered(TEXT))
    setup = [SETUP in launch.attributes for launch in launches]
    assert setup == sorted(setup, reverse=True) == [True, False, False]
    assert [launch.op.value for launch in launches[1:]] == ["qi.conv2d", "qi.avg_pool"]


def test_float_islands_are_refused_by_their_name() -> None:
    with new_context(), ir.Location.unknown():
        module, _ = integer_module(2, layers=12, mixed=True, islands=True)
        with pytest.raises(ModelError, match="cuda has no code for what is excluded and stays in float, "):
            for one in PIPELINE["lower/cuda"]:
                one.run(module.operation)
