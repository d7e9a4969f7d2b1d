"""What every program says, whatever machine it is for: its inputs, its outputs, what a run is told besides.

A `Program` is data. It is written as JSON into the artifact's header and checked without mercy when it is read. Each
target has a kind of its own (`runtime/cpu/program.py`), which adds how the machine gets from inputs to outputs. Memory
is spoken of per image: every image of a batch has an arena of its own.
"""

import math
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np

from dyadic.runtime.fixedpoint import INT32_MAX, INT32_MIN, S16_MAX, S16_MIN
from dyadic.runtime.last_function import NOTHING, LastFunction
from dyadic.runtime.layout import Layout, Margin, Rows, rows_of
from dyadic.runtime.program_fields import decode, encode, wrong

ALIGNMENT = 64  # of the arena, of buffers (offset and size), of sections
SLACK = 64  # readable bytes after the arena, the weights and the scratch memory
MAX_SCALARS = 16
LIMIT = 1 << 40  # no offset, size or count is larger
ID_BYTES = 4  # of an int32 input's number
FIXED = ("", "one", "none")  # the user's array: a batch of any size, a first dimension of 1, none in its place
GIVEN = ("int64", "int32", "bool", "float32", "uint8", "int8")  # what users give whole numbers as
ANSWERED = ("", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")  # and get them as


class Buffer(NamedTuple):
    """`size` bytes of an image's memory of a kind, from `offset` on.

    An `arena` is as it happens to be when a run begins. A `state` is zero at first and then what the run before has
    left: it belongs to a session. `scalars` are what the run was told, eight bytes each, in the order of the program's
    scalars, the same for all images."""

    offset: int
    size: int
    kind: str = "arena"


@dataclass(frozen=True)
class Input:
    """Quantized by the runtime with scale and zero_point, clamped to lo..hi; its halo is filled with zero_point.

    dtype 'uint8', or 'int16' where the layout has a plane, takes the integers themselves (raw pixels). 'int32' takes
    numbers that are looked up, lo..hi: their bytes lie in memory as one dimension more, and sessions refuse others.

    given: what users give whole numbers as ('int64', 'int32', 'bool', or 'float32' of what is 0 or 1; 'uint8' and
    'int8' of an activation's integers, these less zero_point), '' where it is dtype; what is given so is refused
    outside lo..hi, and not clamped.

    tokens: the dimension that may be shorter, 0 where none may: sessions fill it up with `lo`, which changes no other
    token's result.

    mark: what the bytes behind the channels of each real pixel hold, -1 where nothing reads them. In the halo they hold
    zero_point, as all bytes do there.

    padding: the id that may stand behind all others of its row only, -1 where any may stand anywhere.

    fixed: of a model that was compiled for the batch it has, one of `FIXED`; N then counts whole sets of inputs."""

    name: str
    shape: tuple[str | int, ...]  # the user's: ('N', 3, 224, 224)
    dtype: str
    layout: Layout
    scale: float
    zero_point: int
    lo: int = 0
    hi: int = 255
    given: str = ""
    tokens: int = 0
    padding: int = -1
    fixed: str = ""
    mark: int = -1

    @property
    def user_dtype(self) -> str:
        """What a user's array holds."""
        return self.given or self.dtype


@dataclass(frozen=True)
class Output:
    """An array of the user's; or, where `whole` is given, a part of one, with a scale of its own.

    Parts of one array follow each other under its name. `whole` is that array's shape and `start` where the part begins
    in it, both without the batch. `tokens` is the dimension that is as short as that of the inputs, 0 where none is.
    `last` is what the model does to the whole array last, in float; in the model's own `batch_axis` is the batch.
    `given` is what users get whole numbers as, '' for float32. `fixed` as of inputs."""

    name: str
    shape: tuple[str | int, ...]
    layout: Layout
    scale: float
    zero_point: int
    lo: int = 0
    hi: int = 255
    start: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    tokens: int = 0
    last: LastFunction = NOTHING
    batch_axis: int = 0
    given: str = ""
    fixed: str = ""

    @property
    def array(self) -> tuple[str | int, ...]:
        """The shape of the user's array."""
        return ("N", *self.whole) if self.whole else self.shape

    @property
    def answer(self) -> tuple[str | int, ...]:
        """The shape of what a session gives, the batch first."""
        return ("N", *self.last.shape) if self.last.ranks else self.array

    @property
    def user_dtype(self) -> str:
        """What a user's array holds."""
        return self.given or "float32"

    @property
    def place(self) -> tuple[slice, ...]:
        """Where it lies in the user's array."""
        sizes = [int(size) for size in self.shape[1:]]
        starts = self.start or (0,) * len(sizes)
        return (slice(None), *(slice(first, first + size) for first, size in zip(starts, sizes, strict=True)))


@dataclass(frozen=True)
class Scalar:
    """A whole number from `low` to `high` that every run is given: a position, a length."""

    name: str
    low: int
    high: int


class TimedStep(Protocol):
    """What a session can say of a step: the user's own name of the layer, the operator, the kernel, and
    multiply-accumulates for one image."""

    @property
    def layer(self) -> str: ...
    @property
    def op(self) -> str: ...
    @property
    def kernel(self) -> str: ...
    @property
    def macs(self) -> int: ...


class Program(ABC):
    """One way to compute the network: for one target, and among its programs for one variant ('' where there is only
    one; else what it is for, as in '1x128'). Kinds of programs are frozen dataclasses."""

    target: ClassVar[str]
    variant: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    scalars: tuple[Scalar, ...]

    @property
    @abstractmethod
    def timed_steps(self) -> Sequence[TimedStep]:
        """What `Session.profile` times, in order."""

    @property
    @abstractmethod
    def kernels(self) -> Mapping[str, int]:
        """The levels that the artifact holds code for, best first, and how many kernels each has."""

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(self.kernels)

    @property
    @abstractmethod
    def memory_bytes(self) -> int:
        """What a run of one image needs besides inputs, outputs and weights."""

    @abstractmethod
    def stored_bytes(self, lengths: Mapping[str, int]) -> list[int]:
        """What is stored of each timed step's weights, packed and with padding; shared ones where they are first used.

        lengths: of the artifact's sections, in bytes."""

    @property
    @abstractmethod
    def sections(self) -> frozenset[str]:
        """The names of the artifact's sections that it uses, its target's own."""

    @property
    def borrowed(self) -> frozenset[str]:
        """Those of another target's that it reads, too, which one of that target's programs must use."""
        return frozenset()

    @property
    @abstractmethod
    def has_state(self) -> bool:
        """Whether a run sees what the run before has left."""

    @property
    def name(self) -> str:
        return f"{self.target} {self.variant}".rstrip()

    def to_json(self) -> dict[str, Any]:
        return {"target": self.target} | encode(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read and check the shape of the data; `check` then checks what it says."""
        if not isinstance(value, dict) or value.get("target") != cls.target:
            raise wrong("program", value, f"one for {cls.target}")
        return decode(cls, {name: field for name, field in value.items() if name != "target"}, "program")

    @abstractmethod
    def check(self, lengths: Mapping[str, int]) -> None:
        """Raise ArtifactError, naming what is wrong, unless every access that the runtime itself makes is in bounds.

        lengths: of the artifact's sections, in bytes."""


# --- checking


def between(value: int, low: int, high: int, where: str) -> None:
    if not low <= value <= high:
        raise wrong(where, value, f"between {low} and {high}")


def multiple(value: int, of: int, where: str) -> None:
    if value % of:
        raise wrong(where, value, f"a multiple of {of}")


def results_of(outputs: Sequence[Output]) -> list[tuple[Output, ...]]:
    """The outputs that make each array of the user's."""
    return [tuple(parts) for _, parts in groupby(outputs, key=lambda output: output.name)]


def check_tensor(buffers: Sequence[Buffer], t: Input | Output, where: str) -> None:
    sizes = [int(d) for d in t.shape[1:]]
    if not (math.isfinite(t.scale) and t.scale > 0 and _as_float32(t.scale) == t.scale):
        raise wrong(f"{where}.scale", t.scale, "a positive float32 number")
    at = t.layout
    wide, ids = at.plane != 0, is_ids(t)
    least, most = (INT32_MIN, INT32_MAX) if ids else (S16_MIN, S16_MAX) if wide else (0, 255)
    between(t.lo, least, most, f"{where}.lo")
    between(t.hi, t.lo, most, f"{where}.hi")
    between(t.zero_point, *((0, 0) if wide else (t.lo, t.hi)), f"{where}.zero_point")
    if isinstance(t, Input) and t.dtype not in ("float32", integers_of(t).name):
        raise wrong(f"{where}.dtype", t.dtype, f"'float32' or '{integers_of(t).name}'")
    if isinstance(t, Input):
        if t.given not in ("", *GIVEN):
            raise wrong(f"{where}.given", t.given, f"one of {', '.join(GIVEN)}")
        between(t.padding, INT32_MIN, INT32_MAX, f"{where}.padding")
        between(t.mark, -1, -1 if wide or ids else t.hi, f"{where}.mark")
    if ids:
        if wide or at.halo or (t.scale, t.zero_point) != (1.0, 0):
            raise wrong(f"{where}.layout", at, "no planes, no margins and a scale of 1 for numbers that are looked up")
        sizes.append(ID_BYTES)

    between(at.buffer, 0, len(buffers) - 1, f"{where}.layout.buffer")
    size_of_buffer = buffers[at.buffer].size
    if at.image != size_of_buffer:
        raise wrong(f"{where}.layout.image", at.image, f"{size_of_buffer}, the size of its buffer")
    if len(at.strides) != len(sizes) or len(at.halo) not in (0, len(sizes)):
        raise wrong(f"{where}.layout", [at.strides, at.halo], f"a stride and a margin for each of {len(sizes)} sizes")
    margins = at.halo or (Margin(0, 0),) * len(sizes)
    for stride, margin in zip(at.strides, margins, strict=True):
        between(stride, 1, LIMIT, f"{where}.layout.strides")
        between(margin.before, 0, 1 << 15, f"{where}.layout.halo")
        between(margin.after, 0, 1 << 15, f"{where}.layout.halo")
    every = list(zip(sizes, at.strides, margins, strict=True))
    first = sum(margin.before * stride for _, stride, margin in every)
    last = sum((size - 1 + margin.after) * stride for size, stride, margin in every) + 1
    between(at.plane, 0, size_of_buffer, f"{where}.layout.plane")
    if wide and at.plane < last + first:
        raise wrong(f"{where}.layout.plane", at.plane, f"0 or at least {last + first}, the size of a plane")
    between(at.offset, first, size_of_buffer - last - at.plane, f"{where}.layout.offset")
    try:
        rows_of(sizes, at, inside_of(t))
    except ValueError as error:
        raise wrong(f"{where}.layout.strides", at.strides, str(error)) from None


def check_shape(t: Input | Output, where: str) -> None:
    """Raise ArtifactError unless it is a batch of any size and whole numbers behind it."""
    dims = t.shape[1:]
    if t.shape[:1] != ("N",) or not all(isinstance(d, int) for d in dims):
        raise wrong(f"{where}.shape", t.shape, "'N' and then numbers")
    for size in dims:
        between(int(size), 1, 1 << 31, f"{where}.shape")


def whole_of(t: Input | Output) -> list[int]:
    """The sizes of the user's array that a tensor is, or is a part of, without the batch."""
    return [int(size) for size in (t.array if isinstance(t, Output) else t.shape)[1:]]


def is_ids(t: Input | Output) -> bool:
    """Whether a tensor holds numbers that are looked up."""
    return isinstance(t, Input) and t.dtype == "int32"


def inside_of(t: Input | Output) -> list[int]:
    """`whole_of` in bytes, or numbers of two planes: ids have a dimension more."""
    return whole_of(t) + [ID_BYTES] * is_ids(t)


def integers_of(t: Input | Output) -> np.dtype[Any]:
    """What a user sees the integers of a tensor as."""
    if is_ids(t):
        return np.dtype(np.int32)
    return np.dtype(np.int16 if t.layout.plane else np.uint8)


def _as_float32(value: float) -> float:
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.inf


# --- packing for native executors


class Placed(Protocol):
    """A program whose tensors lie in buffers."""

    @property
    def buffers(self) -> Sequence[Buffer]: ...
    @property
    def inputs(self) -> Sequence[Input]: ...


def pack_tensor(program: Placed, t: Input | Output) -> list[int]:
    at = t.layout
    ids = is_ids(t)
    seen = rows_of([int(d) for d in t.shape[1:]] + [ID_BYTES] * ids, at, inside_of(t))
    is_input = isinstance(t, Input)
    (scale_bits,) = struct.unpack("<I", struct.pack("<f", t.scale))
    return [
        not is_input or t.dtype == "float32",
        at.buffer,
        at.offset,
        seen.channels,
        seen.height,
        seen.width,
        seen.pixel,
        seen.row,
        at.plane,
        seen.top,
        seen.left,
        seen.bottom,
        seen.right,
        _lanes(program, t, seen) if is_input else seen.channels,
        seen.from_channel,
        seen.from_pixel,
        seen.from_row,
        math.prod(inside_of(t)),
        scale_bits,
        t.zero_point,
        *((0, 255) if ids else (t.lo, t.hi)),  # sessions have looked at ids; their bytes may be any
        _behind(t),
    ]


def _behind(t: Input | Output) -> int:
    """What is written behind the channels of a pixel."""
    return t.mark if isinstance(t, Input) and t.mark >= 0 else 0 if t.layout.plane else t.zero_point


def _lanes(program: Placed, t: Input, seen: Rows) -> int:
    """How many bytes of a pixel quantization may write: the pad lanes too, where they are nobody else's.

    They may hold anything, but whole pixels are faster to write, and always the same bytes easier to debug."""
    at = t.layout
    alone = sum(other.layout.buffer == at.buffer for other in program.inputs) == 1
    columns = seen.left + seen.width + seen.right
    fits = seen.row >= columns * seen.pixel or seen.top + seen.height + seen.bottom == 1
    end = at.offset + (seen.height - 1 + seen.bottom) * seen.row + (seen.width + seen.right) * seen.pixel
    room = at.plane or program.buffers[at.buffer].size
    return seen.pixel if alone and fits and end <= room else seen.channels
