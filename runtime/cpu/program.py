"""What the CPU's executor runs: buffers, and steps that call kernels.

A reference is (buffer, byte offset inside it); buffer -1 is constant data in the weights section. The program is packed
into 64-bit words for the native side, which trusts it: everything is checked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, NamedTuple

from dyadic.runtime.buffers import Reference, check_buffers, check_inputs_apart, check_reference
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.interface import check_interface
from dyadic.runtime.program import (
    ALIGNMENT,
    LIMIT,
    SLACK,
    Buffer,
    Input,
    Output,
    Program,
    Scalar,
    between,
    check_tensor,
    multiple,
    pack_tensor,
)
from dyadic.runtime.program_fields import wrong

MAX_STEP_INPUTS = 4
PACKING = 0x64796164696305  # first word of a packed program; model.cpp has the same
WORD = 8  # bytes of a scalar
KINDS = ("arena", "state", "scalars")  # of buffers, by the number that the native side knows them by


class Entry(NamedTuple):
    """A kernel in a code image, and the layers that it computes."""

    offset: int
    length: int
    layers: tuple[str, ...]


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
class CpuProgram(Program):
    """Of a batch, each image takes steps 0..together-1 by itself, which keeps what one step hands to the next in the
    cache; all images take the others together, which shares their weights.

    `entries` says for each level where each kernel lies in its image. `weights`, `params` and `code` name sections: the
    programs of an artifact may share them. The image of a level is the section `code`/level."""

    target: ClassVar[str] = "cpu"

    buffers: tuple[Buffer, ...]
    arena_bytes: int  # of one image
    scratch_bytes: int  # of one thread
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    steps: tuple[Step, ...]
    together: int = 0
    state_bytes: int = 0  # of one image
    scalars: tuple[Scalar, ...] = ()
    variant: str = ""
    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)
    weights: str = "cpu/weights"
    params: str = "cpu/params"
    code: str = "cpu/code"

    @property
    def timed_steps(self) -> tuple[Step, ...]:
        return self.steps

    @property
    def kernels(self) -> dict[str, int]:
        return {level: len(kernels) for level, kernels in self.entries.items()}

    @property
    def memory_bytes(self) -> int:
        return self.arena_bytes + self.state_bytes

    def stored_bytes(self, lengths: Mapping[str, int]) -> list[int]:
        constants = {at.offset for step in self.steps for at in step.inputs if at.buffer < 0}
        places = sorted(offset for offset in constants | {step.weights for step in self.steps} if offset >= 0)
        ends = pairwise([*places, lengths[self.weights] - SLACK])
        room = {here: after - here for here, after in ends}
        return [room.pop(step.weights, 0) for step in self.steps]

    @property
    def sections(self) -> frozenset[str]:
        return frozenset((self.weights, self.params, *(self.image(level) for level in self.levels)))

    @property
    def has_state(self) -> bool:
        return self.state_bytes > 0

    def image(self, level: str) -> str:
        """The name of a level's section."""
        return f"{self.code}/{level}"

    def check(self, lengths: Mapping[str, int]) -> None:
        for name in sorted(self.sections):
            if name not in lengths:
                raise ArtifactError(f"it has no section '{name}'")
        check_memory(self, lengths[self.weights], lengths[self.params])
        if not self.entries:
            raise ArtifactError("its program has no entries, so there is no code to run")
        for level, kernels in self.entries.items():
            image = self.image(level)
            for symbol, (offset, length, _) in kernels.items():
                if offset < 0 or length < 1 or offset + length > lengths[image]:
                    raise ArtifactError(f"kernel '{symbol}' at {offset} of length {length} is outside {image}")
            for i, step in enumerate(self.steps):
                if step.kernel not in kernels:
                    raise ArtifactError(f"step {i} ('{step.layer}') calls '{step.kernel}', which {image} lacks")


# --- checking


def check_memory(program: CpuProgram, weights_bytes: int, params_bytes: int) -> None:
    between(program.arena_bytes, 0, LIMIT, "program.arena_bytes")
    between(program.scratch_bytes, 0, LIMIT, "program.scratch_bytes")
    multiple(program.arena_bytes, ALIGNMENT, "program.arena_bytes")
    between(program.together, 0, len(program.steps), "program.together")
    between(program.state_bytes, 0, LIMIT, "program.state_bytes")
    multiple(program.state_bytes, ALIGNMENT, "program.state_bytes")
    scalars = max(ALIGNMENT, -(-WORD * len(program.scalars) // ALIGNMENT) * ALIGNMENT)
    sizes = (program.arena_bytes, program.state_bytes, scalars)
    check_buffers(program.buffers, dict(zip(KINDS, sizes, strict=True)))
    check_interface(program)
    for kind, tensors in (("inputs", program.inputs), ("outputs", program.outputs)):
        for i, tensor in enumerate(tensors):
            where = f"program.{kind}[{i}]"
            check_tensor(program.buffers, tensor, where)
            if program.buffers[tensor.layout.buffer].kind == "scalars":
                raise wrong(f"{where}.layout.buffer", tensor.layout.buffer, "one of the arena or the state")
    check_inputs_apart(program)

    for i, step in enumerate(program.steps):
        where = f"program.steps[{i}]"
        if len(step.inputs) > MAX_STEP_INPUTS:
            raise wrong(f"{where}.inputs", len(step.inputs), f"at most {MAX_STEP_INPUTS}")
        check_reference(program.buffers, step.out, f"{where}.out")
        if program.buffers[step.out.buffer].kind == "scalars":
            raise wrong(f"{where}.out.buffer", step.out.buffer, "one that may be written, which scalars are not")
        for j, at in enumerate(step.inputs):
            check_reference(program.buffers, at, f"{where}.inputs[{j}]", weights_bytes)
        between(step.tiles, 1, 1 << 31, f"{where}.tiles")
        between(step.weight_tiles, 0, step.tiles, f"{where}.weight_tiles")
        if step.weight_tiles and step.tiles % step.weight_tiles:
            raise wrong(f"{where}.weight_tiles", step.weight_tiles, f"a divisor of {step.tiles}")
        between(step.macs, 0, 1 << 62, f"{where}.macs")
        between(step.weights, -1, weights_bytes - 1, f"{where}.weights")
        between(step.params, -1, params_bytes - 1, f"{where}.params")
        if step.params >= 0:
            multiple(step.params, 4, f"{where}.params")


# --- packing for the native side


def pack(
    program: CpuProgram,
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
    words += [program.state_bytes, len(program.scalars)]
    words += [len(program.buffers), len(program.inputs), len(program.outputs), len(program.steps), program.together]
    words += [word for buffer in program.buffers for word in (KINDS.index(buffer.kind), buffer.offset)]
    for tensor in (*program.inputs, *program.outputs):
        words += pack_tensor(program, tensor)
    for step in program.steps:
        inputs = [*step.inputs, *[Reference(-1, 0)] * (MAX_STEP_INPUTS - len(step.inputs))]
        words += [kernels[step.kernel], *step.out, len(step.inputs)]
        words += [word for at in inputs for word in at]
        words += [step.weights, step.params, step.tiles, step.weight_tiles, step.overlap]
    return words
