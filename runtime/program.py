"""What the runtime executes: buffers in one arena, inputs, outputs, and steps that call kernels.

A `Program` is data. It is written as JSON into the artifact's header, checked without mercy when it is read, and packed
into 64-bit words for the native side, which trusts it. Memory is spoken of per image: every image of a batch has an
arena of its own, where a buffer of `size` bytes lies at `offset`. A reference is (buffer, byte offset inside it);
buffer -1 is constant data in the weights section.
"""

import dataclasses
import math
import struct
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.fixedpoint import S16_MAX, S16_MIN

ALIGNMENT = 64  # of the arena, of buffers (offset and size), of sections
SLACK = 64  # readable bytes after the arena, the weights and the scratch memory
MAX_STEP_INPUTS = 4
PACKING = 0x64796164696302  # first word of a packed program; model.cpp has the same
LIMIT = 1 << 40  # no offset, size or count is larger


class Buffer(NamedTuple):
    offset: int
    size: int


class Reference(NamedTuple):
    buffer: int  # -1: the weights section
    offset: int


class Halo(NamedTuple):
    top: int
    left: int
    bottom: int
    right: int


NO_HALO = Halo(0, 0, 0, 0)


@dataclass(frozen=True)
class Layout:
    """Where a tensor's bytes lie: `offset` is its first real pixel (inside the halo); pixel, row, image are strides.

    A tensor of 16 bits is laid out twice inside its image: low bytes, and `plane` bytes behind them the high ones, 128
    larger so that they are unsigned. `plane` 0 is a tensor of at most 8 bits.

    A rank-2 [N,F] tensor is one pixel of F channels; a rank-3 [N,L,D] tensor is one row of L pixels with D channels.
    """

    buffer: int
    offset: int
    pixel: int
    row: int
    image: int
    halo: Halo = NO_HALO
    plane: int = 0


@dataclass(frozen=True)
class Input:
    """Quantized by the runtime with scale and zero_point, clamped to lo..hi; its halo is filled with zero_point.

    dtype 'uint8', or 'int16' where the layout has a plane, takes the integers themselves (raw pixels)."""

    name: str
    shape: tuple[str | int, ...]  # the user's: ('N', 3, 224, 224)
    dtype: str
    channels: int
    height: int
    width: int
    layout: Layout
    scale: float
    zero_point: int
    lo: int = 0
    hi: int = 255


@dataclass(frozen=True)
class Output:
    name: str
    shape: tuple[str | int, ...]
    channels: int
    height: int
    width: int
    layout: Layout
    scale: float
    zero_point: int
    lo: int = 0
    hi: int = 255


@dataclass(frozen=True)
class Step:
    """Tiles 0..tiles-1 of every image, split among the threads into kernel calls.

    The tiles are in order of their weights, `weight_tiles` of them with the same ones; where that is not 0, a batch
    goes from weights to weights and not from image to image.

    With `overlap` it may run without a barrier after the step before it: nothing that it touches is written by any
    step since the last barrier, and nothing that it writes is touched by one."""

    layer: str  # the user's own name
    op: str
    kernel: str
    out: Reference
    inputs: tuple[Reference, ...]
    tiles: int  # of one image
    weights: int = -1  # byte offset in the section, -1: none
    params: int = -1  # byte offset in the section, -1: none
    macs: int = 0  # of one image
    overlap: bool = False
    weight_tiles: int = 0


@dataclass(frozen=True)
class Program:
    """Of a batch, each image takes steps 0..together-1 by itself, which keeps what one step hands to the next in the
    cache; all images take the others together, which shares their weights."""

    buffers: tuple[Buffer, ...]
    arena_bytes: int  # of one image
    scratch_bytes: int  # of one thread
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    steps: tuple[Step, ...]
    together: int = 0

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(value: object) -> "Program":
        """Read and check the shape of the data; `check` then checks what it says."""
        return _decode(Program, value, "program")

    def check(self, weights_bytes: int, params_bytes: int) -> None:
        """Raise ArtifactError, naming what is wrong, unless every access that the runtime itself makes is in bounds."""
        _check_program(self, weights_bytes, params_bytes)


# --- reading


def _wrong(where: str, saw: object, expected: str) -> ArtifactError:
    shown = repr(saw)
    return ArtifactError(f"the artifact's {where} is {shown[:80]}, expected {expected}")


