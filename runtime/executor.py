"""What runs the programs of one target. A session holds an executor and knows nothing else of the machine.

To add one: a folder beside this file with an `executor.py` whose `EXECUTOR` is the class, and its name below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Self

from dyadic.runtime.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from dyadic.runtime.artifact import ArtifactFile
    from dyadic.runtime.program import Program

BUILT_IN = ("cpu", "cuda")
_added: dict[str, type[Executor]] = {}


class Executor(ABC):
    """A program that is ready to run, by several threads at the same time. `level` is the kind of code that it runs.

    program: the kind of programs that it takes, which is what an artifact's header is read and checked by.
    """

    program: ClassVar[type[Program]]
    level: str

    @classmethod
    @abstractmethod
    def open(
        cls, file: ArtifactFile, program: Program, *, threads: int, max_batch: int, level: str | None, copy: bool
    ) -> Self:
        """Make a checked program of an open artifact ready; the file may be closed then.

        level: a forced one. copy: code must not be mapped from the file. Raises UsageError, MachineError,
        ResourceError.
        """

    @abstractmethod
    def run(
        self,
        inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        batch: int,
        scalars: Sequence[int],
        *,
        raw: bool,
        timed: bool,
    ) -> list[int]:
        """One run on checked, contiguous arrays in the user's shapes. With `timed`, nanoseconds of quantize, of each
        step, and of dequantize; else nothing."""

    @abstractmethod
    def copy(self) -> Self:
        """Another executor of the same model, with memory of its own and the state as it is."""

    @abstractmethod
    def reset(self) -> None:
        """Make the state zero again."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back, once the runs in progress have ended; may be called again."""


def executor_of(target: str) -> type[Executor]:
    """Whatever runs the programs of a target. Raises ArtifactError."""
    if target in _added:
        return _added[target]
    if target not in BUILT_IN:
        known = ", ".join((*BUILT_IN, *_added))
        raise ArtifactError(
            f"it has a program for '{target}', which this version of dyadic cannot run (it can: {known})"
        )
    return import_module(f"dyadic.runtime.{target}.executor").EXECUTOR


def add(target: str, executor: type[Executor]) -> None:
    """Let artifacts have programs for a target of another package."""
    if target in (*BUILT_IN, *_added):
        raise UsageError(f"there is an executor for '{target}' already")
    _added[target] = executor


def remove(target: str) -> None:
    """Forget what `add` made known."""
    del _added[target]
