"""What a target makes of a network: everything that goes into an artifact but the report on it."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dyadic.runtime.program import Program


@dataclass
class Emitted(ABC):
    """In memory; `sections` gains report and certificate before it is written.

    target: whose program it is. program: what its executor runs. sections: bytes or JSON by name.
    """

    target: str
    program: Program
    sections: dict[str, Any] = field(default_factory=dict)

    @property
    @abstractmethod
    def code_bytes(self) -> Mapping[str, int]:
        """How much code there is for each level, best first."""

    @property
    @abstractmethod
    def weight_bytes(self) -> int:
        """Of the weights as they are stored."""

    @abstractmethod
    def digest(self, level: str) -> str:
        """Names whatever decides how long a run at `level` takes: program and code."""

    @abstractmethod
    def write(self, path: str | os.PathLike[str], made: Mapping[str, Any]) -> int:
        """Write the artifact atomically; returns its size in bytes. Raises FileError."""
