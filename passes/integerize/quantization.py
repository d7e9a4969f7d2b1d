"""From a calibrated range and a chosen width to a quantized type, and the rounding of a clamp to its steps.

A range is widened to hold 0, so that 0 (hence padding) is exact. The scale is a float32, as the runtime divides by it.
Of 16 bits the zero point is 0, and the larger side of the range decides.
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
from dyadic.dialects.arguments import argument_attributes, place_of, said_of, set_argument_attribute
from dyadic.dialects.reference import boundary_names, function_bodies, main_function, make_plan
from dyadic.dialects.tensor_types import is_integer
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN, round_half_up

WIDTHS = (4, 8, 16)
SMALLEST_SCALE = 2.0**-126  # the smallest normal float32: 1/S stays finite


@dataclass(frozen=True)
class Activation:
    """A tensor's scale (exactly a float32), zero point and width: `r = scale * (q - zero_point)`.

    u8 for 8 bits and fewer, s16 for 16.
    """

    scale: float
    zero_point: int
    bits: int = 8

    @property
    def exact(self) -> Fraction:
        """The scale as a rational number."""
        return Fraction(self.scale)

    @property
    def low(self) -> int:
        """The smallest integer."""
        return S16_MIN if self.bits == 16 else 0

    @property
    def high(self) -> int:
        """The largest integer."""
        return S16_MAX if self.bits == 16 else (1 << self.bits) - 1

    @property
    def farthest(self) -> int:
        """The largest distance from the zero point."""
        return max(self.zero_point - self.low, self.high - self.zero_point)

    @property
    def range(self) -> tuple[float, float]:
        """What the smallest and the largest integer stand for."""
        return (self.low - self.zero_point) * self.scale, (self.high - self.zero_point) * self.scale

    @property
    def storage(self) -> type[np.integer[Any]]:
        """What NumPy holds it in."""
        return np.int16 if self.bits == 16 else np.uint8

    def step(self, value: float) -> int:
        """The integer that stands for `value`, halves up, saturated."""
        if math.isinf(value):
            return self.high if value > 0 else self.low
        return min(max(round_half_up(Fraction(value) / self.exact) + self.zero_point, self.low), self.high)

    def steps(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.integer[Any]]:
        """`step` of every element."""
        unique, places = np.unique(values, return_inverse=True)
        return np.array([self.step(float(v)) for v in unique], self.storage)[places].reshape(values.shape)

    def tensor(self, sizes: list[int]) -> ir.RankedTensorType:
        """`tensor<sizes x !quant.uniform<u8:f32, S:zp>>`."""
        signed, width = (1, 16) if self.bits == 16 else (0, 8)
        kind, real = ir.IntegerType.get_signless(width), ir.F32Type.get()
        element = quant.UniformQuantizedType.get(signed, kind, real, self.scale, self.zero_point, self.low, self.high)
        return ir.RankedTensorType.get(sizes, element)


VALID = Activation(1.0, 0, 1)  # of what is 0 or 1, and stands for nothing else


def activation_from_range(low: float, high: float, bits: int = 8) -> Activation:
    """2^bits steps from `low` to `high`, 0 included and exact.

    >>> activation_from_range(0.0, 255.0), activation_from_range(-64.0, 63.5)
    (Activation(scale=1.0, zero_point=0, bits=8), Activation(scale=0.5, zero_point=128, bits=8))
    >>> activation_from_range(-3.0, 12.0, 4), activation_from_range(-32767.0, 5.0, 16)
    (Activation(scale=1.0, zero_point=3, bits=4), Activation(scale=1.0, zero_point=0, bits=16))
    >>> activation_from_range(0.0, 0.0)                                 # nothing was ever seen here
    Activation(scale=1.0, zero_point=0, bits=8)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return Activation(1.0, 0, bits)
    if bits == 16:
        return Activation(max(float(np.float32(max(-low, high) / S16_MAX)), SMALLEST_SCALE), 0, bits)
    steps = (1 << bits) - 1
    scale = max(float(np.float32(high / steps - low / steps)), SMALLEST_SCALE)
    return Activation(scale, min(max(round_half_up(Fraction(-low) / Fraction(scale)), 0), steps), bits)


