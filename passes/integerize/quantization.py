"""From a calibrated range to a quantized type, and the rounding of a clamp to its steps.

A range is widened to hold 0, so that 0 (hence padding) is exact. The scale is a float32, as the runtime divides by it.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.dialects import qd
from dyadic.dialects.laws import shape
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import round_half_up

STEPS = 255
SMALLEST_SCALE = 2.0**-64  # a tensor this small is zero in every way that matters, and 1/S stays finite


@dataclass(frozen=True)
class Activation:
    """A u8 tensor's scale (exactly a float32) and zero point: `r = scale * (q - zero_point)`."""

    scale: float
    zero_point: int

    @property
    def exact(self) -> Fraction:
        """The scale as a rational number."""
        return Fraction(self.scale)

    def step(self, value: float) -> int:
        """The integer that stands for `value`, halves up, saturated."""
        if math.isinf(value):
            return STEPS if value > 0 else 0
        return min(max(round_half_up(Fraction(value) / self.exact) + self.zero_point, 0), STEPS)

    def steps(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
        """`step` of every element."""
        unique, places = np.unique(values, return_inverse=True)
        return np.array([self.step(float(v)) for v in unique], np.uint8)[places].reshape(values.shape)

    def tensor(self, sizes: list[int]) -> ir.RankedTensorType:
        """`tensor<sizes x !quant.uniform<u8:f32, S:zp>>`."""
        byte = ir.IntegerType.get_signless(8)
        element = quant.UniformQuantizedType.get(0, byte, ir.F32Type.get(), self.scale, self.zero_point, 0, STEPS)
        return ir.RankedTensorType.get(sizes, element)


def activation_from_range(low: float, high: float) -> Activation:
    """256 steps from `low` to `high`, 0 included and exact.

    >>> activation_from_range(0.0, 255.0), activation_from_range(-64.0, 63.5)
    (Activation(scale=1.0, zero_point=0), Activation(scale=0.5, zero_point=128))
    >>> activation_from_range(0.0, 0.0)                                 # nothing was ever seen here
    Activation(scale=1.0, zero_point=0)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return Activation(1.0, 0)
    scale = max(float(np.float32(high / STEPS - low / STEPS)), SMALLEST_SCALE)
    return Activation(scale, min(max(round_half_up(Fraction(-low) / Fraction(scale)), 0), STEPS))


def value_range(value: ir.Value) -> tuple[float, float]:
    """`qd.range` of a value: what calibration saw, or what a constant holds.

    Raises:
        ModelError: there is none, or it is not finite.
    """
    op = defining(value)
    if isinstance(op, qd.ConstantOp) and qd.RANGE not in op.operation.attributes:
        data = np.array(op.value, copy=False)
        low, high = float(data.min()), float(data.max())
    else:
        attribute = _find_range(value)
        if attribute is None:
            raise ModelError(f"{value_name(value)}: has no calibrated range; calibrate before integerize.")
        low, high = (float(v) for v in attribute)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ModelError(
            f"{value_name(value)}: its values range over [{low}, {high}]; quantization needs finite values. "
            "Check the weights and the calibration data for NaN and infinity."
        )
    return low, high


def set_value_range(value: ir.Value, low: float, high: float) -> None:
    """Write `qd.range` where the value is produced."""
    attribute = ir.DenseF64ArrayAttr.get([low, high], value.context)
    if isinstance(value, ir.OpResult):
        value.owner.attributes[qd.RANGE] = attribute
        return
    function, index = _argument(value)
    every = [{named.name: named.attr for named in each} for each in function.attributes["arg_attrs"]]
    every[index][qd.RANGE] = attribute
    with function.context:
        function.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get(each) for each in every])


def value_name(value: ir.Value) -> str:
    """The user's name for a value: its layer's, or the input's."""
    if isinstance(value, ir.OpResult):
        return layer_name(value.owner.opview)
    function, index = _argument(value)
    if "arg_attrs" in function.attributes and qd.NAME in function.attributes["arg_attrs"][index]:
        return function.attributes["arg_attrs"][index][qd.NAME].value
    return f"input {index}"


def value_activation(value: ir.Value) -> Activation:
    """The quantization that a value's range asks for."""
    return activation_from_range(*value_range(value))


def _find_range(value: ir.Value) -> Any:
    if isinstance(value, ir.OpResult):
        attributes = value.owner.attributes
        return attributes[qd.RANGE] if qd.RANGE in attributes else None
    function, index = _argument(value)
    if "arg_attrs" not in function.attributes or qd.RANGE not in function.attributes["arg_attrs"][index]:
        return None
    return function.attributes["arg_attrs"][index][qd.RANGE]


def _argument(value: ir.Value) -> tuple[ir.Operation, int]:
    argument = ir.BlockArgument(value)
    return argument.owner.owner.operation, argument.arg_number


def sizes_nhwc(value: ir.Value) -> list[int]:
    """The shape of a `qd` value in the layout of `qi`: NHWC where it is an image."""
    sizes = shape(value)
    return [sizes[0], sizes[2], sizes[3], sizes[1]] if len(sizes) == 4 else sizes
