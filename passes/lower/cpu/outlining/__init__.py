"""How each `qi` op becomes kernel launches. To add an op: one function, one line here."""

from collections.abc import Callable
from typing import Any

from dyadic.dialects import qi
from dyadic.passes.lower.cpu.outlining import matrix
from dyadic.passes.lower.cpu.outlining.launch import Launch

OUTLINES: dict[type, Callable[[Any], list[Launch]]] = {
    qi.Conv2dOp: matrix.convolution,
    qi.ConvAddOp: matrix.convolution,
    qi.LinearOp: matrix.linear,
}
