"""An addition that takes in a layer gets steps of which its residual's are a whole number of 256ths.

The residual's multiplier is then a small integer at the place where kernels like to add it (`residual_multipliers`).
The range only grows, by 2 % at most, or stays as it is, as one does that the model gives. Ops that move bytes keep
their input's range, so those behind grow, too; a concat holds several inputs to one range, so what it reads stays.

    add(conv, y : range r) : range s {qd.takes_in = "a"}  -->  add(conv, y) : range s * g      1 <= g <= 1.02

Truth: exact on the float graph; it decides only where steps lie.
"""

from fractions import Fraction
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.passes.integerize.choose_fused_additions import TAKES_IN, operands
from dyadic.passes.integerize.integerize import fused_clamp
from dyadic.passes.integerize.quantization import set_value_range, value_activation, value_given, value_range
from dyadic.passes.rewriting import module_pass

PARTS = 256
MOST = Fraction(102, 100)


@module_pass
def align_residuals(module: ir.Operation) -> None:
    """Grow the range of every fused addition until its residual's scale is a multiple of 1/256 of its own."""
    for block in function_bodies(module):
        for op in block.operations:
            if TAKES_IN in op.attributes:
                align(op.opview)


def align(op: Any) -> None:
    """One marked addition."""
    _, residual = operands(op)
    tail = fused_clamp(op)
    result = op.out if tail is None else tail.out
    ratio = value_activation(residual).exact / value_activation(result).exact
    whole = int(ratio * PARTS)
    grown = moved_with(result)
    if value_given(result) is not None or grown is None or whole == 0 or ratio * PARTS > MOST * whole:
        return
    growth = float(ratio * PARTS / whole)
    low, high = value_range(result)
    for value in grown:
        set_value_range(value, low * growth, high * growth)


def moved_with(value: ir.Value) -> list[ir.Value] | None:
    """`value` and all that ops behind it move unchanged; None where a concat reads one of them."""
    every = [value]
    for use in value.uses:
        reader = use.owner.opview
        if qd.joins_ranges(reader):
            return None
        if qd.keeps_range(reader):
            more = moved_with(reader.out)
            if more is None:
                return None
            every += more
    return every
