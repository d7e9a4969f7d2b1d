"""What a target makes of a network: everything that goes into an artifact but the report on it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dyadic.runtime import artifact
from dyadic.runtime.program import Program


class Stored(NamedTuple):
    """Where a target keeps the weights of a layer, in a section of its own, and how.

    `places` are those of its numbers in fields of so many bits, the lowest of a byte first, from the section's
    beginning on; `zero` is the field of a 0."""

    bits: int
    zero: int
    places: npt.NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Emitted(ABC):
    """In memory; report and certificate are added when it is written.

    program: what the target's executor runs. sections: bytes or JSON by name, those of the program among them.
    layer_bytes: packed bytes of weights by layer, without padding; what layers share is the first one's, as it is
    stored. others: programs for fewer tokens, which share its sections. beside: the same network for other targets, in
    the same file.
    """

    program: Program
    sections: dict[str, Any] = field(default_factory=dict)
    layer_bytes: Mapping[str, int] = field(default_factory=dict)
    others: tuple[Program, ...] = ()
    beside: tuple[Emitted, ...] = ()

    def __repr__(self) -> str:
        """One line: it is megabytes of code and weights."""
        code = ", ".join(f"{level} {size:,} bytes" for level, size in self.code_bytes.items())
        return f"<{type(self).__name__}: code {code}; weights {self.weight_bytes:,} bytes>"

    @property
    def target(self) -> str:
        return self.program.target

    @property
    @abstractmethod
    def code_bytes(self) -> Mapping[str, int]:
        """How much code there is for each level, best first."""

    @property
    @abstractmethod
    def weight_bytes(self) -> int:
        """Of the weights as they are stored."""

    @property
    def lengths(self) -> dict[str, int]:
        """Bytes of the sections that the program uses."""
        return {name: len(self.sections[name]) for name in self.program.sections}

    @abstractmethod
    def digest(self, level: str) -> str:
        """Names whatever decides how long a run at `level` takes: program and code."""

    def with_sections(self, **sections: Any) -> Self:
        """The same with more in it: bytes, or what JSON can say."""
        return replace(self, sections={**self.sections, **sections})

    def write(self, path: str | os.PathLike[str], made: Mapping[str, Any]) -> int:
        """Write the artifact atomically; returns its size in bytes. Raises FileError."""
        # whose weights others read comes first: the integer graph refers to them, too
        every = sorted((self, *self.beside), key=lambda one: len(one.program.borrowed))
        programs = [program for one in every for program in (one.program, *one.others)]
        # each target has sections of its own; what is no target's is the first one's
        sections = {name: content for one in reversed(every) for name, content in one.sections.items()}
        return artifact.write(path, programs=programs, sections=sections, made=made)
