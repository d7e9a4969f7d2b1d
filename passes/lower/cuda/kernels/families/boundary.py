"""Between the user's arrays and the network's integers: the only floating point on a GPU, as `fixedpoint` has it.

    q = clamp(clamp(rint(x / scale), -65536, 65536) + zp, lo, hi)      x = (q - zp) * scale

A division as IEEE has it, halves to even; NaN is 0 steps, and the conversion saturates. Integers are clamped, not
floats, which would make a number of NaN. Integers that the user has or wants are moved as they are, clamped on their
way in. The user's array is dense, in an order of its own.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    clamp_between,
    const,
    integer,
    least,
    load,
    mul,
    signed_wide,
    store,
    sub,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import (
    ItemSpec,
    coordinates,
    distance,
    each_item,
    lowest,
    param,
    place,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel

FLOATS, BYTES, WORDS = "float32", "uint8", "int16"  # what the user's array has
SIZES = {FLOATS: 4, BYTES: 1, WORDS: 2}
MOST_STEPS = 1 << 16
WORD_ZERO = 1 << 15  # 16 bits as low byte and high byte + 128 are the number and this


@dataclass(frozen=True)
class BoundarySpec(ItemSpec):
    """As `runtime.layout.Rows` and `Layout`: strides of the network's side are bytes, a channel's is 1; those of the
    user's are elements. Raises ValueError where there is no such kernel."""

    height: int
    width: int
    channels: int
    row: int
    pixel: int
    from_row: int
    from_pixel: int
    from_channel: int
    element: str = FLOATS
    plane: int = 0  # from the low bytes of 16-bit numbers to the high ones, 0: 8 bits
    group: int = 1  # channels of a thread, 1, 2 or 4; it divides every address of the network's side

    def __post_init__(self) -> None:
        if self.group not in (1, 2, 4) or self.element not in SIZES:
            raise ValueError(f"no kernel of this kind (1, 2 or 4 channels of {', '.join(SIZES)}): {self}")

    @property
    def pieces(self) -> int:
        """Groups of a pixel."""
        return -(-self.channels // self.group)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def items(self) -> int:
        return self.height * self.width * self.pieces


@dataclass(frozen=True)
class QuantizeSpec(BoundarySpec):
    """From the user's array. Where groups do not divide the channels, the zero point is in the rest of the last, or
    what one more parameter says (`marked`)."""

    marked: bool = False


@dataclass(frozen=True)
class DequantizeSpec(BoundarySpec):
    """To the user's array. Where groups do not divide the channels, the rest of the last is read and not used."""


def pack_params(scale: float, zero_point: int, low: int, high: int, mark: Sequence[int] = ()) -> npt.NDArray[np.int32]:
    """What both read: the bits of the scale, then the others; what is behind the channels where it is `marked`."""
    (bits,) = struct.unpack("<i", struct.pack("<f", scale))
    return np.array([bits, zero_point, low, high, *mark], np.int32)


@dataclass(frozen=True)
class _Group:
    """The channels of a thread: where they are on both sides, and which."""

    inside: Value  # bytes
    outside: Value  # elements
    first: Value  # channel


def _group(spec: BoundarySpec, item: Value) -> _Group:
    """Neighbouring threads have what is together in the user's array."""
    if spec.from_channel == 1:
        y, x, piece = coordinates(item, [spec.height, spec.width, spec.pieces])
    else:
        y, piece, x = coordinates(item, [spec.height, spec.pieces, spec.width])
    inside = distance([y, x, piece], [spec.row, spec.pixel, spec.group])
    outside = distance([y, x], [spec.from_row, spec.from_pixel])
    return _Group(inside, outside, mul(piece, spec.group))


def _element(spec: BoundarySpec, base: Value, image: Value, image_bytes: Value, group: _Group, channel: Value) -> Value:
    """Where a channel of the group's pixel is in the user's array."""
    number = add(group.outside, mul(channel, spec.from_channel))
    bytes_ = mul(signed_wide(number), SIZES[spec.element])
    return at(base, add(mul(wide(image), wide(image_bytes)), bytes_))


def _scale(k: Arguments) -> Value:
    return arith.bitcast(ir.F32Type.get(), param(k, 0))


def generate_quantize(spec: QuantizeSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""

    def body(k: Arguments) -> None:
        (source,), (image_bytes,) = k.inputs, k.in_images

        def cross(image: Value, item: Value) -> None:
            scale, zero_point, low, high = _scale(k), *(param(k, n) for n in range(1, 4))
            group, planes = _group(spec, item), [const(0), const(0)]
            behind = param(k, 4) if spec.marked else zero_point
            for n in range(spec.group):
                channel = add(group.first, n)
                there = _element(spec, source, image, image_bytes, group, least(channel, spec.channels - 1))
                value = clamp_between(_steps(spec, there, scale, zero_point), low, high)
                if spec.channels % spec.group:
                    value = arith.select(below(channel, spec.channels), value, behind)
                value = add(value, WORD_ZERO) if spec.plane else value
                for plane, byte in enumerate([value, arith.shrui(value, const(8))]):
                    planes[plane] = arith.ori(planes[plane], mul(arith.andi(byte, const(255)), 1 << 8 * n))
            target = place(k.out, image, k.out_image, group.inside)
            for plane, word in enumerate(planes[: 1 + (spec.plane > 0)]):
                store(lowest(word, spec.group), at(target, plane * spec.plane), spec.group)

        each_item(spec, k, cross)

    kernel(spec, symbol, body)


def _steps(spec: BoundarySpec, there: Value, scale: Value, zero_point: Value) -> Value:
    """The integer of an element, not clamped yet."""
    if spec.element == BYTES:
        return arith.extui(integer(32), load(integer(8), there, 1))
    if spec.element == WORDS:
        return arith.extsi(integer(32), load(integer(16), there, 2))
    quotient = arith.divf(load(ir.F32Type.get(), there, 4), scale)
    rounded = llvm.call_intrinsic(integer(32), "llvm.nvvm.f2i.rn", [quotient], [], [])
    return add(clamp_between(rounded, -MOST_STEPS, MOST_STEPS), zero_point)


def generate_dequantize(spec: DequantizeSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""

    def body(k: Arguments) -> None:
        (source,), (image_bytes,) = k.inputs, k.in_images

        def cross(image: Value, item: Value) -> None:
            scale, zero_point = _scale(k), param(k, 1)
            group = _group(spec, item)
            here = place(source, image, image_bytes, group.inside)
            planes = [
                load(integer(8 * spec.group), at(here, plane * spec.plane), spec.group)
                for plane in range(1 + (spec.plane > 0))
            ]
            words = [word if spec.group == 4 else arith.extui(integer(32), word) for word in planes]
            for n in range(spec.group):
                byte, *high = (arith.andi(arith.shrui(word, const(8 * n)), const(255)) for word in words)
                value = sub(add(byte, mul(high[0], 256)), WORD_ZERO) if high else byte
                channel = add(group.first, n)
                there = _element(spec, k.out, image, k.out_image, group, channel)
                if spec.channels % spec.group and n:
                    when(
                        below(channel, spec.channels),
                        lambda value=value, there=there: _give(spec, value, scale, zero_point, there),
                    )
                else:
                    _give(spec, value, scale, zero_point, there)

        each_item(spec, k, cross)

    kernel(spec, symbol, body)


def _give(spec: BoundarySpec, value: Value, scale: Value, zero_point: Value, there: Value) -> None:
    """An integer to the user's array, as what it has."""
    if spec.element == FLOATS:
        steps = arith.sitofp(ir.F32Type.get(), sub(value, zero_point))
        store(arith.mulf(steps, scale), there, 4)
    else:
        size = SIZES[spec.element]
        store(lowest(value, size), there, size)
