"""What a compile says while it works: a bar with the time left, events for a program, or nothing.

Events (docs/events.md) are a line of JSON each, or are handed to a function of the user's own; what that raises ends
the compile.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from dyadic.compiler.in_python import for_the_user
from dyadic.runtime.commands.events import result_of, say
from dyadic.runtime.errors import printable

Listener = Callable[[dict[str, Any]], object]  # is given every event
Style = Literal["rich", "json", "off"]


class Advance(Protocol):
    """Some of the stage is done; the last call may say what the whole turned out to be."""

    def __call__(self, count: int = 1) -> None: ...


class Progress:
    """Says nothing; the others say more."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """One stage of the compile, of `total` units where that is known."""
        yield lambda count=1: None

    def warn(self, sentence: str) -> None:
        """Something is not as it should be, and the compile goes on."""
        warnings.warn(printable(for_the_user(sentence)), RuntimeWarning, stacklevel=2)

    def note(self, sentence: str) -> None:
        """What was made of what was asked for."""

    def result(self, command: str, facts: Callable[[], Mapping[str, Any]]) -> None:
        """All went well, and this came out; who says nothing of it does not ask for the facts."""


class Events(Progress):
    """One event a stage's start, a tenth of it, and end; warnings, notes and the result."""

    def __init__(self, tell: Listener = say) -> None:
        self.tell = tell

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        start, done, said = time.monotonic(), 0, 0

        def told(event: str) -> None:
            seconds = round(time.monotonic() - start, 3)
            self.tell({"event": event, "stage": name, "done": done, "total": total, "seconds": seconds})

        def advance(count: int = 1) -> None:
            nonlocal done, said
            done = done + count if total is None else min(done + count, total)  # a clock may ask for more rounds
            if total and done * 10 // total > said:
                said = done * 10 // total
                told("progress")

        told("start")
        yield advance
        told("end")

    def warn(self, sentence: str) -> None:
        self.tell({"event": "warning", "message": for_the_user(sentence)})

    def note(self, sentence: str) -> None:
        self.tell({"event": "note", "message": for_the_user(sentence)})

    def result(self, command: str, facts: Callable[[], Mapping[str, Any]]) -> None:
        self.tell(result_of(command, facts()))


class RichProgress(Progress):
    """Bars with the time left, on standard error; where that is no terminal, one line a stage."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True)
        if not console.is_terminal:
            start = time.monotonic()
            yield lambda count=1: None
            print(f"{name:10} {time.monotonic() - start:6.1f} s", file=sys.stderr, flush=True)
            return
        left = [MofNCompleteColumn(), TimeRemainingColumn()] if total else []
        with Bars(TextColumn(f"{name:10}"), BarColumn(24), *left, TimeElapsedColumn(), console=console) as bars:
            task = bars.add_task(name, total=total)
            done = 0

            def advance(count: int = 1) -> None:
                nonlocal done
                done = done + count if total is None else min(done + count, total)
                bars.update(task, completed=done)

            yield advance
            bars.update(task, total=1, completed=1)

    def warn(self, sentence: str) -> None:
        print(f"warning: {printable(for_the_user(sentence))}", file=sys.stderr, flush=True)

    def note(self, sentence: str) -> None:
        print(printable(for_the_user(sentence)), file=sys.stderr, flush=True)


def make_progress(asked: Style | Listener) -> Progress:
    return Events(asked) if callable(asked) else {"rich": RichProgress, "json": Events, "off": Progress}[asked]()
