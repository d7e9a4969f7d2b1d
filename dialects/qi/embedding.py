"""Inputs of whole numbers, and rows of a constant table by number."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import quant
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import I32s
from dyadic.dialects.integer_verifiers import verify_requantization
from dyadic.dialects.qi.arithmetic import narrow
from dyadic.dialects.qi.data import InputOp
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, is_integer, is_wide, shape
from dyadic.dialects.verifiers import fail

__all__ = ["ID_BYTES", "EmbeddingOp", "IdsOp"]

Array = npt.NDArray[Any]
ID_BYTES = 4


class IdsOp(InputOp, name="ids"):
    """The input boundary of numbers that are looked up: each of i32 as its four bytes, the lowest first. Done by the
    runtime, which has checked that they are rows of the tables."""

    order = Order.MODEL

    def verify_invariants(self) -> bool:
        if not is_integer(self.x) or not is_bytes(self.out) or shape(self.out) != [*shape(self.x), ID_BYTES]:
            return fail(self, f"must make four bytes of each i32, not {self.out.type} of {self.x.type}")
        return True

    def evaluate(self, x: Array) -> Array:
        return np.ascontiguousarray(x, "<i4").view(np.uint8).reshape(*x.shape, ID_BYTES)


class EmbeddingOp(Operator, name="embedding"):
    """`requant(table[ids], m[c], s[c])`: ids u8 [1,...,4] as `qi.ids` makes them, table s8 [V, n], result [1,...,n].

    One scale, m and s a column. Every id is a row of the table.
    """

    ids: Operand[Any]
    table: Operand[Any]
    multiplier: I32s
    shift: I32s
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.EmbeddingOp,)
    order = Order.LAST

    def verify_invariants(self) -> bool:
        ids, table, out = shape(self.ids), shape(self.table), shape(self.out)
        if len(table) != 2 or ids[-1] != ID_BYTES or out != [*ids[:-1], table[1]]:
            return fail(self, f"shapes do not fit: ids {ids}, table {table}, result {out}")
        kind = ir.RankedTensorType(self.table.type).element_type
        if not isinstance(kind, quant.UniformQuantizedPerAxisType) or kind.quantized_dimension != 1:
            return fail(self, f"needs a signed table with one scale a column, got {self.table.type}")
        if not is_bytes(self.ids):
            return fail(self, f"must read the bytes of ids, not {self.ids.type}")
        return verify_requantization(self, table[1])

    def evaluate(self, ids: Array, table: Array) -> Array:
        rows = np.ascontiguousarray(ids).view("<i4")[..., 0]
        return narrow(self, table[rows].astype(np.int64))


def is_bytes(value: ir.Value) -> bool:
    """Whether a tensor holds bytes."""
    return activation(value) is not None and not is_wide(value)
