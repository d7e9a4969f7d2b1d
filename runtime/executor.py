"""What runs the programs of one target. A session holds an executor and knows nothing else of the machine.

To add one: a folder beside this file with an `executor.py` whose `EXECUTOR` is the class, and its name below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Self

from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.wording import kind_of

if TYPE_CHECKING:
    from dyadic.runtime.artifact import ArtifactFile
    from dyadic.runtime.device_array import DeviceArray, Given
    from dyadic.runtime.program import Program

BUILT_IN = ("cpu", "cuda")
_added: dict[str, type[Executor]] = {}


class Executor(ABC):
    """A program that is ready to run, by several threads at the same time. `level` is the kind of code that it runs,
    `device` what runs it, in words, '' where nobody asks.

    program: the kind of programs that it takes, which is what an artifact's header is read and checked by.
    example: what `--target` may say to make such a program, '' where that is the target's name.
    """

    program: ClassVar[type[Program]]
    example: ClassVar[str] = ""
    level: str
    device: str = ""

    @classmethod
    @abstractmethod
    def open(
        cls,
        file: ArtifactFile,
        program: Program,
        *,
        threads: int,
        max_batch: int,
        level: str | None,
        copy: bool,
        ordinal: int,
    ) -> Self:
        """Make a checked program of an open artifact ready; the file may be closed then.

        level: a forced one. copy: code must not be mapped from the file. ordinal: which of the target's devices, from
        0. Raises UsageError, MachineError, ResourceError.
        """

    @abstractmethod
    def run(
        self,
        inputs: Sequence[Given],
        outputs: Sequence[Given],
        batch: int,
        scalars: Sequence[int],
        *,
        raw: bool,
        timed: bool,
    ) -> list[int]:
        """One run on checked, contiguous arrays in the user's shapes; outputs may be parts of some. With `timed`,
        nanoseconds of quantize, of each step, and of dequantize; else nothing."""

    def on_device(self, value: object, name: str) -> DeviceArray | None:
        """A user's tensor in the memory of this executor's device, which runs take in the place of an array; None: it
        is none. Raises UsageError, beginning with `name`, where it is on another device or cannot be read."""
        return None

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


def programs_for(file: ArtifactFile, device: str | None) -> tuple[list[Program], int]:
    """An artifact's programs for a device, 'cpu' or 'cuda:1' (None: of those that there are programs for, the first of
    `BUILT_IN`), and which of the target's devices that is. Raises UsageError."""
    if device is not None and not isinstance(device, str):
        raise UsageError(f"device is a text as 'cpu' or 'cuda:1', not {kind_of(device)}")
    there = list(dict.fromkeys(program.target for program in file.programs))
    target, _, number = (device or min(there, key=(*BUILT_IN, *_added).index)).partition(":")
    if target not in (*BUILT_IN, *_added) or (":" in (device or "") and not number.isdecimal()):
        known = "', '".join((*BUILT_IN, *_added))
        raise UsageError(f"there is no device '{device}'; there are '{known}', and numbers behind them ('cuda:1')")
    if target not in there:
        has = ", ".join(f"'{name}'" for name in there)
        like = executor_of(target).example or target
        raise UsageError(
            f"'{file.path}' has no program for '{target}', it has one for {has}; compile the model with --target {like}"
        )
    return [program for program in file.programs if program.target == target], int(number or 0)


def add(target: str, executor: type[Executor]) -> None:
    """Let artifacts have programs for a target of another package."""
    if target in (*BUILT_IN, *_added):
        raise UsageError(f"there is an executor for '{target}' already")
    _added[target] = executor


def remove(target: str) -> None:
    """Forget what `add` made known."""
    del _added[target]
