"""What is known at compile time."""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir.dialects.ext import Result

from dyadic.dialects.fields import Dense, given
from dyadic.dialects.qd.dialect import Operator
from dyadic.dialects.verifiers import fail

__all__ = ["ConstantOp"]


class ConstantOp(Operator, name="constant"):
    """A weight, a bias, or a tensor that the model adds or multiplies with."""

    value: Dense
    out: Result[Any]

    takes_clamp = False

    def verify_invariants(self) -> bool:
        if not given(self, "value") or self.value.type == self.out.type:
            return True
        return fail(self, f"holds {self.value.type}, not {self.out.type}")
