"""Products of two tensors that are both computed."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects import qd
from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import I64s
from dyadic.dialects.integer_verifiers import verify_accumulator, verify_requantization
from dyadic.dialects.qi.arithmetic import narrow
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.tensor_types import activation, is_wide, shape, zero_point
from dyadic.dialects.verifiers import fail

__all__ = ["MatmulOp"]

Array = npt.NDArray[Any]


class MatmulOp(Operator, name="matmul"):
    """`requant(sum((a-za) * (b-zb)), m, s)`: a [1,...,M,K], b [1,...,K,N], what is in front is equal.

    Both have at most 8 bits. `acc` is the interval of what is requantized, within int32.
    """

    a: Operand[Any]
    b: Operand[Any]
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    acc: I64s
    out: Result[Any]

    arithmetic = Arithmetic.INTEGER
    made_from = (qd.MatmulOp,)
    order = Order.ROWS

    def verify_invariants(self) -> bool:
        a, b, out = shape(self.a), shape(self.b), shape(self.out)
        if len(a) < 3 or len(a) != len(b) or a[:-2] != b[:-2] or a[-1] != b[-2] or out != [*a[:-1], b[-1]]:
            return fail(self, f"shapes do not fit: a {a}, b {b}, result {out}")
        for value in (self.a, self.b):
            if activation(value) is None or is_wide(value):
                return fail(self, f"must read activations of at most 8 bits, not {value.type}")
        if not verify_accumulator(self):
            return False
        return verify_requantization(self)

    def evaluate(self, a: Array, b: Array) -> Array:
        # sums of up to 2^31 are exact in float64
        product = (a.astype(np.float64) - zero_point(self.a)) @ (b.astype(np.float64) - zero_point(self.b))
        return narrow(self, product.astype(np.int64))
