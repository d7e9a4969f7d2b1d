"""Attention in networks: close to float, equal to the integer reference at every level, and nothing is copied."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.code_cache import code_cache
from support.random_graphs import write_ranges
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.compiler.targets.cpu.emit import emit
from dyadic.compiler.targets.registry import target_of
from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import FloatReference, IntegerReference
from dyadic.passes import PIPELINE, building, usual
from dyadic.passes.building import constant
from dyadic.runtime.cpu.levels import LEVELS, usable
from dyadic.runtime.session import load

HERE = [level.name for level in LEVELS if level.name in usable()]
ELSEWHERE = [level.name for level in LEVELS if level.name not in usable()]


class Block:
    """Linear layers to q, k and v, heads split, attention, heads merged, a linear layer."""

    def __init__(self, tokens: int, heads: int, size: int, bias: Any = 0.0, valid: Any = 1.0, scale: float = 1.5):
        self.tokens, self.heads, self.size = tokens, heads, size
        self.bias, self.valid, self.scale = np.asarray(bias, np.float32), np.asarray(valid, np.float32), scale
        self.random = np.random.default_rng(3)

    def linear(self, x: ir.Value) -> ir.Value:
        count = self.heads * self.size
        weights = self.random.standard_normal((count, count)) / count**0.5
        return building.linear(x, constant(weights), constant(self.random.standard_normal(count)))

    def split(self, x: ir.Value) -> ir.Value:
        parts = building.reshape(x, [1, self.tokens, self.heads, self.size])
        return building.transpose(parts, [0, 2, 1, 3])

    def build(self, x: ir.Value) -> ir.Value:
        q, k, v = (self.split(self.linear(x)) for _ in range(3))
        bias, valid = (constant(np.atleast_1d(each)) for each in (self.bias, self.valid))
        scale = ir.FloatAttr.get(ir.F64Type.get(), self.scale / self.size**0.5)
        made = qd.AttentionOp(q=q, k=k, v=v, bias=bias, valid=valid, scale=scale, out=q.type).out
        together = building.transpose(made, [0, 2, 1, 3])
        return self.linear(building.reshape(together, [1, self.tokens, self.heads * self.size]))


def network(block: Block) -> ir.Module:
    """A `qd` module of one block."""
    dims = [1, block.tokens, block.heads * block.size]
    module = ir.Module.create()
    kind = building.tensor_type(dims)
    with ir.InsertionPoint(module.body):
        function = func.FuncOp("main", ir.FunctionType.get([kind], [kind]))
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        func.return_([block.build(entry.arguments[0])])
    return module


def integers(block: Block) -> tuple[ir.Module, np.ndarray, np.ndarray]:
    """(`qi` module, samples, what float makes of them)."""
    module = network(block)
    shape = (3, block.tokens, block.heads * block.size)
    samples = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    for one in usual("prepare"):
        one.run(module.operation)
    write_ranges(module, torch.from_numpy(samples))
    expected = FloatReference(module)({"arg0": torch.from_numpy(samples)})["out0"].detach().numpy()
    for one in PIPELINE["integerize"]:
        one.run(module.operation)
    assert module.operation.verify()
    return module, samples, expected


def compare(block: Block, path: Path, others: list[str]) -> list[str]:
    """Artifacts with the reference, bit for bit, and that with float; code of `others` is certified.

    The ops of the program's steps.
    """
    module, samples, real = integers(block)
    expected = IntegerReference(module)({"arg0": samples})["out0"]
    error = np.abs(expected - real)
    assert np.sqrt((error**2).mean()) < 0.03 * real.std()
    integer = module.operation.clone()
    for one in PIPELINE["lower/cpu"]:
        one.run(module.operation)
        assert module.operation.verify()
    emitted = emit(module, [*HERE, *others], integer, code_cache())
    assert target_of("cpu").certify(integer, emitted).valid
    emitted.write(path, {})
    for level in HERE:
        for threads in (1, 2):
            with load(path, threads=threads, max_batch=3, isa=level) as session:
                for count in (3, 1):
                    (got,) = session.run(None, {"arg0": samples[:count]})
                    np.testing.assert_array_equal(got, expected[:count], f"{level}, {threads} threads")
    return [step.op for step in emitted.program.steps]


CAUSAL = np.triu(np.full((9, 9), -np.inf), 1)
PADDED = np.arange(9) < 6
BLOCKS = {
    "plain": Block(37, 3, 16),
    "one head": Block(9, 1, 12),
    "odd sizes": Block(7, 2, 5),
    "causal": Block(9, 2, 8, bias=CAUSAL),
    "additive mask": Block(9, 2, 8, bias=np.where(PADDED, 0.0, -10000.0).reshape(1, 1, 1, 9)),
    "relative positions": Block(9, 2, 8, bias=np.random.default_rng(2).standard_normal((1, 2, 9, 9))),
    "valid": Block(9, 2, 8, valid=PADDED.reshape(1, 1, 1, 9)),
    "an empty row": Block(9, 2, 8, valid=np.tril(np.ones((9, 9)), -1)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(name: str, tmp_path: Path) -> None:
    with new_context(), ir.Location.unknown():
        steps = compare(BLOCKS[name], tmp_path / "m.dyq", ELSEWHERE if name == "odd sizes" else [])
    assert steps.count("qi.attention") == 1
    assert set(steps) == {"qi.linear", "qi.attention"}  # heads are split and merged where they lie
