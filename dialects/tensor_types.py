"""What the type of a tensor says: its shape, and the quantization of an activation."""

from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import quant

MOST_ELEMENTS = 1 << 27  # of one tensor for one image: 512 MiB in float32, which calibration computes in


def shape(value: ir.Value) -> list[int]:
    """The static shape of a ranked tensor value."""
    return list(ir.RankedTensorType(value.type).shape)


def is_integer(value: ir.Value) -> bool:
    """Whether a tensor holds whole numbers that stand for nothing else: ids, or which of them are valid."""
    return isinstance(ir.RankedTensorType(value.type).element_type, ir.IntegerType)


def is_constant(value: ir.Value) -> bool:
    """Whether a value is known at compile time, by the op that makes it."""
    return isinstance(value, ir.OpResult) and value.owner.name.endswith(".constant")


def activation(value: ir.Value) -> quant.UniformQuantizedType | None:
    """The per-tensor type of a `qi` activation, or None where the value is something else.

    u8 from 0 to 2^bits - 1 for 8 bits and fewer, s16 with zero point 0.
    """
    element = ir.RankedTensorType(value.type).element_type
    if not isinstance(element, quant.UniformQuantizedType):
        return None
    low, high, width = element.storage_type_min, element.storage_type_max, element.storage_type_integral_width
    if element.is_signed:
        return element if width == 16 and element.zero_point == 0 else None
    return element if width == 8 and low == 0 and 0 <= element.zero_point <= high else None


def known_activation(value: ir.Value) -> quant.UniformQuantizedType:
    """The type of what must be a `qi` activation."""
    element = activation(value)
    if element is None:
        raise TypeError(f"{value.type} is not a quantized activation")
    return element


def zero_point(value: ir.Value) -> int:
    """Zero point of a `qi` activation."""
    return known_activation(value).zero_point


def quantized_bounds(value: ir.Value) -> tuple[int, int]:
    """The smallest and the largest integer of a `qi` activation."""
    element = known_activation(value)
    return element.storage_type_min, element.storage_type_max


def is_wide(value: ir.Value) -> bool:
    """Whether a `qi` activation has 16 bits."""
    return known_activation(value).storage_type_integral_width == 16


def storage(value: ir.Value) -> type[np.integer[Any]]:
    """What NumPy holds a `qi` activation in."""
    return np.int16 if is_wide(value) else np.uint8
