"""Rows over their own length, as sentence encoders end: `x / max(||x||, epsilon)` is a root mean square norm.

    Div(x, Expand(Clip(ReduceL2(x), 1e-12)))  -->  rms_norm(x, 1 / sqrt(n), 0)

A length is a Python value until it divides: it has no other integer form.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest.translation import Literal, Result, Unsupported


@dataclass(frozen=True)
class Length:
    """`max(||x||, least)` along the last dimension."""

    x: ir.Value
    least: float = 0.0


def length(x: ir.Value, axes: list[int]) -> Result:
    """The Euclidean length of rows."""
    rank = len(shape(x))
    if rank < 2 or [axis % rank for axis in axes] != [rank - 1]:
        raise Unsupported(f"it takes the length of {shape(x)} along the axes {axes}; the last one would work")
    return Length(x)


def at_least(value: Length, least: Any) -> Result:
    """The bound that keeps a division from one by 0."""
    number = float(least.array.reshape(-1)[0]) if isinstance(least, Literal) else least
    if not isinstance(number, int | float) or not 0 <= number < 1:
        raise Unsupported("it bounds a length by something that is not close to 0")
    return replace(value, least=float(number))


def over_length(x: Any, by: Length) -> Result:
    """A row over its own length; where that is below the bound, the norm is a little smaller than what is asked for."""
    if x != by.x:
        raise Unsupported("it divides by the length of another tensor")
    count = shape(by.x)[-1]
    scale, shift = np.full(count, 1 / math.sqrt(count)), np.zeros(count)
    return building.norm(qd.RmsNormOp, by.x, scale, shift, by.least**2 / count)
