"""What is known at compile time."""
# pyright: reportInvalidTypeForm=false

from typing import Any

from torch_mlir.dialects.ext import Pure, Result

from dyadic.dialects.laws import Dense
from dyadic.dialects.qd.dialect import QD


class ConstantOp(QD.Operation, name="constant", traits=[Pure]):
    """A weight, a bias, or a tensor that the model adds or multiplies with."""

    value: Dense
    out: Result[Any]
