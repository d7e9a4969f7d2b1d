"""How a layer's widths are written: "w4g32a8" is weights of 4 bits in groups of 32, and a result of 8 bits.

"f32a16" is a float island: weights and arithmetic in float32, between tensors of integers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dyadic.dialects.qd import FLOAT_BITS
from dyadic.runtime.errors import UsageError

FLOAT = "f32"
# What a search tries is in select/model.py: float is never among it.
WEIGHTS = ("w8", "w4", "w4g64", "w4g32", "w2", FLOAT)
ACTIVATIONS = ("a16", "a8", "a4")
SCHEME = re.compile(r"(w\d+(?:g\d+)?|f\d+)?(a\d+)?")


@dataclass(frozen=True)
class Weights:
    """`group`: so many input channels share an integer scale; None: there are no groups. 32 bits are float32."""

    bits: int
    group: int | None = None

    def __str__(self) -> str:
        return FLOAT if self.bits == FLOAT_BITS else f"w{self.bits}" + (f"g{self.group}" if self.group else "")


@dataclass(frozen=True)
class Scheme:
    """The width of a layer's weights, and of its result; None: nothing is said about it."""

    weights: Weights | None = None
    bits: int | None = None

    def __str__(self) -> str:
        return (str(self.weights) if self.weights else "") + (f"a{self.bits}" if self.bits else "")

    @property
    def fewer_than_8(self) -> bool:
        """Whether its weights have fewer than 8 bits."""
        return self.weights is not None and self.weights.bits < 8

    def over(self, other: Scheme) -> Scheme:
        """What this says, and where it says nothing the other's."""
        return Scheme(self.weights or other.weights, self.bits or other.bits)


def parse(text: str) -> Scheme:
    """ "w4g32a8", "w2" or "a16" as a scheme.

    Raises:
        UsageError: it is written otherwise, or there is no such width.
    """
    parts = SCHEME.fullmatch(text)
    if not text or parts is None or parts[1] not in (None, *WEIGHTS) or parts[2] not in (None, *ACTIVATIONS):
        raise UsageError(f"{text!r} is no scheme; {EXPLANATION}")
    weights = None
    if parts[1]:
        bits, _, group = parts[1][1:].partition("g")
        weights = Weights(int(bits), int(group) if group else None)
    return Scheme(weights, int(parts[2][1:]) if parts[2] else None)


EXPLANATION = (
    f"weights are {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}, "
    f"activations {', '.join(ACTIVATIONS[:-1])} or {ACTIVATIONS[-1]}, and a layer is both or one, as in w4g32a8"
)


@dataclass(frozen=True)
class Layer:
    """What a rule or a plan may name. `kinds`: what it is called by type, such as conv2d and depthwise.

    `usual`: the width of its result where nothing else is said and all others have fewer bits; 16 in a residual stream.
    """

    name: str
    kinds: tuple[str, ...] = ()
    weights: bool = True
    usual: int = 8

    def default(self, scheme: Scheme) -> Scheme:
        """What it has where `scheme` is said of the network."""
        bits = self.usual if self.usual > 8 else scheme.bits
        return Scheme(scheme.weights if self.weights else None, bits)
