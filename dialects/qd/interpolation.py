"""Images of another size, between four pixels."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.fields import I64s, given, ints
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import verify_places

__all__ = ["InterpolateOp"]


class InterpolateOp(Operator, name="interpolate"):
    """Bilinear: of rows `rows[i]` and the next, `row_shares[i]` of the second; the same of columns. x is [1,C,H,W].

    The row behind the last one is the last one.
    """

    x: Operand[Any]
    rows: I64s
    row_shares: Any  # ir.DenseF64ArrayAttr, in [0, 1]
    columns: I64s
    column_shares: Any
    out: Result[Any]

    def verify_invariants(self) -> bool:
        if not given(self, "rows", "row_shares", "columns", "column_shares"):
            return True
        return verify_places(self, shape(self.x), shape(self.out), 1.0)

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        every = ((2, self.rows, self.row_shares), (3, self.columns, self.column_shares))
        for axis, places, shares in every:
            x = between(xp, x, axis, ints(places), [float(share) for share in shares])
        return x


def between(xp: ModuleType, x: Values, axis: int, places: Sequence[int], shares: Sequence[float]) -> Values:
    """Along one axis: what lies at `places`, and that share of what follows."""
    ahead = (slice(None),) * axis
    second = [min(place + 1, x.shape[axis] - 1) for place in places]
    share = xp.asarray(shares, dtype=x.dtype, device=x.device).reshape([-1, *[1] * (len(x.shape) - axis - 1)])
    first = x[(*ahead, list(places))]
    return first + (x[(*ahead, second)] - first) * share
