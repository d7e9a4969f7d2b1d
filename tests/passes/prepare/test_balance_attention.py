"""Balanced attention computes the same, heads of several channels and masks included."""

import numpy as np
import pytest
from support.meaning import assert_close, lit_functions, outputs, parse, run_passes
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.compiler.calibrate import calibrate
from dyadic.compiler.progress import Progress
from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import main_function
from dyadic.passes import building
from dyadic.passes.building import constant
from dyadic.passes.prepare.balance_attention import balance_attention, read_by

FUNCTIONS = lit_functions("prepare", "balance-attention")


def heads_of_very_different_size() -> ir.Module:
    """Three heads of four channels over five tokens."""
    random = np.random.default_rng(3)
    dims = building.tensor_type([1, 5, 12])
    module = ir.Module.create()
    with ir.InsertionPoint(module.body):
        function = func.FuncOp("main", ir.FunctionType.get([dims], [dims]))
    with ir.InsertionPoint(block := function.add_entry_block()):
        heads = []
        for _ in range(3):
            weight = random.standard_normal((12, 12)) * np.logspace(-1, 1, 12)[:, None]
            made = building.linear(block.arguments[0], constant(weight), constant(5 * random.standard_normal(12)))
            heads.append(building.transpose(building.reshape(made, [1, 5, 3, 4]), [0, 2, 1, 3]))
        zero, one = constant(np.zeros(1)), constant(np.ones(1))
        made = building.transpose(building.attention(heads[0], heads[1], heads[2], 0.05, zero, one), [0, 2, 1, 3])
        weight = random.standard_normal((12, 12))
        flat = building.reshape(made, [1, 5, 12])
        func.return_([building.linear(flat, constant(weight), constant(random.standard_normal(12)))])
    return module


def test_heads_are_balanced_and_the_result_stays() -> None:
    with new_context(), ir.Location.unknown():
        module = heads_of_very_different_size()
        x = np.random.default_rng(0).standard_normal((300, 5, 12)).astype(np.float32)
        calibrate(module, {"arg0": x}, "auto", Progress())
        before = outputs(module, x)
        wide = spread(module)
        run_passes(module, [balance_attention])
        assert_close(outputs(module, x), before, 1e-5)
        assert wide > 20 and spread(module) < 3


def spread(module: ir.Module) -> float:
    """How much larger the rows of the values' weights are in the largest channel than in the smallest."""
    op = next(op.opview for op in main_function(module).entry_block.operations if isinstance(op.opview, qd.AttentionOp))
    value = op.v
    while isinstance(value.owner.opview, qd.Move):
        value = value.owner.opview.x
    rows = np.abs(np.array(value.owner.opview.weight.owner.opview.value)).max(1)
    return float(rows.max() / rows.min())


@pytest.mark.parametrize("title", [title for title in FUNCTIONS if "masked" not in title])
def test_the_result_is_the_same(title: str) -> None:
    module = parse(FUNCTIONS[title])
    x = np.random.default_rng(1).standard_normal((4, 3, 2)).astype(np.float32)
    before = outputs(module, x)
    assert_close(outputs(run_passes(module, [balance_attention]), x), before, 1e-6)


def test_windows_of_which_padding_is_cut_off_have_no_heads_side_by_side() -> None:
    """Two windows of two rows, one of whose four is no row of the image: a layer reads three rows of four numbers."""
    with new_context(), ir.Location.unknown():
        dims = building.tensor_type([1, 2, 2, 4])
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            function = func.FuncOp("main", ir.FunctionType.get([dims], [building.tensor_type([1, 3, 5])]))
        with ir.InsertionPoint(block := function.add_entry_block()):
            x = block.arguments[0]
            made = building.attention(x, x, x, 0.5)
            rows = building.slice_(building.reshape(made, [1, 4, 4]), [0, 0, 0], [1, 1, 1], [1, 3, 4])
            func.return_([building.linear(rows, constant(np.ones((5, 4))), constant(np.zeros(5)))])
        assert read_by(made) is None