def value_given(value: ir.Value) -> Activation | None:
    """`qd.given` of a value: the quantization that the model itself asks for; None where it asks for none."""
    attribute = _find(value, qd.GIVEN)
    if attribute is None:
        return None
    scale, zero_point, bits = (float(v) for v in attribute)
    return Activation(scale, int(zero_point), int(bits))


def set_value_given(value: ir.Value, kind: Activation) -> None:
    """Write `qd.given` where the value is produced."""
    said = [kind.scale, float(kind.zero_point), float(kind.bits)]
    _write(value, qd.GIVEN, ir.DenseF64ArrayAttr.get(said, value.context))


def anything_given(module: ir.Operation) -> bool:
    """Whether the model itself says how some value or some weights are quantized, pixels apart."""
    function = main_function(module)
    given = make_plan(module).given
    for i, name in enumerate(boundary_names(function)[0]):
        if name in given and qd.PIXELS not in argument_attributes(function, i):
            return True
    ops = [op.operation for block in function_bodies(module) for op in block.operations]
    return any(
        (qd.GIVEN in op.attributes and qd.PIXELS not in op.attributes)
        or (qd.WEIGHT_STEPS in op.attributes and isinstance(op.opview, qd.ConstantOp))
        for op in ops
    )


def has_range(value: ir.Value) -> bool:
    """Whether something is known of a value's range."""
    return isinstance(defining(value), qd.ConstantOp) or any(_find(value, n) is not None for n in (qd.RANGE, qd.GIVEN))


def value_range(value: ir.Value) -> tuple[float, float]:
    """`qd.range` of a value: what calibration saw, or what a constant holds; 0 and 1 of what says which are valid; all
    that a given quantization can say.

    Raises:
        ModelError: there is none, or it is not finite.
    """
    if is_integer(value):
        return 0.0, 1.0
    if (given := value_given(value)) is not None:
        return given.range
    op = defining(value)
    if isinstance(op, qd.ConstantOp) and qd.RANGE not in op.operation.attributes:
        data = np.array(op.value, copy=False)
        low, high = float(data.min()), float(data.max())
    else:
        attribute = _find(value, qd.RANGE)
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
    _write(value, qd.RANGE, ir.DenseF64ArrayAttr.get([low, high], value.context))


def value_bits(value: ir.Value) -> int:
    """`qd.bits` of a value, 8 where nothing was chosen; those of a given quantization.

    Raises:
        ModelError: no integer form has that width.
    """
    attribute, given = _find(value, qd.BITS), value_given(value)
    bits = given.bits if given is not None else 8 if attribute is None else attribute.value
    if bits not in WIDTHS:
        *others, last = (str(width) for width in WIDTHS)
        raise ModelError(
            f"{value_name(value)}: was given {bits} bits; activations have {', '.join(others)} or {last} bits."
        )
    return bits


def set_value_bits(value: ir.Value, bits: int) -> None:
    """Write `qd.bits` where the value is produced."""
    _write(value, qd.BITS, ir.IntegerAttr.get(ir.IntegerType.get_signless(64, value.context), bits))


def value_name(value: ir.Value) -> str:
    """The user's name for a value: its layer's, or the input's."""
    if isinstance(value, ir.OpResult):
        return layer_name(value.owner.opview)
    said = said_of(value)
    return said[qd.NAME].value if qd.NAME in said else f"input {place_of(value)[1]}"


def value_activation(value: ir.Value) -> Activation:
    """The given quantization of a value, or what its range and width ask for; what says which tokens are valid is 0 or
    1."""
    if is_integer(value):
        return VALID
    return value_given(value) or activation_from_range(*value_range(value), value_bits(value))


def _find(value: ir.Value, name: str) -> Any:
    if isinstance(value, ir.OpResult):
        attributes = value.owner.attributes
        return attributes[name] if name in attributes else None
    return said_of(value).get(name)


def _write(value: ir.Value, name: str, attribute: ir.Attribute) -> None:
    if isinstance(value, ir.OpResult):
        value.owner.attributes[name] = attribute
        return
    set_argument_attribute(*place_of(value), name, attribute)
