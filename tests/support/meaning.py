"""What a graph computes, before and after passes; the functions of a lit file are small graphs to try it on."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch_mlir import ir
from torch_mlir.dialects import torch as torch_dialect

from dyadic.dialects import new_context
from dyadic.dialects.reference import boundary_names, main_function, run_qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import PIPELINE, usual
from dyadic.passes.rewriting import Pass

ROOT = Path(__file__).resolve().parents[2]
Array = npt.NDArray[np.float32]


def lit_functions(stage: str, name: str) -> dict[str, str]:
    """The functions of a pass's lit file that are no errors, each as a module of its own."""
    text = (ROOT / "lit_tests" / "passes" / stage / f"{name}.mlir").read_text()
    found = re.findall(r"^func\.func @(\w+)(\(.*?^\})", text.split("// -----")[0], re.M | re.S)
    return {title: f"func.func @main{rest}" for title, rest in found}


def parse(text: str) -> ir.Module:
    context = new_context()
    torch_dialect.register_dialect(context)
    with context:
        return ir.Module.parse(text)


def run_passes(module: ir.Module, passes: Iterable[Pass]) -> ir.Module:
    for one in passes:
        one.run(module.operation)
    assert module.operation.verify()
    return module


def prepared(module: ir.Module) -> ir.Module:
    """What every network goes through before calibration."""
    return run_passes(module, (*PIPELINE["ingest"], *usual("prepare")))


def outputs(module: ir.Module, *inputs: Array) -> list[Array]:
    """The results of @main in order; inputs in order, of any batch size."""
    names = boundary_names(main_function(module))
    given = {name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in zip(names[0], inputs, strict=True)}
    results = run_qd(module, given)
    return [results[name].detach().numpy() for name in names[1]]


def random_inputs(module: ir.Module, batch: int = 2, seed: int = 0) -> list[Array]:
    """Values on both sides of the usual clamps."""
    random = np.random.default_rng(seed)
    arguments = main_function(module).operation.regions[0].blocks[0].arguments
    return [random.normal(0, 3, [batch, *shape(v)[1:]]).astype(np.float32) for v in arguments]


def assert_close(got: Sequence[Array], wanted: Sequence[Any], tolerance: float) -> None:
    """Equal shapes, and no element off by more than `tolerance` of the largest."""
    assert [g.shape for g in got] == [np.shape(w) for w in wanted]
    for g, w in zip(got, wanted, strict=True):
        np.testing.assert_allclose(g, w, rtol=0, atol=tolerance * max(1e-6, float(np.abs(w).max(initial=0))))


def assert_unchanged(one: Pass, text: str, tolerance: float = 1e-6) -> None:
    """`text` computes the same before and after the pass."""
    module = parse(text)
    inputs = random_inputs(module)
    before = outputs(module, *inputs)
    assert_close(outputs(run_passes(module, [one]), *inputs), before, tolerance)


def operations(module: ir.Module) -> list[str]:
    """The kinds of ops in @main, constants and the return left out."""
    block = main_function(module).operation.regions[0].blocks[0]
    names = [op.operation.name.removeprefix("qd.") for op in block.operations]
    return [name for name in names if name not in ("constant", "func.return")]
