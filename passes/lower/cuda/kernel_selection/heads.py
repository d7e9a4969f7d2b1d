"""What the products of computed tensors have in common: matrices whose heads lie wherever they are."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.cuda.kernels.vocabulary.staged import ANY_ADDRESS
from dyadic.passes.lower.launches.launch import Place, constant_bytes, place
from dyadic.passes.lower.memory.strided import Strided
from dyadic.passes.lower.memory.views import CONSTANT, layout_of, strides


def lies(value: ir.Value) -> Strided:
    """Strides of rows and of what is around them; columns are one byte apart."""
    *outer, row, column = strides(value)
    if column != 1 and shape(value)[-1] > 1:
        raise ValueError(f"rows of {value.type} are not in one piece")
    return Strided(1, row, 0, 1, layout_of(value).plane, tuple(outer))


def alignment(value: ir.Value, *more: int) -> int:
    """What every row begins at a multiple of, up to 16, and `more` are multiples of."""
    where, layout = lies(value), layout_of(value)
    return widest([where.row, *where.outer, where.plane, layout.image, layout.offset, *more])


def granule(value: ir.Value) -> int:
    """Of copies of rows."""
    found = alignment(value)
    return found if found >= 4 else ANY_ADDRESS


def places(values: list[ir.Value]) -> tuple[list[Place], npt.NDArray[Any]]:
    """Where operands begin; constants among them lie one after the other."""
    found: list[Place] = []
    constants: list[npt.NDArray[Any]] = [np.zeros(0, np.uint8)]
    for value in values:
        extra = sum(each.size for each in constants) if layout_of(value).buffer == CONSTANT else 0
        found.append(place(layout_of(value), extra))
        constants.append(constant_bytes(value))
    return found, np.concatenate(constants)
