"""Rows of a constant table, by number."""
# pyright: reportInvalidTypeForm=false

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.qd.data import ConstantOp
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail

__all__ = ["EmbeddingOp"]


class EmbeddingOp(Operator, name="embedding"):
    """`table[ids]`: ids i32 [1,...] in [0, V), table [V, n] constant, result [1,...,n].

    An index outside of the table is an error of whoever runs the network, by the input's name.
    """

    ids: Operand[Any]
    table: Operand[Any]
    out: Result[Any]

    takes_clamp = False

    def verify_invariants(self) -> bool:
        ids, table, out = shape(self.ids), shape(self.table), shape(self.out)
        if len(table) != 2 or out != [*ids, table[1]]:
            return fail(self, f"shapes do not fit: ids {ids}, table {table}, result {out}")
        return True

    @property
    def whole(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Rows of whole numbers, as one-hots and counts are."""
        op = self.table.owner.opview if isinstance(self.table, ir.OpResult) else None
        table = np.array(op.value, copy=False) if isinstance(op, ConstantOp) else None
        return table is not None and all(np.array_equal(rows, np.rint(rows)) for rows in (table[:1], table))

    def token_axis(self, axes: Sequence[int | None]) -> int | None:
        return axes[0]

    def evaluate(self, xp: ModuleType, ids: Values, table: Values) -> Values:
        return xp.nn.functional.embedding(ids.long(), table)
