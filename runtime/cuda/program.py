"""What the CUDA executor runs: buffers, and steps each of which launches a kernel.

A reference is (buffer, byte offset inside it); buffer -1 is the constants section. A kernel is called with

    out, in_0 .. in_k-1, weights, params (addresses), batch, out_image, in_image_0 .. in_image_k-1 (32-bit numbers)

where `out` and `in_j` are places in the first image and `*_image` the bytes from there to the next image: the arena's
size, and 0 for constants. `weights` and `params` are places in the constants section, null where a step has none. It is
launched on ceil(batch * items / block_items) x grid_y blocks of `threads` threads.

The driver trusts what it is told: everything is checked here but what a kernel does with its pointers.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

from dyadic.runtime.buffers import Reference, check_buffers, check_inputs_apart, check_reference
from dyadic.runtime.cuda import levels
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.interface import check_interface
from dyadic.runtime.program import (
    ALIGNMENT,
    SLACK,
    Buffer,
    Input,
    Output,
    Program,
    Scalar,
    between,
    check_tensor,
    multiple,
    whole_of,
)
from dyadic.runtime.program_fields import wrong

MAX_ARENA_BYTES = (1 << 31) - ALIGNMENT  # distances within an image have 32 bits
ITEM = 4  # bytes of a number of the user's, at most
MAX_STEP_INPUTS = 16
MAX_BLOCKS = (1 << 31) - 1  # in x; in y:
MAX_GRID_Y = (1 << 16) - 1
WARP, MAX_THREADS = 32, 1024  # of a block
MAX_SHARED_BYTES = 227 << 10  # of a block; devices may have less
KINDS = ("ptx", "cubin")
MOST_PADDED = 64  # times the bytes that constants are put together from


@dataclass(frozen=True)
class Step:
    """A launch. `items` are those of one image; each block computes `block_items` of the batch's."""

    layer: str  # the user's own name
    op: str
    kernel: str
    out: Reference
    inputs: tuple[Reference, ...]
    items: int
    block_items: int
    threads: int
    weights: int = -1  # byte offset in the constants, -1: none
    params: int = -1  # byte offset in the constants, -1: none
    grid_y: int = 1
    shared_bytes: int = 0
    macs: int = 0  # of one image


@dataclass(frozen=True)
class Crossing:
    """A launch between the user's array and a tensor, with the arguments of a step.

    `kernel` quantizes what the user has (float32 where the input's dtype is that, else its integers), or makes float32
    of an output; `raw_kernel` copies the integers themselves, uint8, int16 or int32, in the user's layout. The arena's
    side is where the tensor's layout has its first element; the user's is a dense array, and of an output that is a
    part of one, where the part begins in it. The distance between the user's images is in bytes. `params`: (the bits
    of the scale as float32, zero point, lo, hi), and whatever else the kernels want."""

    kernel: str
    raw_kernel: str
    items: int
    block_items: int
    threads: int
    params: int = -1  # byte offset in the constants, -1: none


@dataclass(frozen=True)
class Shape:
    """How a kernel is launched by code that has one of its own for a step, as the step's fields say it of others."""

    block_items: int
    threads: int
    grid_y: int
    shared_bytes: int


@dataclass(frozen=True)
class Code:
    """What a level's section is, "ptx" or "cubin", and its kernels, each with the layers that it computes; `launches`
    has those that are launched differently from what steps say."""

    kind: str
    kernels: dict[str, tuple[str, ...]]
    launches: dict[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True)
class CudaProgram(Program):
    """`setup` runs once, for a whole batch, when an arena has been made: it writes what no step overwrites, such as
    rings of zero points. `boundary` has a crossing for every input, then for every output. `constants` and
    `code_sections` name sections: the programs of an artifact may share them. The code of a level is the section
    `code_sections`/level.

    With `gather`, the constants are `constants_bytes` that are put together from their section and from `source`, a
    section of another target's, as the section `gather` says (`runtime/cuda/constants.py`)."""

    target: ClassVar[str] = "cuda"

    buffers: tuple[Buffer, ...]
    arena_bytes: int  # of one image
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    boundary: tuple[Crossing, ...]
    steps: tuple[Step, ...]
    code: dict[str, Code]
    setup: tuple[Step, ...] = ()
    scalars: tuple[Scalar, ...] = ()
    variant: str = ""
    constants: str = "cuda/constants"
    code_sections: str = "cuda/code"
    gather: str = ""
    source: str = ""
    constants_bytes: int = 0

    @property
    def timed_steps(self) -> tuple[Step, ...]:
        return self.steps

    @property
    def kernels(self) -> dict[str, int]:
        return {level: len(self.code[level].kernels) for level in levels.ordered(self.code)}

    @property
    def memory_bytes(self) -> int:
        return self.arena_bytes

    def stored_bytes(self, lengths: Mapping[str, int]) -> list[int]:
        every = (*self.setup, *self.steps)
        places = {at.offset for step in every for at in step.inputs if at.buffer < 0}
        places |= {at for step in every for at in (step.weights, step.params)}
        places |= {crossing.params for crossing in self.boundary}
        ends = pairwise([*sorted(at for at in places if at >= 0), self.size_of_constants(lengths) - SLACK])
        room = {here: after - here for here, after in ends}
        return [room.pop(step.weights, 0) for step in self.steps]

    @property
    def sections(self) -> frozenset[str]:
        gather = [self.gather] if self.gather else []
        return frozenset([self.constants, *gather, *(self.section(level) for level in self.code)])

    @property
    def borrowed(self) -> frozenset[str]:
        return frozenset([self.source] if self.gather else [])

    def size_of_constants(self, lengths: Mapping[str, int]) -> int:
        """In bytes; `lengths` are those of the artifact's sections."""
        return self.constants_bytes if self.gather else lengths[self.constants]

    @property
    def has_state(self) -> bool:
        return False

    def section(self, level: str) -> str:
        """The name of a level's section."""
        return f"{self.code_sections}/{level}"

    def launched(self, steps: tuple[Step, ...], level: str) -> tuple[Step, ...]:
        """Steps as code of that level wants to be launched."""
        others = self.code[level].launches
        return tuple(replace(one, **asdict(others[one.kernel])) if one.kernel in others else one for one in steps)

    def check(self, lengths: Mapping[str, int]) -> None:
        for name in sorted(self.sections):
            if name not in lengths:
                raise ArtifactError(f"it has no section '{name}'")
        most = MOST_PADDED * sum(lengths.get(name, 0) for name in (self.constants, self.source)) if self.gather else 0
        between(self.constants_bytes, 0, most, "program.constants_bytes")
        check_memory(self, self.size_of_constants(lengths))
        check_code(self)


