"""Reading formulas that exporters spell out: what a value is as a function of another one.

Numbers that stand for all elements alike reach `qd` as a `scale_shift` with one scale and one shift, or as a constant.
"""

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import Array, constant_array
from dyadic.passes.rewriting import defining

HIGHEST_POWER = 4


def uniform(op: object) -> tuple[float, float] | None:
    """(scale, shift) of a `scale_shift` that does the same to all elements, else None."""
    if not isinstance(op, qd.ScaleShiftOp):
        return None
    scales, shifts = constant_array(op.scale), constant_array(op.shift)
    if scales is None or shifts is None or (scales != scales[0]).any() or (shifts != shifts[0]).any():
        return None
    return float(scales[0]), float(shifts[0])


def affine(value: ir.Value) -> tuple[ir.Value, float, float]:
    """(x, scale, shift) with `value = x * scale + shift`, x as far back as it goes."""
    scale, shift = 1.0, 0.0
    while True:
        op = defining(value)
        numbers = uniform(op)
        if numbers is None:
            return value, scale, shift
        scale, shift = scale * numbers[0], scale * numbers[1] + shift
        value = op.x


def polynomial(value: ir.Value, x: ir.Value) -> Array | None:
    """The coefficients, constant first, of `value` as a polynomial of `x`; None where it is none of a low degree."""
    if value == x:
        return np.array([0.0, 1.0])
    op = defining(value)
    numbers = uniform(op)
    if numbers is not None:
        inner = polynomial(op.x, x)
        return None if inner is None else np.polynomial.polynomial.polyadd(inner * numbers[0], [numbers[1]])
    if not isinstance(op, qd.Binary) or isinstance(op, qd.DivOp):
        return None
    a = polynomial(op.a, x)
    b = None if a is None else polynomial(op.b, x)
    if a is None or b is None or len(a) + len(b) > HIGHEST_POWER + 2:
        return None
    if isinstance(op, qd.MulOp):
        return np.polynomial.polynomial.polymul(a, b)
    return np.polynomial.polynomial.polyadd(a, b if isinstance(op, qd.AddOp) else -b)


def is_close(got: float, wanted: float) -> bool:
    """Equal as float32 arithmetic of an exporter leaves it."""
    return abs(got - wanted) <= 1e-5 * abs(wanted)


def same(a: ir.Value, b: ir.Value, depth: int = 4) -> bool:
    """Whether two values are computed in the same way from the same ones, as far as `depth` ops back."""
    if a == b:
        return True
    if depth == 0 or not isinstance(a, ir.OpResult) or not isinstance(b, ir.OpResult):
        return False
    one, other = a.owner, b.owner
    if one.name != other.name:
        return False
    pairs = zip(one.operands, other.operands, strict=True)
    said, other_said = ({name: op.attributes[name] for name in op.attributes} for op in (one, other))
    return said == other_said and all(same(x, y, depth - 1) for x, y in pairs)


def repeated(value: ir.Value) -> ir.Value:
    """What `value` is many copies of, side by side along dimensions that are 1 in it; the value itself elsewhere."""
    op = defining(value)
    if isinstance(op, qd.RepeatOp) and all(t == 1 or n == 1 for t, n in zip(ints(op.times), shape(op.x), strict=True)):
        return repeated(op.x)
    return value
