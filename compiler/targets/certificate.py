"""The proof that an artifact computes with integers only and cannot overflow.

On the code: what the target's own sweep over every instruction of every kernel found. On the IR: the pass that verifies
it has run, and each layer's proven accumulator interval is on record.

Layers that the user keeps in float void the certificate. What it still says is that nothing else is float, and who they
are.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.passes.rewriting import layer_name

NAMED = 4  # islands in the summary


@dataclass(frozen=True)
class Offender:
    """One instruction that must not be there."""

    symbol: str
    layers: tuple[str, ...]
    address: int
    instruction: str
    objection: str

    def __str__(self) -> str:
        layers = ", ".join(f'"{name}"' for name in self.layers) or "no layer"
        return f"{layers}: {self.instruction} at {self.address:#x} ({self.symbol}) {self.objection}"


@dataclass(frozen=True)
class ImageCertificate:
    """What the sweep over the code of one ISA level found. `island_kernels` are among the kernels, `instructions` of
    theirs among the instructions."""

    level: str
    sha256: str
    bytes: int
    kernels: int
    instructions: int
    offenders: tuple[Offender, ...]
    island_kernels: int = 0
    island_instructions: int = 0


@dataclass(frozen=True)
class Certificate:
    """Images and IR together; written into the artifact."""

    images: tuple[ImageCertificate, ...]
    accumulators: dict[str, tuple[int, int]]  # layer -> interval that no partial sum leaves
    integer_ops: int
    islands: tuple[str, ...] = ()  # layers that stay float
    resources: dict[str, Any] = field(default_factory=dict)  # level -> kernel -> what of a processor it takes up

    @property
    def offenders(self) -> list[Offender]:
        """What must not be there, islands or not."""
        return [one for image in self.images for one in image.offenders]

    @property
    def valid(self) -> bool:
        return not self.offenders and not self.islands

    def to_json(self) -> dict[str, Any]:
        said = asdict(self) | {"valid": self.valid, "summary": self.summary()}
        return said if self.resources else {name: value for name, value in said.items() if name != "resources"}

    def summary(self) -> str:
        """One sentence for people."""
        if offenders := self.offenders:
            return f"NOT integer-only: {len(offenders)} instructions must not be there, the first: {offenders[0]}"
        swept = sum(image.instructions - image.island_instructions for image in self.images)
        levels = ", ".join(image.level for image in self.images)
        said, which = "integer-only", ""
        if self.islands:
            verb, which = "voids" if len(self.islands) == 1 else "void", "the other "
            said += f" but for {named(self.islands)}, which {verb} the certificate"
        if self.images:
            said += f": none of {which}{swept:,} instructions ({levels}) computes in floating point or divides"
        if not self.accumulators:
            return said
        bits = max((max(-low, high + 1) - 1).bit_length() + 1 for low, high in self.accumulators.values())
        count, ops = len(self.accumulators), self.integer_ops
        each = (
            f"the {count} accumulators of {ops} operators need"
            if count > 1
            else f"the one accumulator of {ops} operators needs"
        )
        return f"{said}; {each} at most {bits} of 32 bits"


def named(islands: Sequence[str]) -> str:
    """How many there are, and the first of them.

    >>> named(["conv1"]), named(list("abcdef"))
    ('1 float island ("conv1")', '6 float islands ("a", "b", "c", "d" and 2 more)')
    """
    first = ", ".join(f'"{name}"' for name in islands[:NAMED])
    more = f" and {len(islands) - NAMED} more" if len(islands) > NAMED else ""
    return f"{len(islands)} float island{'' if len(islands) == 1 else 's'} ({first}{more})"


def islands_of(module: ir.Module | ir.Operation) -> tuple[str, ...]:
    """The layers of a `qi` module that stay float."""
    every = main_function(module).operation.regions[0].blocks[0].operations
    return tuple(layer_name(op) for op in every if qi.arithmetic_of(op.opview) is Arithmetic.FLOAT)


def accumulators(module: ir.Module | ir.Operation) -> tuple[dict[str, tuple[int, int]], int]:
    """Each layer's proven interval, and how many integer operators there are."""
    intervals: dict[str, tuple[int, int]] = {}
    ops = 0
    for op in main_function(module).operation.regions[0].blocks[0].operations:
        if qi.arithmetic_of(op.opview) in (None, Arithmetic.DATA, Arithmetic.FLOAT):
            continue
        ops += 1
        if "acc" in op.attributes:
            low, high = ints(op.attributes["acc"])
            known = intervals.get(layer_name(op), (low, high))
            intervals[layer_name(op)] = min(low, known[0]), max(high, known[1])
    return intervals, ops
