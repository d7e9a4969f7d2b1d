"""The interface: tasks are functions of a module, of what all of them read, and of an argument; nothing else.

So whoever computes a task computes the same, and a worker that is killed takes nothing with it: its task is computed
again. `Workers` itself is this process alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from dyadic.compiler.workers import parcel
from dyadic.compiler.workers.one_thread import one_thread

Result = TypeVar("Result")
T = TypeVar("T")

TRIES = 3  # workers that one task may end before it is taken to be what ends them


@dataclass(frozen=True, eq=False)
class Shared(Generic[T]):
    """What all tasks of a batch read: `here` in this process; another one makes its own by `open` (a function of a
    module) from `items`, which are asked for once, and only if there is another one."""

    here: T
    items: Callable[[], Iterable[object]]
    open: Callable[[list[Any]], T]


@dataclass(frozen=True)
class Sent:
    """A `Shared` as workers are told of it: what is in the file at `path`, and how to open it."""

    sha256: str
    path: Path
    open: Callable[[list[Any]], Any]


def ignore(result: object) -> None:
    """Nobody asked how far it is."""


class Workers:
    """This process alone. A context manager: at its end, or at an interrupt, no worker is left."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._sent: dict[int, tuple[Shared[Any], Sent]] = {}  # with what was sent, so that no other takes its number

    def run(
        self,
        task: Callable[..., Result],
        shared: Sequence[Shared[Any]],
        arguments: Sequence[object],
        done: Callable[[Result], object] = ignore,
    ) -> list[Result]:
        """`task(*shared, argument)` of each argument, in their order; `done` is told each as it is computed.

        What a task raises is raised here.

        Raises:
            ResourceError: a task ended every worker that computed it.
            MachineError: nobody is there to compute.
        """
        return [self.here(task, shared, argument, done) for argument in arguments]

    @property
    def most(self) -> int:
        """How many tasks can be computed at the same time at most."""
        return 1

    def abreast(self, tasks: int, seconds: float) -> int:
        """How many of so many tasks, which take so long each, would be computed at the same time."""
        del tasks, seconds
        return 1

    def here(
        self,
        task: Callable[..., Result],
        shared: Sequence[Shared[Any]],
        argument: object,
        done: Callable[[Result], object],
    ) -> Result:
        """One task in this process."""
        with one_thread():
            result = task(*[one.here for one in shared], argument)
        done(result)
        return result

    def sent(self, shared: Shared[Any]) -> Sent:
        """As workers are told of it; the file is written once."""
        if id(shared) not in self._sent:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="dyadic-")
            path = Path(self._folder.name) / f"{len(self._sent)}.parcel"
            self._sent[id(shared)] = shared, Sent(parcel.write(path, shared.items()), path, shared.open)
        return self._sent[id(shared)][1]

    def close(self) -> None:
        """End all workers; those that are at work too."""
        if self._folder is not None:
            self._folder.cleanup()
        self._folder, self._sent = None, {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
