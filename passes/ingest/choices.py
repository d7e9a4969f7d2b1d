"""Comparisons, logic and choices: what is true is 1, what is false 0, in tensors of float32 like any other.

a > b, a < b           greater(a, b), greater(b, a); of a number a step
not a, a and b, ...    1 - a, min(a, b), max(a, b), |a - b|
where(c, a, b)         a * c + b * (1 - c)
"""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest import families, masks
from dyadic.passes.ingest.folded import each
from dyadic.passes.ingest.translation import Literal, Result, Unsupported, literal
from dyadic.passes.ingest.types import BOOL, FLOAT

NUMPY = {
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}
MIRRORED = {"greater": "less", "less": "greater", "greater_equal": "less_equal", "less_equal": "greater_equal"}


def real(value: Any) -> Any:
    """A constant of bools or whole numbers as float32; anything else as it is."""
    if isinstance(value, Literal) and not np.issubdtype(value.array.dtype, np.floating):
        return Literal(value.array.astype(np.float32), value.location)
    return value


def compare(kind: str, a: Any, b: Any) -> Result:
    """`kind` is a key of `NUMPY`."""
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(NUMPY[kind](a.array, b.array))
    a, b = real(a), real(b)
    if isinstance(a, Literal):
        return compare(MIRRORED.get(kind, kind), b, a)
    if isinstance(b, Literal) and b.array.size and (b.array == b.array.flat[0]).all() and b.array.ndim <= 1:
        return _with_number(kind, a, float(b.array.flat[0]))
    match kind:
        case "greater":
            return families.elementwise(qd.GreaterOp, a, b)
        case "less":
            return families.elementwise(qd.GreaterOp, b, a)
        case "greater_equal":
            return negation(compare("less", a, b))
        case "less_equal":
            return negation(compare("greater", a, b))
        case "not_equal":
            return either(compare("greater", a, b), compare("less", a, b))
        case _:
            return negation(compare("not_equal", a, b))


def _with_number(kind: str, x: Any, number: float) -> Result:
    if np.isnan(number):
        raise Unsupported("it compares with NaN")
    match kind:
        case "greater":
            return step(x, number, or_equal=False)
        case "greater_equal":
            return step(x, number, or_equal=True)
        case "less":
            return negation(step(x, number, or_equal=True))
        case "less_equal":
            return negation(step(x, number, or_equal=False))
        case "equal":
            return families.sub(step(x, number, or_equal=True), step(x, number, or_equal=False))
        case _:
            return negation(_with_number("equal", x, number))


def hot(x: Any, depth: int, off: float, on: float) -> Result:
    """[..., 1] whole numbers to [..., depth]: `on` in the column of each, negative ones counted from the end.

    1 - |x - column| is 1 there, and not above 0 elsewhere.
    """
    columns = np.arange(depth, dtype=np.float32)
    found: Result = None
    for places in (columns, columns - depth):
        away = each(families.sub(x, literal(places)), lambda value: building.unary(qd.AbsOp, value))
        near = families.clamp(families.sub(literal(np.ones(1, np.float32)), away), 0.0, 1.0)
        found = near if found is None else families.add(found, near)
    return families.add(families.mul(found, literal(np.asarray(on - off))), literal(np.asarray(off)))


def step(x: Any, threshold: float, *, or_equal: bool) -> Result:
    """1 above the threshold, else 0."""

    how = ir.BoolAttr.get(or_equal)
    return each(
        x, lambda value: qd.StepOp(x=value, threshold=building.f32(threshold), or_equal=how, out=value.type).result
    )


def negation(a: Any) -> Result:
    """1 - a."""
    if isinstance(a, Literal):
        return literal(np.logical_not(a.array))
    return each(a, lambda value: building.hard_sigmoid(value, -1.0, 1.0))


def both(a: Any, b: Any) -> Result:
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(np.logical_and(a.array, b.array))
    if isinstance(a, Literal) or isinstance(b, Literal):
        return families.mul(real(a), real(b))
    return families.elementwise(qd.MinOp, a, b)


def either(a: Any, b: Any) -> Result:
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(np.logical_or(a.array, b.array))
    if isinstance(a, Literal) or isinstance(b, Literal):
        return negation(both(negation(a), negation(b)))
    return families.elementwise(qd.MaxOp, a, b)


def one_of(a: Any, b: Any) -> Result:
    """Exactly one of two."""
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal(np.logical_xor(a.array, b.array))
    return each(families.sub(real(a), real(b)), lambda value: building.unary(qd.AbsOp, value))


def is_true(x: Any) -> Result:
    """What is not 0."""
    if isinstance(x, Literal):
        return literal(x.array != 0)
    return step(each(x, lambda value: building.unary(qd.AbsOp, value)), 0.0, or_equal=False)


def choose(condition: Any, a: Any, b: Any) -> Result:
    """`a` where the condition is 1, `b` where it is 0."""
    for side in (a, b):
        if isinstance(side, Literal) and side.array.size and float(np.min(side.array)) <= masks.VERY_NEGATIVE:
            raise Unsupported(
                "what it masks with something very negative depends on the input, and is no mask of valid tokens"
            )
    return _sum(_part(a, condition), _part(b, negation(condition)))


def _part(x: Any, condition: Any) -> Result | None:
    """`x * condition`; None where that is 0."""
    x, condition = real(x), real(condition)
    if isinstance(x, Literal) and not x.array.any():
        return None
    return families.mul(condition, x) if isinstance(x, Literal) else families.mul(x, condition)


def _sum(a: Result | None, b: Result | None) -> Result:
    if a is None or b is None:
        found = a if b is None else b
        if found is None:
            raise Unsupported("it chooses between 0 and 0")
        return found
    return families.add(a, b)


def extreme(kind: type[qd.MaxOp] | type[qd.MinOp], a: Any, b: Any) -> Result:
    """The larger or the smaller of two; of a tensor and one number a clamp."""
    largest = kind is qd.MaxOp
    if isinstance(a, Literal) and isinstance(b, Literal):
        return literal((np.maximum if largest else np.minimum)(a.array, b.array))
    if isinstance(a, Literal):
        return extreme(kind, b, a)
    b = real(b)
    if isinstance(b, Literal) and b.array.size == 1:
        bound = b.array.item()
        return families.clamp(a, bound if largest else -np.inf, np.inf if largest else bound)
    return families.elementwise(kind, a, b)


def bounded(x: Any, low: Any, high: Any) -> Result:
    """Between two bounds, each of them a number, a constant, computed, or None."""
    for kind, bound in ((qd.MaxOp, low), (qd.MinOp, high)):
        if bound is not None:
            x = extreme(kind, x, bound)
    return x


def cast(x: Any, before: str, after: str) -> Result:
    """Between float, bool and whole numbers; `qd` computes in float32 whatever they are."""
    if isinstance(x, masks.LATER) or before == after or after == FLOAT:
        return real(x) if after == FLOAT else x
    return is_true(x) if after == BOOL else truncated(x) if before == FLOAT else x


def truncated(x: Any) -> Result:
    """A whole number, towards 0."""
    if isinstance(x, Literal):
        return literal(np.trunc(x.array))
    return each(x, lambda value: building.unary(qd.TruncOp, value))
