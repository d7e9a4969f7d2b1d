"""The constants of a program as its kernels read them: a section, or put together from it and from weights that the
file holds for another target.

Two targets order the same weights each in its own way. So that a file holds them once, a section says where those of
the other target's go: JSON, deflated, in pieces. Of the program's own section whole bytes are copied; of the other's,
fields of 8, 4 or 2 bits, the lowest of a byte first, in boxes, which are copies whose distances between elements are
regular on both sides.
"""

import json
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.runtime.artifact import ArtifactFile, inflated
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.program import between
from dyadic.runtime.program_fields import decode, wrong

Bytes = npt.NDArray[np.uint8]
WIDTHS = (8, 4, 2)  # bits of a field
MAX_DIMS = 32  # of a box


class Own(NamedTuple):
    """Bytes of the program's own section."""

    to: int
    source: int
    length: int


class Dim(NamedTuple):
    """How often, and how many fields further on each time."""

    times: int
    to: int
    source: int


class Box(NamedTuple):
    """Fields, the first of which are there."""

    to: int
    source: int
    dims: tuple[Dim, ...]


@dataclass(frozen=True)
class Taken:
    """`length` bytes from `to` on, of fields of `bits` bits: each is `zero`, or one of the other section's, which have
    `source_bits`, and `add`. A box counts fields from `to` on, and from the beginning of the other section on."""

    to: int
    length: int
    bits: int
    source_bits: int
    zero: int
    add: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Gather:
    """What a section says. Whatever no piece writes is 0."""

    own: tuple[Own, ...]
    taken: tuple[Taken, ...]

    def encoded(self) -> bytes:
        """A section's content."""
        said = {"own": self.own, "taken": [vars(one) for one in self.taken]}
        return json.dumps(said, separators=(",", ":")).encode()

    def check(self, own: int, other: int, constants: int) -> None:
        """Raise ArtifactError unless every piece is inside of sections and constants of so many bytes, and they are
        no more work than the constants have bytes."""
        for i, one in enumerate(self.own):
            where = f"gather.own[{i}]"
            between(one.length, 0, min(own, constants), f"{where}.length")
            between(one.to, 0, constants - one.length, f"{where}.to")
            between(one.source, 0, own - one.length, f"{where}.source")
        for i, one in enumerate(self.taken):
            _check_taken(one, other, constants, f"gather.taken[{i}]")
        total = sum(one.length for one in (*self.own, *self.taken))
        between(total, 0, constants, "gather's bytes in all")

    def constants(self, own: Bytes, other: Bytes, size: int) -> Bytes:
        """The constants, so many bytes, of checked pieces."""
        made = np.zeros(size, np.uint8)
        for one in self.own:
            made[one.to : one.to + one.length] = own[one.source : one.source + one.length]
        for one in self.taken:
            made[one.to : one.to + one.length] = _taken(one, other)
        return made


def _check_taken(one: Taken, other: int, constants: int, where: str) -> None:
    for name in ("bits", "source_bits"):
        if getattr(one, name) not in WIDTHS:
            raise wrong(f"{where}.{name}", getattr(one, name), "8, 4 or 2")
    most = (1 << one.bits) - 1
    between(one.zero, 0, most, f"{where}.zero")
    between(one.add, 0, most, f"{where}.add")
    between(one.length, 0, constants, f"{where}.length")
    between(one.to, 0, constants - one.length, f"{where}.to")
    room, there = one.length * 8 // one.bits, other * 8 // one.source_bits
    left = room
    for j, box in enumerate(one.boxes):
        here = f"{where}.boxes[{j}]"
        between(len(box.dims), 0, MAX_DIMS, f"number of {here}.dims")
        for dim in box.dims:
            between(dim.times, 1, room, f"{here}.dims")
            between(dim.to, 0, room, f"{here}.dims")
            between(dim.source, 0, there, f"{here}.dims")
        between(box.to, 0, room - 1 - sum((d.times - 1) * d.to for d in box.dims), f"{here}.to")
        between(box.source, 0, there - 1 - sum((d.times - 1) * d.source for d in box.dims), f"{here}.source")
        left -= math.prod(dim.times for dim in box.dims)
        between(left, 0, room, f"fields that {where} leaves")


def _taken(one: Taken, other: Bytes) -> Bytes:
    made = np.full(one.length * 8 // one.bits, one.zero, np.uint8)
    if not one.boxes:
        return _packed(made, one.bits)
    per_byte, most = 8 // one.source_bits, (1 << one.bits) - 1
    first = min(box.source for box in one.boxes) // per_byte
    last = max(box.source + sum((d.times - 1) * d.source for d in box.dims) for box in one.boxes) // per_byte
    fields = _fields(other[first : last + 1], one.source_bits)
    if one.add or most < 255:
        fields = (fields + np.uint8(one.add)) & np.uint8(most)
    for box in one.boxes:
        counts = [dim.times for dim in box.dims]
        target = _strided(made[box.to :], counts, [dim.to for dim in box.dims])
        np.copyto(target, _strided(fields[box.source - first * per_byte :], counts, [dim.source for dim in box.dims]))
    return _packed(made, one.bits)


def _strided(array: Bytes, counts: list[int], steps: list[int]) -> Bytes:
    return np.lib.stride_tricks.as_strided(array, counts, steps)


def _fields(stored: Bytes, bits: int) -> Bytes:
    """One a byte."""
    if bits == 8:
        return stored
    mask = np.uint8((1 << bits) - 1)
    return np.stack([stored >> np.uint8(shift) & mask for shift in range(0, 8, bits)], 1).reshape(-1)


def _packed(fields: Bytes, bits: int) -> Bytes:
    if bits == 8:
        return fields
    every = fields.reshape(-1, 8 // bits)
    made = np.zeros(len(every), np.uint8)
    for n in range(every.shape[1]):
        made |= every[:, n] << bits * n
    return made


def constants_of(file: ArtifactFile, program: CudaProgram) -> Bytes:
    """What is to be on the device. Raises ArtifactError."""
    own = np.frombuffer(file.section(program.constants), np.uint8)
    if not program.gather:
        return own
    try:
        gather = read(inflated(file.section(program.gather), f"its section '{program.gather}'"))
        other = np.frombuffer(file.section(program.source), np.uint8)
        gather.check(len(own), len(other), program.constants_bytes)
    except ArtifactError as error:
        if file.path in str(error):
            raise
        raise ArtifactError(f"'{file.path}' cannot be used: {error}; compile the model again") from None
    return gather.constants(own, other, program.constants_bytes)


def read(text: bytes | memoryview) -> Gather:
    """A section's content. Raises ArtifactError."""
    try:
        value = json.loads(bytes(text).decode())
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"where its weights go is not JSON ({error})") from None
    return decode(Gather, value, "gather")


def identity(file: ArtifactFile, program: CudaProgram) -> str:
    """Equal for equal constants."""
    names = (program.constants, program.gather, program.source) if program.gather else (program.constants,)
    return " ".join(file.sections[name].sha256 for name in names)
