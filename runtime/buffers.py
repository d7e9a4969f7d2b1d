"""Places in buffers, and what is checked of them, for every target whose tensors lie in buffers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.program import ALIGNMENT, Buffer, Placed, between, multiple
from dyadic.runtime.program_fields import wrong


class Reference(NamedTuple):
    """A byte of a buffer; buffer -1 is what the target stores of constants."""

    buffer: int
    offset: int


def check_buffers(buffers: Sequence[Buffer], sizes: Mapping[str, int]) -> None:
    """Raise ArtifactError unless each is inside the memory of its kind; `sizes` has those that there are, in bytes."""
    for i, buffer in enumerate(buffers):
        where = f"program.buffers[{i}]"
        if buffer.kind not in sizes:
            raise wrong(f"{where}.kind", buffer.kind, f"one of {', '.join(sizes)}")
        between(buffer.size, 0, sizes[buffer.kind], f"{where}.size")
        between(buffer.offset, 0, sizes[buffer.kind] - buffer.size, f"{where}.offset")
        multiple(buffer.offset, ALIGNMENT, f"{where}.offset")
        multiple(buffer.size, ALIGNMENT, f"{where}.size")


def check_reference(buffers: Sequence[Buffer], at: Reference, where: str, constants: int = 0) -> None:
    """Raise ArtifactError unless it is inside its buffer, or among so many bytes of constants; 0: it may not be."""
    between(at.buffer, -1 if constants else 0, len(buffers) - 1, f"{where}.buffer")
    size = constants if at.buffer < 0 else buffers[at.buffer].size
    between(at.offset, 0, size - 1, f"{where}.offset")


def check_inputs_apart(program: Placed) -> None:
    """All inputs are quantized before the first step, so their buffers must not share memory."""
    buffers = program.buffers
    used = sorted({t.layout.buffer for t in program.inputs}, key=lambda i: (buffers[i].kind, buffers[i]))
    for first, second in pairwise(used):
        one, other = buffers[first], buffers[second]
        if one.kind == other.kind and one.offset + one.size > other.offset:
            raise ArtifactError(f"the artifact's input buffers {first} and {second} overlap in the {one.kind}")
