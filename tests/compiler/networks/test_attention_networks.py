"""Attention in networks: close to float, equal to the integer reference at every level, and nothing is copied."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.code_cache import code_cache
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.compiler.targets.cpu.emit import emit
from dyadic.compiler.targets.registry import target_of
from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import IntegerReference, main_function, run_qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import PIPELINE, building, usual
from dyadic.passes.building import constant
from dyadic.runtime.cpu.levels import LEVELS, usable
from dyadic.runtime.session import load

HERE = [level.name for level in LEVELS if level.name in usable()]
ELSEWHERE = [level.name for level in LEVELS if level.name not in usable()]


class Layers:
    """A function under construction."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(3)

    def linear(self, x: ir.Value) -> ir.Value:
        count = shape(x)[-1]
        weights = self.random.standard_normal((count, count)) / count**0.5
        return building.linear(x, constant(weights), constant(self.random.standard_normal(count)))

    def heads(self, x: ir.Value, heads: int) -> ir.Value:
        """[1, .., tokens, heads * size] as [1, .., heads, tokens, size]."""
        *outer, tokens, count = shape(x)
        parts = building.reshape(x, [*outer, tokens, heads, count // heads])
        return building.transpose(parts, swapped(len(outer)))

    def together(self, x: ir.Value) -> ir.Value:
        """The inverse."""
        *outer, heads, tokens, size = shape(x)
        return building.reshape(building.transpose(x, swapped(len(outer))), [*outer, tokens, heads * size])

    def attention(self, q: ir.Value, k: ir.Value, v: ir.Value, bias: Any = 0.0, valid: Any = 1.0) -> ir.Value:
        return attention(q, k, v, bias, valid, 1.5 / shape(q)[-1] ** 0.5)

    def block(self, x: ir.Value, heads: int, bias: Any = 0.0, valid: Any = 1.0) -> ir.Value:
        """Linear layers to q, k and v, heads split, attention, heads merged, a linear layer."""
        q, k, v = (self.heads(self.linear(x), heads) for _ in range(3))
        return self.linear(self.together(self.attention(q, k, v, bias, valid)))


def swapped(outer: int) -> list[int]:
    return [*range(outer), outer + 1, outer, outer + 2]


def attention(q: ir.Value, k: ir.Value, v: ir.Value, bias: Any, valid: Any, scale: float) -> ir.Value:
    """`qd.attention`; arrays become constants."""
    bias, valid = (x if isinstance(x, ir.Value) else constant(np.atleast_1d(x)) for x in (bias, valid))
    out = building.tensor_type([*shape(q)[:-1], shape(v)[-1]])
    factor = ir.FloatAttr.get(ir.F64Type.get(), scale)
    return qd.AttentionOp(q=q, k=k, v=v, bias=bias, valid=valid, scale=factor, out=out).out


def network(dims: list[int], build: Callable[..., ir.Value], mask: int = 0) -> ir.Module:
    """A `qd` module of one function of a tensor, and perhaps of a mask of so many integers."""
    module = ir.Module.create()
    kinds: list[ir.Type] = [building.tensor_type(dims)]
    if mask:
        kinds.append(ir.RankedTensorType.get([1, mask], ir.IntegerType.get_signless(32)))
    with ir.InsertionPoint(module.body):
        function = func.FuncOp("main", ir.FunctionType.get(kinds, []))
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        result = build(Layers(), *entry.arguments)
        func.return_([result])
    function.operation.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(kinds, [result.type]))
    return module


def integers(module: ir.Module, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """Makes `qi` of the module. What float makes of the samples."""
    for one in usual("prepare"):
        one.run(module.operation)
    ranges = [ir.DictAttr.get({}) for _ in feeds]

    def observe(op: Any, _: str, values: torch.Tensor) -> None:
        bounds = ir.DenseF64ArrayAttr.get([min(0.0, float(values.min())), max(0.0, float(values.max()))])
        if op is None and values.is_floating_point():
            ranges[0] = ir.DictAttr.get({qd.RANGE: bounds})
        elif op is not None and not op.implied:
            op.operation.attributes[qd.RANGE] = bounds

    with torch.no_grad():
        expected = run_qd(module, {name: torch.from_numpy(x) for name, x in feeds.items()}, observe)
    main_function(module).attributes["arg_attrs"] = ir.ArrayAttr.get(ranges)
    for one in PIPELINE["integerize"]:
        one.run(module.operation)
    assert module.operation.verify()
    return expected["out0"].numpy()


def compare(module: ir.Module, feeds: dict[str, np.ndarray], path: Path, others: list[str]) -> list[str]:
    """Artifacts with the reference, bit for bit, and that with float; code of `others` is certified.

    The ops of the program's steps.
    """
    real = integers(module, feeds)
    expected = IntegerReference(module)(feeds)["out0"]
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
                    (got,) = session.run(None, {name: x[:count] for name, x in feeds.items()})
                    np.testing.assert_array_equal(got, expected[:count], f"{level}, {threads} threads")
    return [step.op for step in emitted.program.steps]


CAUSAL = np.triu(np.full((9, 9), -np.inf), 1)
PADDED = np.arange(9) < 6
POSITIONS = np.random.default_rng(2).standard_normal((1, 2, 9, 9))
BLOCKS: dict[str, tuple[list[int], int, dict[str, Any]]] = {
    "plain": ([1, 37, 48], 3, {}),
    "one head": ([1, 9, 12], 1, {}),
    "odd sizes": ([1, 7, 10], 2, {}),
    "causal": ([1, 9, 16], 2, {"bias": CAUSAL}),
    "additive mask": ([1, 9, 16], 2, {"bias": np.where(PADDED, 0.0, -10000.0).reshape(1, 1, 1, 9)}),
    "relative positions": ([1, 9, 16], 2, {"bias": POSITIONS}),
    "valid": ([1, 9, 16], 2, {"valid": PADDED.reshape(1, 1, 1, 9)}),
    "an empty row": ([1, 9, 16], 2, {"valid": np.tril(np.ones((9, 9)), -1)}),
    "windows": ([1, 3, 9, 16], 2, {"bias": POSITIONS[:, None], "valid": CAUSAL[None, None] == 0}),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(name: str, tmp_path: Path) -> None:
    dims, heads, options = BLOCKS[name]
    with new_context(), ir.Location.unknown():
        module = network(dims, lambda layers, x: layers.block(x, heads, **options))
        steps = compare(module, {"arg0": samples(dims)}, tmp_path / "m.dyq", ELSEWHERE if name == "odd sizes" else [])
    assert steps.count("qi.attention") == 1
    assert set(steps) == {"qi.linear", "qi.attention"}  # heads are split and merged where they lie


def samples(dims: list[int]) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((3, *dims[1:])).astype(np.float32)


@pytest.mark.parametrize("bias", [0.0, CAUSAL], ids=["alone", "causal"])
def test_a_computed_mask(bias: Any, tmp_path: Path) -> None:
    """Of rows that differ in length, one of them empty; results do not depend on what is masked."""
    dims, mask = [1, 9, 16], (np.arange(9) < np.array([[9], [4], [0]])).astype(np.int64)

    def build(layers: Layers, x: ir.Value, given: ir.Value) -> ir.Value:
        kind = ir.RankedTensorType.get([1, 1, 1, 9], ir.IntegerType.get_signless(32))
        return layers.block(x, 2, bias, qd.ReshapeOp(x=given, out=kind).out)

    with new_context(), ir.Location.unknown():
        module = network(dims, build, mask=9)
        feeds = {"arg0": samples(dims), "arg1": mask}
        steps = compare(module, feeds, tmp_path / "m.dyq", [])
    assert set(steps) == {"qi.linear", "qi.attention"}
    with load(tmp_path / "m.dyq") as session:
        (before,) = session.run(None, {name: x[1:2] for name, x in feeds.items()})
        feeds["arg0"][1, 4:] *= -0.5
        (after,) = session.run(None, {name: x[1:2] for name, x in feeds.items()})
    np.testing.assert_array_equal(before[0, :4], after[0, :4])


def test_a_mean_of_what_is_valid(tmp_path: Path) -> None:
    """Every score is 0: q and k are constants of zeros."""
    dims, mask = [1, 9, 16], (np.arange(9) < np.array([[9], [4], [1]])).astype(np.int64)

    def build(layers: Layers, x: ir.Value, given: ir.Value) -> ir.Value:
        kind = ir.RankedTensorType.get([1, 1, 9], ir.IntegerType.get_signless(32))
        query, keys = (constant(np.zeros((1, n, 1))) for n in (1, 9))
        valid = qd.ReshapeOp(x=given, out=kind).out
        return attention(query, keys, layers.linear(x), 0.0, valid, 1.0)

    with new_context(), ir.Location.unknown():
        steps = compare(network(dims, build, mask=9), {"arg0": samples(dims), "arg1": mask}, tmp_path / "m.dyq", [])
    assert steps == ["qi.linear", "qi.attention"]


def test_queries_of_their_own(tmp_path: Path) -> None:
    """Fewer of them than keys, and values of another size; nothing is split in heads."""

    def build(layers: Layers, x: ir.Value) -> ir.Value:
        few = building.slice_(x, [0, 0, 0], [1, 1, 1], [1, 2, 16])
        v = building.slice_(layers.linear(x), [0, 0, 3], [1, 1, 1], [1, 9, 5])
        return layers.attention(layers.linear(few), layers.linear(x), v)

    with new_context(), ir.Location.unknown():
        compare(network([1, 9, 16], build), {"arg0": samples([1, 9, 16])}, tmp_path / "m.dyq", [])
