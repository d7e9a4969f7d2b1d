"""Products of two tensors that are both computed, and attention."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.facts import TokensMeet
from dyadic.dialects.fields import given
from dyadic.dialects.nonlinear import NONLINEAR, exponential_of
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.dialects.verifiers import broadcasts, fail

__all__ = ["AttentionOp", "MatmulOp"]


class MatmulOp(Operator, name="matmul"):
    """`a @ b` of the last two dimensions: a [1,...,M,K], b [1,...,K,N]; the others are equal."""

    a: Operand[Any]
    b: Operand[Any]
    out: Result[Any]

    piecewise_linear = True  # in each
    widest_input = 8

    def verify_invariants(self) -> bool:
        a, b, out = shape(self.a), shape(self.b), shape(self.out)
        if len(a) < 3 or len(a) != len(b) or a[:-2] != b[:-2] or a[-1] != b[-2] or out != [*a[:-1], b[-1]]:
            return fail(self, f"shapes do not fit: a {a}, b {b}, result {out}")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        rows = len(shape(self.a)) - 2
        if axes[0] == axes[1] and (axes[0] is None or axes[0] < rows):
            return axes[0]
        if (axes[0], axes[1]) in ((rows, None), (None, rows + 1)):
            return rows if axes[1] is None else rows + 1
        raise TokensMeet

    def evaluate(self, xp: ModuleType, a: Values, b: Values) -> Values:
        return a @ b


class AttentionOp(Operator, name="attention"):
    """`softmax(q @ k^T * scale + bias) @ v`, where `valid` is 0 as if the score were minus infinity.

    q [1,...,M,D], k [1,...,N,D], v [1,...,N,E], result [1,...,M,E]; what is in front of the last two dimensions (heads,
    windows) is equal. `bias` and `valid` broadcast to the scores [1,...,M,N]; `bias` is a constant, and one number 0 is
    none. `valid` is a constant of zeros and ones, or computed from an input of integers, and is then [1,...,1,N]: what
    is not 0 is valid; one number 1 is all. A row without anything valid is 0. `qd.nonlinear` says by which function the
    exponential is replaced (dialects/nonlinear.py).
    """

    q: Operand[Any]
    k: Operand[Any]
    v: Operand[Any]
    bias: Operand[Any]
    valid: Operand[Any]
    scale: ir.FloatAttr
    out: Result[Any]

    takes_clamp = False
    piecewise_linear = False
    widest_input = 8

    def verify_invariants(self) -> bool:
        q, k, v, bias, valid, out = (shape(x) for x in (self.q, self.k, self.v, self.bias, self.valid, self.out))
        ranks = {len(x) for x in (q, k, v, out)}
        fits = len(ranks) == 1 and len(q) >= 3 and q[:-2] == k[:-2] == v[:-2]
        if not fits or q[-1] != k[-1] or k[-2] != v[-2] or out != [*q[:-1], v[-1]]:
            return fail(self, f"shapes do not fit: q {q}, k {k}, v {v}, result {out}")
        scores = [*q[:-1], k[-2]]
        if not (broadcasts(bias, scores) and broadcasts(valid, scores)):
            return fail(self, f"bias {bias} and valid {valid} do not broadcast to scores {scores}")
        if given(self, "scale") and not self.scale.value > 0:
            return fail(self, f"scale {self.scale.value} must be positive")
        return True

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        """Keys and values may be tokens where those that are not valid are masked."""
        q, k, v, _, valid = axes
        rows = len(shape(self.q)) - 2
        if v == rows and k in (None, rows) and valid == rows + 1 and is_integer(self.valid) and q in (None, rows):
            return q
        if k == v == q and valid is None and (q is None or q < rows):
            return q
        if (k, v, valid) == (None, None, None) and q == rows:
            return q
        raise TokensMeet

    def evaluate(self, xp: ModuleType, q: Values, k: Values, v: Values, bias: Values, valid: Values) -> Values:
        scores = q @ k.transpose(-1, -2) * self.scale.value + bias
        scores = scores.masked_fill(valid == 0, -xp.inf)
        # a row without anything valid has no softmax: its exponents are all 0
        most = xp.nan_to_num(scores.amax(-1, keepdim=True), neginf=0.0)
        weights = (
            exponential_of(self)(xp, scores - most) if NONLINEAR in self.operation.attributes else xp.exp(scores - most)
        )
        return weights @ v / xp.clamp(weights.sum(-1, keepdim=True), min=1e-30)
