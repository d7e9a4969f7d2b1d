"""Recurrent layers in networks: artifacts equal the integer reference, bit for bit, at every level."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.every_level import check
from support.random_graphs import integers_of
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.dialects import new_context, qd
from dyadic.dialects.recurrence import GATES
from dyadic.passes import building
from dyadic.passes.building import i64

STEPS, FEATURES = 7, 11
Layer = tuple[str, int, bool, bool, str, int]  # kind, size, reverse, whether c is the result, first states, bits
NARROW: list[Layer] = [
    ("lstm", 5, False, False, "zero", 8),
    ("lstm", 33, True, True, "computed", 8),
    ("gru", 16, True, False, "constant", 8),
    ("gru-reset-first", 21, False, False, "computed", 4),
    ("tanh", 130, False, False, "zero", 8),
    ("relu", 17, True, False, "constant", 8),
]
WIDE: list[Layer] = [
    ("lstm", 40, True, False, "constant", 16),
    ("gru", 19, False, False, "computed", 16),
    ("gru-reset-first", 16, True, False, "zero", 16),
    ("tanh", 3, True, False, "computed", 16),
    ("relu", 9, False, False, "zero", 16),
]


def network(layers: Sequence[Layer], seed: int) -> ir.Module:
    """All of them beside each other: a result each."""
    random = np.random.default_rng(seed)

    def numbers(*dims: int) -> np.ndarray:
        return (random.normal(0, 1.5, dims) / np.sqrt(dims[-1])).astype(np.float32)

    def linear(x: ir.Value, size: int) -> ir.Value:
        depth = ir.RankedTensorType(x.type).shape[-1]
        return building.linear(x, building.constant(numbers(size, depth)), building.constant(numbers(size)))

    def state(x: ir.Value, size: int, how: str) -> ir.Value:
        if how == "computed":
            first = building.slice_(x, [0, 2, 0], [1, 1, 1], [1, 1, FEATURES])
            return building.unary(qd.TanhOp, linear(building.reshape(first, [1, FEATURES]), size))
        return building.constant(np.tanh(numbers(1, size)) if how == "constant" else np.zeros((1, size), np.float32))

    module, kind = ir.Module.create(), building.tensor_type([1, STEPS, FEATURES])
    with ir.InsertionPoint(module.body):
        function = func.FuncOp("main", ir.FunctionType.get([kind], []))
        block = function.add_entry_block()
    with ir.InsertionPoint(block):
        x, made = block.arguments[0], []
        for name, size, reverse, cell, how, bits in layers:
            rows = GATES[name] * size
            h, c = (state(x, size, how) for _ in range(2))
            weight, bias = numbers(rows, size), numbers(rows)
            made.append(building.recurrence(linear(x, rows), weight, bias, h, c, name, reverse=reverse, cell=cell))
            made[-1].owner.attributes[qd.BITS] = i64(bits)
        func.ReturnOp(made)
    results = ir.FunctionType.get([kind], [each.type for each in made])
    function.attributes["function_type"] = ir.TypeAttr.get(results)
    return module


@pytest.mark.parametrize(("layers", "seed"), [(NARROW, 0), (WIDE, 1)], ids=["narrow", "wide"])
def test_recurrent_layers_at_every_level(layers: Sequence[Layer], seed: int, tmp_path: Path) -> None:
    with new_context(), ir.Location.name("net"):
        kinds = check(*integers_of(network(layers, seed), seed, widths=False), tmp_path / "m.dyq")
    assert kinds.count("qi.recurrence") == len(layers)
