"""Which tokens are valid: what is masked in scores, and means over the valid ones.

    Add(scores, additive), Where(boolean, scores, -inf)  -->  masked(scores, valid)
    Sum(Mul(x, factor), tokens) / count                  -->  attention(0, 0, x, valid): all scores are equal

The operators in between are Python values, as masks are: nothing is left of them where they end in neither.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest.folded import each
from dyadic.passes.ingest.translation import Later, Literal, Result, Unsupported, Valid, as_tensor

VERY_NEGATIVE = -1000.0  # exp of it is 0
LEFT_OUT = -10_000.0  # what is added to scores that a constant leaves out
ADDED = ("additive", "biased")  # kinds


@dataclass(frozen=True)
class Masked(Later):
    """`x`, with 0 where a token is not valid."""

    x: ir.Value
    valid: Valid

    @property
    def dims(self) -> list[int]:
        return shape(self.x)

    def tensor(self) -> ir.Value:
        """The product with ones and zeros."""
        places = [1] * len(self.dims)
        places[self.valid.tokens] = self.dims[self.valid.tokens]
        return building.elementwise(qd.MulOp, self.x, building.reshape(self.valid.source, places))


@dataclass(frozen=True)
class Total:
    """The sum of the valid tokens of `x` [1, N, E]; `keep`: as [1, 1, E]."""

    x: ir.Value
    valid: Valid
    keep: bool


LATER = (Valid, Masked, Total)  # values that are no tensors yet


def valid_of(source: Any, kind: str, dims: list[int], tokens: int, others: Array | None) -> Valid:
    """The operator that importers put in the place of a mask."""
    if not isinstance(source, ir.Value):
        raise Unsupported("it is a mask of something computed")
    return Valid(source, kind, tuple(dims), tokens, others)


def settled(a: Any, b: Any) -> list[Any]:
    """Operands of arithmetic that has no use for states with zeros where tokens are not valid, as tensors."""
    return [as_tensor(value) if isinstance(value, Masked) else value for value in (a, b)]


def add(a: Any, b: Any) -> Result:
    """Scores and an additive mask, in any order."""
    x, mask = (b, a) if isinstance(a, Valid) else (a, b)
    if not isinstance(mask, Valid) or mask.kind not in ADDED or isinstance(x, LATER):
        raise Unsupported("it adds a mask of valid tokens that is not 0 for these and very negative for others")
    return each(x, lambda scores: on_scores(scores, mask))


def on_scores(x: ir.Value, mask: Valid) -> ir.Value:
    """Scores [1, ..., M, N] without those of tokens that are not valid."""
    rank = len(shape(x))
    if mask.tokens != len(mask.dims) - 1 or mask.dims[-1] != shape(x)[-1] or len(mask.dims) > rank:
        raise Unsupported(f"its mask of the shape {list(mask.dims)} does not fit scores of {shape(x)}")
    if (constant := beside(mask)) is not None:
        x = building.elementwise(qd.AddOp, x, building.constant(constant))
    return qd.MaskedOp(x=x, valid=mask.operand(rank), out=x.type).result


def beside(mask: Valid) -> Array | None:
    """What is added to scores beside what the input leaves out."""
    if mask.others is None or mask.kind == "biased":
        return mask.others
    return np.where(mask.others != 0, 0.0, LEFT_OUT)


def without(x: Any, valid: Array) -> Result:
    """Scores without those that a constant leaves out."""
    kept = building.constant(valid.astype(np.float32))
    return each(x, lambda scores: qd.MaskedOp(x=scores, valid=kept, out=scores.type).result)


def where(condition: Any, then: Any, otherwise: Any) -> Result:
    """Scores where valid and something very negative elsewhere; or 0 elsewhere."""
    if not isinstance(condition, Valid) or condition.kind not in ("boolean", "inverted"):
        raise Unsupported("its condition is computed, and is no mask of valid tokens")
    x, other = (otherwise, then) if condition.kind == "inverted" else (then, otherwise)
    if not isinstance(other, Literal) or other.array.size != 1 or isinstance(x, LATER):
        raise Unsupported("it chooses between two tensors by a mask of valid tokens")
    value = float(other.array.reshape(-1)[0])
    if value <= VERY_NEGATIVE:
        return each(x, lambda scores: on_scores(scores, condition))
    if value == 0:
        return mul(x, replace(condition, kind="factor"))
    raise Unsupported(f"it puts {value} where tokens are not valid; 0 or a very negative number would work")


def mul(a: Any, b: Any) -> Result:
    """Hidden states and a factor of 1 and 0."""
    x, mask = (b, a) if isinstance(a, Valid) else (a, b)
    fits = isinstance(mask, Valid) and mask.kind in ("factor", "boolean") and mask.others is None
    if not fits or isinstance(x, LATER):
        raise Unsupported("it multiplies with a mask of valid tokens that is not 1 for these and 0 for others")
    x = as_tensor(x)
    rank, behind = len(shape(x)), len(mask.dims) - mask.tokens
    if rank < behind or shape(x)[rank - behind] != mask.dims[mask.tokens]:
        raise Unsupported(f"its mask of the shape {list(mask.dims)} does not fit {shape(x)}")
    return Masked(x, replace(mask, tokens=rank - behind))


def total(x: Any, axes: list[int], keep: bool) -> Result:
    """The sum over valid tokens."""
    if not isinstance(x, Masked):
        raise Unsupported("only a sum over valid tokens, as part of their mean, has an integer form")
    rank = len(shape(x.x))
    if rank != 3 or x.valid.tokens != 1 or [axis % rank for axis in axes] != [1]:
        raise Unsupported(f"it sums {shape(x.x)} over the axes {axes}, not over the tokens")
    return Total(x.x, x.valid, keep)


def div(a: Any, b: Any) -> Result:
    """A sum of valid tokens over how many there are: attention whose scores are all equal."""
    if not isinstance(a, Total) or not isinstance(b, Valid) or b.kind != "count" or b.source != a.valid.source:
        raise Unsupported("it divides, and is no mean over valid tokens: their sum divided by how many there are")
    _, tokens, width = shape(a.x)
    q, k = (building.constant(np.zeros([1, n, 1])) for n in (1, tokens))
    mean = building.attention(q, k, a.x, 1.0, valid=a.valid.operand(3))
    return mean if a.keep else building.reshape(mean, [1, width])
