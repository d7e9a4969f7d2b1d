"""What the laws of both dialects have in common: reading shapes, counting windows, complaining in one sentence."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import quant
from torch_mlir.dialects.ext import attribute

# The bindings have no IRDL constraint for these builtin attributes: to IRDL they are Any, the names say what they are.
I64s = Any  # ir.DenseI64ArrayAttr
I32s = Any  # ir.DenseI32ArrayAttr
Dense = Any  # ir.DenseElementsAttr
Bool = Any  # ir.BoolAttr

MOST_ELEMENTS = 1 << 27  # of one tensor for one image: 512 MiB in float32, which calibration computes in


def flag() -> Any:
    """A `Bool` field, false where it is missing: the generated constructor takes a false attribute for none."""
    return attribute(default_factory=lambda: ir.BoolAttr.get(False))


def given(op: Any, *names: str) -> bool:
    """Whether `op` has all these attributes. Laws run before IRDL, which names a missing one: they step aside."""
    return set(names) <= set(op.operation.attributes)


def shape(value: ir.Value) -> list[int]:
    """The static shape of a ranked tensor value."""
    return list(ir.RankedTensorType(value.type).shape)


def ints(attribute: Iterable[int]) -> list[int]:
    """A `DenseI64ArrayAttr` or `DenseI32ArrayAttr` as plain integers."""
    return [int(v) for v in attribute]


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


def steps_of(value: ir.Value) -> tuple[int, int]:
    """The smallest and the largest integer of a `qi` activation."""
    element = known_activation(value)
    return element.storage_type_min, element.storage_type_max


def is_wide(value: ir.Value) -> bool:
    """Whether a `qi` activation has 16 bits."""
    return known_activation(value).storage_type_integral_width == 16


def storage(value: ir.Value) -> type[np.integer[Any]]:
    """What NumPy holds a `qi` activation in."""
    return np.int16 if is_wide(value) else np.uint8


def fail(op: ir.OpView, complaint: str) -> Literal[False]:
    """Emit `'<op>' op <complaint>` at the op's location and be the False that `verify_invariants` returns."""
    op.location.emit_error(f"'{op.operation.name}' op {complaint}")
    return False


def window_law(op: Any, size: list[int], kernel: list[int], out: list[int], *, ceil: bool = False) -> bool:
    """The result's height and width follow from size, kernel, strides, padding and dilation.

    With `ceil`, one more window is allowed in each dimension as long as it starts inside the input or its padding.
    """
    attributes = op.operation.attributes
    if not given(op, "strides", "padding"):
        return True
    strides, padding = ints(op.strides), ints(op.padding)
    dilation = ints(op.dilation) if "dilation" in attributes else [1, 1]
    if (
        len(strides) != 2
        or len(padding) != 4
        or len(dilation) != 2
        or min(strides) < 1
        or min(dilation) < 1
        or min(padding) < 0
    ):
        return fail(op, f"needs 2 strides, 4 paddings and 2 dilations, got {strides}, {padding}, {dilation}")
    for d in range(2):
        span = size[d] + padding[d] + padding[d + 2] - dilation[d] * (kernel[d] - 1) - 1
        if span < 0:
            return fail(op, f"window {kernel} is larger than the padded input {size}")
        floor = span // strides[d] + 1
        allowed = {floor, -(-span // strides[d]) + 1} if ceil else {floor}
        if out[d] not in allowed:
            return fail(op, f"result is {out[d]} along spatial dimension {d}, the windows make {floor}")
    return True


def slice_law(op: Any) -> bool:
    """One start, step and size a dimension, and every element that they pick is inside x."""
    if not given(op, "starts", "steps"):
        return True
    x, starts, steps, out = shape(op.x), ints(op.starts), ints(op.steps), shape(op.out)
    if not len(x) == len(starts) == len(steps) == len(out):
        return fail(op, f"needs one start and step a dimension of {x} and {out}, got {starts} and {steps}")
    bounds = zip(x, starts, steps, out, strict=True)
    if any(start < 0 or step < 1 or n < 1 or start + (n - 1) * step >= size for size, start, step, n in bounds):
        return fail(op, f"starts {starts}, steps {steps} leave {x}")
    return True
