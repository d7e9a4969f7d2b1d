"""Tables of functions that have no value somewhere, of those that grow without bounds, and lines of 16 bits."""

from fractions import Fraction

import numpy as np
import pytest
from support.meaning import parse, run_passes
from torch_mlir import ir

from dyadic.dialects import piecewise_linear, qd
from dyadic.dialects.reference import main_function
from dyadic.passes.integerize.place_ranges import place_ranges
from dyadic.passes.integerize.quantization import Activation, value_range
from dyadic.passes.integerize.tables import line, line_table, table
from dyadic.runtime.errors import ModelError

MODULES: list[ir.Module] = []  # that ops live in


def function(text: str, low: float, high: float, attributes: str = "") -> qd.Function:
    """The op, its input of that range, its result of everything that float32 knows."""
    module = parse(
        f"""func.func @main(%x: tensor<1x4xf32> {{qd.range = array<f64: {low}, {high}>}}) -> tensor<1x4xf32> {{
          %0 = "qd.{text}"(%x) {{qd.range = array<f64: -87.5, 8.5e37>{attributes}}}
            : (tensor<1x4xf32>) -> tensor<1x4xf32>
          return %0 : tensor<1x4xf32>
        }}"""
    )
    MODULES.append(run_passes(module, [place_ranges]))
    return next(op.opview for op in main_function(module).regions[0].blocks[0].operations)


def test_where_it_has_no_value_a_function_takes_that_of_the_nearest_step() -> None:
    log = function("log", 0.0, 2.55)
    entries = table(log, Activation(0.01, 0), Activation(0.025, 200))
    assert entries[0] == entries[1] == 200 - 184  # log(0.01) = -4.605
    assert entries[100] == 200 and entries[255] == 237
    inverse = function("reciprocal", -1.28, 1.27)
    entries = table(inverse, Activation(0.01, 128), Activation(1.0, 100))
    assert list(entries[127:130]) == [0, 200, 200] and entries[28] == 99 and entries[228] == 101
    root = function("sqrt", -1.28, 1.27)
    entries = table(root, Activation(0.01, 128), Activation(0.01, 0))
    assert not entries[:129].any() and entries[228] == 100


def test_a_range_holds_what_steps_of_the_input_reach() -> None:
    """Of what calibration saw between 0 and the first step nothing can be made."""
    low, high = value_range(function("log", 0.0, 2.55).out)
    assert low == pytest.approx(np.log(0.01), rel=1e-6) and high == pytest.approx(np.log(2.55), rel=1e-6)
    assert value_range(function("reciprocal", 0.0, 2.55).out) == pytest.approx((1 / 2.55, 100.0), rel=1e-6)
    assert value_range(function("sqrt", 0.0, 2.55).out) == (-87.5, 8.5e37)  # grows no faster than its input's steps


def test_a_function_without_any_value_is_refused_by_its_layer() -> None:
    op = function("acosh", -1.0, 0.5)
    with pytest.raises(ModelError, match="acosh has no value anywhere in what it reads"):
        table(op, Activation(0.01, 255), Activation(0.01, 0))


def test_powers_of_negative_numbers() -> None:
    cube, root = (function("power", -1.28, 1.27, f", exponent = {e:.6e} : f32") for e in (5.0, 0.75))
    assert cube.exact(Fraction(-2)) == -32 and cube.defined(Fraction(-2)) and not root.defined(Fraction(-2))
    assert float(root.exact(Fraction(16))) == 8.0


@pytest.mark.parametrize(
    ("text", "scale", "unit"),
    [
        ("gelu", 8 / 32767, 8 / 32767),
        ("silu", 30 / 32767, 30 / 32767),
        ("sigmoid", 12 / 32767, 1 / 32767),
        ("tanh", 100 / 32767, 1 / 32767),
        ("exp", 4 / 32767, 55 / 32767),
        ("log", 1000 / 32767, 11 / 32767),
        ("sqrt", 3 / 32767, 2 / 32767),
        ("sin", 3.2 / 32767, 1 / 32767),
        ("abs", 5 / 32767, 5 / 32767),
    ],
)
def test_lines_are_the_function_within_a_step(text: str, scale: float, unit: float) -> None:
    """Half a step of rounding and half a step of bending, at any of the 16-bit numbers; of those near 0, exact."""
    op = function(text, -1.0, 1.0)
    x, out = Activation(scale, 0, 16), Activation(unit, 0, 16)
    lines = line_table(op, x, out)
    places = np.unique(np.concatenate([np.arange(-70, 70), np.arange(-32768, 32768, 61), [32767]]))
    got = np.clip(piecewise_linear.values(lines, places), -32768, 32767)
    valid = np.array([op.defined(x.exact * int(place)) for place in places])
    exact = [float(op.exact(x.exact * int(place)) / out.exact) for place in np.where(valid, places, 1)]
    off = np.abs(got - np.clip(exact, -32768, 32767))
    off[~valid] = 0
    assert off.max() <= 1.02 and off[np.abs(places) < 64].max() <= 0.5 + 1e-3


@pytest.mark.parametrize("text", ["silu", "gelu", "exp"])
def test_lines_stay_inside_words_where_values_leave_16_bits(text: str) -> None:
    """Such a line bends where it is cut off, and is moved no further than a word reaches."""
    for times in (2.1, 3, 7.7, 40):
        x, out = Activation(30 / 32767, 0, 16), Activation(30 / 32767 / times, 0, 16)
        lines = line_table(function(text, -1.0, 1.0), x, out)
        start, slope = lines.astype(np.int64).T
        bits = piecewise_linear.bits_of(len(lines))
        assert bits is not None
        ends = start + slope * piecewise_linear.reach(bits)
        assert max(np.abs(start).max(), np.abs(ends).max()) <= piecewise_linear.LARGEST_START


def test_a_function_without_values_on_one_side_takes_the_nearest_of_16_bits() -> None:
    lines = line_table(function("log", 0.0, 2.55), Activation(0.01, 0, 16), Activation(0.001, 0, 16))
    values = piecewise_linear.values(lines, np.array([-32768, -100, -1, 0, 1]))
    assert set(values) == {-4605}
    with pytest.raises(ModelError, match="acosh has no value anywhere in what it reads"):
        line_table(function("acosh", -1.0, 0.5), Activation(1e-6, 0, 16), Activation(0.01, 0, 16))


def test_a_line_is_rounded_once() -> None:
    """1 is 127.5014 steps: with 128 steps less, 0.0014 above a half, which no rounded factor of the line would show."""
    scale = 0.0078430548310279846
    entries = line(1.0, 1.0, Activation(scale, 128), Activation(scale, 0), 0, 255)
    assert entries.tolist() == list(range(256))
    below = line(1.0, 1.0 - 2e-5, Activation(scale, 128), Activation(scale, 0), 2, 250)
    assert below.tolist() == [min(max(q - 1, 2), 250) for q in range(256)]
    assert line(-2.0, 0.0, Activation(0.5, 3, 4), Activation(1e-3, 0, 16), -32768, 32767).tolist() == [
        *(max(-1000 * (q - 3), -32768) for q in range(16)),
        *[0] * 240,
    ]