def _decode(kind: Any, value: Any, where: str) -> Any:
    """JSON to a dataclass, tuple or scalar of type `kind`, refusing anything else."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            saw = sorted(map(str, value)) if isinstance(value, dict) else value
            raise _wrong(where, saw, f"the fields {', '.join(hints)}")
        return kind(**{name: _decode(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})
    if hasattr(kind, "_fields"):
        if not isinstance(value, list | tuple) or len(value) != len(kind._fields):
            raise _wrong(where, value, f"a list of {', '.join(kind._fields)}")
        return kind(*(_decode(int, item, f"{where}.{name}") for name, item in zip(kind._fields, value, strict=True)))
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(where, value, "a list")
        item_kind = typing.get_args(kind)[0]
        return tuple(_decode(item_kind, item, f"{where}[{i}]") for i, item in enumerate(value))
    if kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise _wrong(where, value, "a number")
    if kind is int or kind is bool or kind is str:
        if type(value) is kind:
            return value
        raise _wrong(where, value, f"of type {kind.__name__}")
    if type(value) in (str, int):  # str | int, of shapes
        return value
    raise _wrong(where, value, "a name or a number")


# --- checking


def _between(value: int, low: int, high: int, where: str) -> None:
    if not low <= value <= high:
        raise _wrong(where, value, f"between {low} and {high}")


def _multiple(value: int, of: int, where: str) -> None:
    if value % of:
        raise _wrong(where, value, f"a multiple of {of}")


def _check_program(program: Program, weights_bytes: int, params_bytes: int) -> None:
    _between(program.arena_bytes, 0, LIMIT, "program.arena_bytes")
    _between(program.scratch_bytes, 0, LIMIT, "program.scratch_bytes")
    _multiple(program.arena_bytes, ALIGNMENT, "program.arena_bytes")
    _between(program.together, 0, len(program.steps), "program.together")
    for i, buffer in enumerate(program.buffers):
        where = f"program.buffers[{i}]"
        _between(buffer.size, 0, program.arena_bytes, f"{where}.size")
        _between(buffer.offset, 0, program.arena_bytes - buffer.size, f"{where}.offset")
        _multiple(buffer.offset, ALIGNMENT, f"{where}.offset")
        _multiple(buffer.size, ALIGNMENT, f"{where}.size")

    for kind, tensors in (("inputs", program.inputs), ("outputs", program.outputs)):
        if not tensors:
            raise _wrong(f"program.{kind}", [], "at least one")
        names = [tensor.name for tensor in tensors]
        if len(set(names)) != len(names):
            raise _wrong(f"program.{kind}", names, "different names")
        for i, tensor in enumerate(tensors):
            _check_tensor(program, tensor, f"program.{kind}[{i}]")
    _check_inputs_apart(program)

    def reference(at: Reference, where: str, constants: bool) -> None:
        _between(at.buffer, -1 if constants else 0, len(program.buffers) - 1, f"{where}.buffer")
        size = weights_bytes if at.buffer < 0 else program.buffers[at.buffer].size
        _between(at.offset, 0, size - 1, f"{where}.offset")

    for i, step in enumerate(program.steps):
        where = f"program.steps[{i}]"
        if len(step.inputs) > MAX_STEP_INPUTS:
            raise _wrong(f"{where}.inputs", len(step.inputs), f"at most {MAX_STEP_INPUTS}")
        reference(step.out, f"{where}.out", constants=False)
        for j, at in enumerate(step.inputs):
            reference(at, f"{where}.inputs[{j}]", constants=True)
        _between(step.tiles, 1, 1 << 31, f"{where}.tiles")
        _between(step.weight_tiles, 0, step.tiles, f"{where}.weight_tiles")
        if step.weight_tiles and step.tiles % step.weight_tiles:
            raise _wrong(f"{where}.weight_tiles", step.weight_tiles, f"a divisor of {step.tiles}")
        _between(step.macs, 0, 1 << 62, f"{where}.macs")
        _between(step.weights, -1, weights_bytes - 1, f"{where}.weights")
        _between(step.params, -1, params_bytes - 1, f"{where}.params")
        if step.params >= 0:
            _multiple(step.params, 4, f"{where}.params")


def _check_tensor(program: Program, t: Input | Output, where: str) -> None:
    for name in ("channels", "height", "width"):
        _between(getattr(t, name), 1, 1 << 31, f"{where}.{name}")
    dims = list(t.shape[1:])
    if t.shape[:1] != ("N",) or not all(isinstance(d, int) for d in dims):
        raise _wrong(f"{where}.shape", t.shape, "'N' and then numbers")
    expected = {
        0: [[]] if (t.channels, t.height, t.width) == (1, 1, 1) else [],
        1: [[t.channels]] if (t.height, t.width) == (1, 1) else [],
        2: [[t.width, t.channels]] if t.height == 1 else [],
        3: [[t.channels, t.height, t.width]],
    }.get(len(dims), [])
    if dims not in expected:
        raise _wrong(f"{where}.shape", t.shape, f"the shape of {t.channels} x {t.height} x {t.width} values an image")

    if not (math.isfinite(t.scale) and t.scale > 0 and _as_float32(t.scale) == t.scale):
        raise _wrong(f"{where}.scale", t.scale, "a positive float32 number")
    at = t.layout
    wide = at.plane != 0
    least, most = (S16_MIN, S16_MAX) if wide else (0, 255)
    _between(t.lo, least, most, f"{where}.lo")
    _between(t.hi, t.lo, most, f"{where}.hi")
    _between(t.zero_point, *((0, 0) if wide else (t.lo, t.hi)), f"{where}.zero_point")
    if isinstance(t, Input) and t.dtype not in ("float32", integers_of(t).name):
        raise _wrong(f"{where}.dtype", t.dtype, f"'float32' or '{integers_of(t).name}'")

    _between(at.buffer, 0, len(program.buffers) - 1, f"{where}.layout.buffer")
    size = program.buffers[at.buffer].size
    if at.image != size:
        raise _wrong(f"{where}.layout.image", at.image, f"{size}, the size of its buffer")
    for name, extent in at.halo._asdict().items():
        _between(extent, 0, 1 << 15, f"{where}.layout.halo.{name}")
    columns = at.halo.left + t.width + at.halo.right
    rows = at.halo.top + t.height + at.halo.bottom
    _between(at.pixel, t.channels, LIMIT, f"{where}.layout.pixel")
    _between(at.row, (columns - 1) * at.pixel + t.channels if rows > 1 else 0, LIMIT, f"{where}.layout.row")
    first = at.halo.top * at.row + at.halo.left * at.pixel
    last = (t.height - 1 + at.halo.bottom) * at.row + (t.width - 1 + at.halo.right) * at.pixel + t.channels
    _between(at.plane, 0, size, f"{where}.layout.plane")
    if wide and at.plane < last + first:
        raise _wrong(f"{where}.layout.plane", at.plane, f"0 or at least {last + first}, the size of a plane")
    _between(at.offset, first, size - last - at.plane, f"{where}.layout.offset")


def integers_of(t: Input | Output) -> np.dtype[Any]:
    """What a user sees the integers of a tensor as."""
    return np.dtype(np.int16 if t.layout.plane else np.uint8)


def _as_float32(value: float) -> float:
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.inf


def _check_inputs_apart(program: Program) -> None:
    """All inputs are quantized before the first step, so their buffers must not share memory."""
    spans = sorted({(*program.buffers[t.layout.buffer], t.layout.buffer) for t in program.inputs})
    for (offset, size, buffer), (next_offset, _, next_buffer) in pairwise(spans):
        if offset + size > next_offset:
            raise ArtifactError(f"the artifact's input buffers {buffer} and {next_buffer} overlap in the arena")


# --- packing for the native side


def pack(
    program: Program,
    kernels: Mapping[str, int],
    *,
    file_bytes: int,
    code: tuple[int, int],
    weights: int,
    params: int,
) -> list[int]:
    """The words that model.cpp reads. `kernels` gives each symbol's offset in the code; code, weights and params are
    positions in the file, code with its length."""
    words = [PACKING, file_bytes, *code, weights, params, program.arena_bytes, program.scratch_bytes]
    words += [len(program.buffers), len(program.inputs), len(program.outputs), len(program.steps), program.together]
    words += [buffer.offset for buffer in program.buffers]
    for tensor in (*program.inputs, *program.outputs):
        words += _pack_tensor(program, tensor)
    for step in program.steps:
        inputs = [*step.inputs, *[Reference(-1, 0)] * (MAX_STEP_INPUTS - len(step.inputs))]
        words += [kernels[step.kernel], *step.out, len(step.inputs)]
        words += [word for at in inputs for word in at]
        words += [step.weights, step.params, step.tiles, step.weight_tiles, step.overlap]
    return words


def _pack_tensor(program: Program, t: Input | Output) -> list[int]:
    at = t.layout
    is_input = isinstance(t, Input)
    planes = len(t.shape) == 4 and t.height * t.width > 1
    outside = (t.height * t.width, 1, t.width) if planes else (1, t.channels, t.width * t.channels)
    (scale_bits,) = struct.unpack("<I", struct.pack("<f", t.scale))
    return [
        not is_input or t.dtype == "float32",
        at.buffer,
        at.offset,
        t.channels,
        t.height,
        t.width,
        at.pixel,
        at.row,
        at.plane,
        *at.halo,
        _lanes(program, t) if is_input else t.channels,
        *outside,
        scale_bits,
        t.zero_point,
        t.lo,
        t.hi,
    ]


def _lanes(program: Program, t: Input) -> int:
    """How many bytes of a pixel quantization may write: the pad lanes too, where they are nobody else's.

    They may hold anything, but whole pixels are faster to write, and always the same bytes easier to debug."""
    at = t.layout
    alone = sum(other.layout.buffer == at.buffer for other in program.inputs) == 1
    columns = at.halo.left + t.width + at.halo.right
    fits = at.row >= columns * at.pixel or at.halo.top + t.height + at.halo.bottom == 1
    end = at.offset + (t.height - 1 + at.halo.bottom) * at.row + (t.width + at.halo.right) * at.pixel
    room = at.plane or program.buffers[at.buffer].size
    return at.pixel if alone and fits and end <= room else t.channels
