"""Rows over their own length, as sentence encoders end: `x / max(||x||, epsilon)` is a root mean square norm.

    Div(x, Expand(Clip(ReduceL2(x), 1e-12)))  -->  rms_norm(x, 1 / sqrt(n), 0)

A length is a Python value until it divides: it has no other integer form.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.translation import Literal, Result, Unsupported


@dataclass(frozen=True)
class Length:
    """`max(||x||, least)` along the last dimension."""

    x: Result
    least: float = 0.0


def at_least(value: Length, least: Any) -> Result:
    """The bound that keeps a division from one by 0."""
    number = float(least.array.item()) if isinstance(least, Literal) and least.array.size == 1 else least
    if not isinstance(number, int | float) or not 0 <= number < 1:
        raise Unsupported("it bounds a length by something that is not close to 0")
    return replace(value, least=float(number))


def over_length(x: Any, by: Length) -> Result:
    """A row over its own length; where that is below the bound, the norm is a little smaller than what is asked for."""
    if x != by.x:
        raise Unsupported("it divides by the length of another tensor")
    count = dims_of(by.x)[-1]
    scale, shift = np.full(count, 1 / math.sqrt(count)), np.zeros(count)
    return each(by.x, lambda rows: building.norm(qd.RmsNormOp, rows, scale, shift, by.least**2 / count))