# --- checking


def check_memory(program: CudaProgram, constants_bytes: int) -> None:
    """Raise ArtifactError unless buffers, tensors and launches stay inside the arena and the constants."""
    between(program.arena_bytes, 0, MAX_ARENA_BYTES, "program.arena_bytes")
    multiple(program.arena_bytes, ALIGNMENT, "program.arena_bytes")
    check_buffers(program.buffers, {"arena": program.arena_bytes})
    check_interface(program)
    if program.scalars:
        raise wrong("program.scalars", [scalar.name for scalar in program.scalars], "none on this target")
    for kind, tensors in (("inputs", program.inputs), ("outputs", program.outputs)):
        for i, tensor in enumerate(tensors):
            check_tensor(program.buffers, tensor, f"program.{kind}[{i}]")
            if math.prod(whole_of(tensor)) * ITEM > MAX_ARENA_BYTES:
                raise wrong(f"program.{kind}[{i}].shape", tensor.shape, f"at most {MAX_ARENA_BYTES} bytes an image")
    check_inputs_apart(program)
    for i, crossing in enumerate(program.boundary):
        _check_crossing(crossing, constants_bytes, f"program.boundary[{i}]")
    if len(program.boundary) != len(program.inputs) + len(program.outputs):
        expected = f"{len(program.inputs) + len(program.outputs)}, one for each input and output"
        raise wrong("number of crossings of the boundary", len(program.boundary), expected)
    for kind, steps in (("setup", program.setup), ("steps", program.steps)):
        for i, step in enumerate(steps):
            where = f"program.{kind}[{i}]"
            check_reference(program.buffers, step.out, f"{where}.out")
            if len(step.inputs) > MAX_STEP_INPUTS:
                raise wrong(f"{where}.inputs", len(step.inputs), f"at most {MAX_STEP_INPUTS}")
            for j, at in enumerate(step.inputs):
                check_reference(program.buffers, at, f"{where}.inputs[{j}]", constants_bytes)
            between(step.items, 1, MAX_BLOCKS, f"{where}.items")
            _check_shape(step, where)
            for offset, name in ((step.params, "params"), (step.weights, "weights")):
                _check_place(offset, constants_bytes, f"{where}.{name}")
            between(step.macs, 0, 1 << 62, f"{where}.macs")


def _check_crossing(crossing: Crossing, constants_bytes: int, where: str) -> None:
    between(crossing.items, 1, MAX_BLOCKS, f"{where}.items")
    _check_shape(Shape(crossing.block_items, crossing.threads, 1, 0), where)
    _check_place(crossing.params, constants_bytes, f"{where}.params")


def _check_shape(launch: Step | Shape, where: str) -> None:
    between(launch.block_items, 1, MAX_BLOCKS, f"{where}.block_items")
    between(launch.threads, WARP, MAX_THREADS, f"{where}.threads")
    multiple(launch.threads, WARP, f"{where}.threads")
    between(launch.grid_y, 1, MAX_GRID_Y, f"{where}.grid_y")
    between(launch.shared_bytes, 0, MAX_SHARED_BYTES, f"{where}.shared_bytes")


def _check_place(offset: int, constants_bytes: int, where: str) -> None:
    between(offset, -1, constants_bytes - 1, where)
    if offset >= 0:
        multiple(offset, ALIGNMENT, where)


def check_code(program: CudaProgram) -> None:
    """Raise ArtifactError unless every level has every kernel."""
    if not program.code:
        raise ArtifactError("its program has no code to run")
    for level, code in program.code.items():
        where = f"program.code['{level}']"
        if not levels.is_level(level):
            raise wrong("kind of code", level, "sm_ and a compute capability, or ptx")
        if code.kind not in KINDS or (level == levels.PORTABLE and code.kind != "ptx"):
            raise wrong(f"{where}.kind", code.kind, "'ptx'" + " or 'cubin'" * (level != levels.PORTABLE))
        for name in code.kernels:
            if not name.isascii() or not name.isidentifier():
                raise wrong(f"{where}.kernels", name, "the name of a function")
        for name, launch in code.launches.items():
            _check_shape(launch, f"{where}.launches['{name}']")
        needed = [(f"step {i} ('{step.layer}')", step.kernel) for i, step in enumerate(program.steps)]
        needed += [(f"setup step {i} ('{step.layer}')", step.kernel) for i, step in enumerate(program.setup)]
        for i, crossing in enumerate(program.boundary):
            needed += [(f"crossing {i}", crossing.kernel), (f"crossing {i}", crossing.raw_kernel)]
        for who, kernel in needed:
            if kernel not in code.kernels:
                raise ArtifactError(f"{who} calls '{kernel}', which {program.section(level)} lacks")
