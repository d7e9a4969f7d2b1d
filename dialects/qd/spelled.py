"""Parts of what exporters spell out: a mask of scores, the largest entry of a row.

They have no integer form by themselves. Prepare's patterns name the whole that they are part of, and `refuse-spelled`
refuses what is left of them by the user's layers.
"""
# pyright: reportInvalidTypeForm=false

from types import ModuleType
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import broadcasts, fail

__all__ = ["LogSoftmaxOp", "MaskedOp", "Spelled"]


class Spelled(Operator):
    """A part of something that has a name; the shape stays."""

    x: Operand[Any]
    out: Result[Any]

    takes_clamp = False
    piecewise_linear = False
    part_of = "as part of a normalization or a softmax only"  # what the user is told where it is not

    def verify_invariants(self) -> bool:
        return shape(self.x) == shape(self.out) or fail(self, f"makes {shape(self.out)} of {shape(self.x)}")


class MaskedOp(Spelled, name="masked"):
    """`x` where `valid` is not 0, minus infinity elsewhere; `valid` broadcasts to x, as that of `qd.attention`."""

    valid: Operand[Any]

    part_of = "on the scores of attention only"

    def verify_invariants(self) -> bool:
        if not broadcasts(shape(self.valid), shape(self.x)):
            return fail(self, f"valid {shape(self.valid)} does not broadcast to {shape(self.x)}")
        return super().verify_invariants()

    def evaluate(self, xp: ModuleType, x: Values, valid: Values) -> Values:
        return x.masked_fill(valid == 0, -xp.inf)


class LogSoftmaxOp(Spelled, name="log_softmax"):
    """`x - log(sum(exp(x)))` along `axis`."""

    axis: ir.IntegerAttr

    part_of = "as the last operator of the network only"
    last_function = "log_softmax"

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.log_softmax(x, self.axis.value)
