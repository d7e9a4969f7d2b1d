"""Ranges for 4 and 16 bits: narrower or wider where that pays, taken where a plan says so, known to the simulation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.meaning import ROOT
from support.stages import calibrated
from torch_mlir import ir

from dyadic.compiler.calibrate import OBSERVERS
from dyadic.compiler.calibrate.mse import Mse
from dyadic.compiler.widths.simulate import Simulation, steps_of
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.dialects import qd
from dyadic.dialects.reference import main_function

DIGITS: Path = ROOT / "examples" / "digits"
VALUES = torch.from_numpy(np.random.default_rng(0).standard_t(5, 50_000).astype(np.float32))


def error(values: torch.Tensor, low: float, high: float, bits: int) -> float:
    scale, zero, bottom, top = steps_of(low, high, bits)
    rounded = ((values / scale).round() + zero).clamp(bottom, top).sub(zero).mul(scale)
    return float((rounded - values).square().mean())


@pytest.mark.parametrize("values", [VALUES, VALUES.relu(), -VALUES.relu()], ids=["both", "positive", "negative"])
def test_the_range_for_four_bits_is_the_best_for_four_bits(values: torch.Tensor) -> None:
    observer = Mse()
    observer.see(values)
    wide, narrow = observer.range(8), observer.range(4)
    assert narrow[1] - narrow[0] < 0.8 * (wide[1] - wide[0])
    found = error(values, *narrow, 4)
    assert found < 0.7 * error(values, *wide, 4)
    shares = np.linspace(0.2, 1.0, 17)
    tried = [error(values, observer.low * a, observer.high * b, 4) for a in shares for b in shares]
    assert found < 1.02 * min(tried)


@pytest.mark.parametrize("name", OBSERVERS)
def test_every_observer_answers_for_four_bits(name: str) -> None:
    observer = OBSERVERS[name]()
    observer.see(VALUES)
    low, high = observer.range(4)
    assert float(VALUES.min()) <= low < 0 < high <= float(VALUES.max())


def test_the_range_for_sixteen_bits_is_all_that_was_seen() -> None:
    observer = Mse()
    observer.see(VALUES)
    assert observer.range(16) == (float(VALUES.min()), float(VALUES.max())) != observer.range(8)


@pytest.mark.parametrize("bits", [4, 16])
def test_a_plan_takes_the_ranges_of_its_widths(bits: int) -> None:
    with np.load(DIGITS / "train.npz") as data:
        module = calibrated(DIGITS / "digits.onnx", {"image": data["image"][:100]}).module
    simulation = Simulation(module)
    body = list(main_function(module).operation.regions[0].blocks[0].operations)
    name = qd.RANGE_AT[bits]
    ops = [op for op in body if name in op.attributes]
    assert len(ops) > 2
    at_eight = [str(op.attributes[qd.RANGE]) for op in ops]
    with module.context:
        ops[0].attributes[qd.BITS] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), bits)
        take_ranges_of_widths(module)
    assert ops[0].attributes[qd.RANGE] == ops[0].attributes[name] and str(ops[0].attributes[qd.RANGE]) != at_eight[0]
    assert [str(op.attributes[qd.RANGE]) for op in ops[1:]] == at_eight[1:]
    points = simulation.points
    there = points.ranges_at(bits)
    assert there.keys() == points.ranges.keys() == points.ranges_at(8).keys()
    widths = [(there[slot][1], points.ranges[slot][1]) for slot in there]
    assert sum(a < b if bits == 4 else a > b for a, b in widths) >= len(widths) / 2
