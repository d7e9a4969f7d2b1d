"""What an op says of itself besides its meaning, and passes ask: the words for it.

A pass that wants to know how ops of some kind behave asks one of these facts. No pass keeps a list of ops.
"""

from dataclasses import dataclass
from enum import Enum


class TokensMeet(Exception):
    """A result depends on several tokens, so that one which is not valid would reach others."""


class Range(Enum):
    """Where the range of an op's result comes from, and with it its width, scale and zero point."""

    OWN = "computed and rounded: a range of its own"
    INPUT = "moved, not computed: the range of the input, whose integers it holds"
    JOINED = "several inputs side by side: all of them have the result's range"


class Arithmetic(Enum):
    """What an op of the integer graph does with numbers."""

    DATA = "none: it is known at compile time"
    MOVE = "none: its result holds integers of its operands"
    INTEGER = "integer multiply, add, shift, comparison or look-up; never a division"
    FLOAT = "float32 between integers: a float island"
    BOUNDARY = "between float32 and integers, at the network's inputs and outputs; the runtime's part"

    @property
    def computed(self) -> bool:
        """Whether a target's kernels do it."""
        return self not in (Arithmetic.DATA, Arithmetic.BOUNDARY)


@dataclass(frozen=True)
class Weights:
    """Which operand of a layer is its weights, and along which of their axes outputs and inputs (of a group) lie."""

    operand: int
    outputs: int
    inputs: int
