"""What a compile says while it works: a bar with the time left, a line of JSON per event, or nothing."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

from dyadic.compiler.in_python import for_the_user
from dyadic.runtime.errors import printable

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


class JsonProgress(Progress):
    """One line a stage's start, a tenth of it, and end, on standard error."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        start, done, said = time.monotonic(), 0, 0

        def say(event: str) -> None:
            line = {"event": event, "stage": name, "done": done, "total": total}
            print(json.dumps(line | {"seconds": round(time.monotonic() - start, 3)}), file=sys.stderr, flush=True)

        def advance(count: int = 1) -> None:
            nonlocal done, said
            done += count
            if total and done * 10 // total > said:
                said = done * 10 // total
                say("progress")

        say("start")
        yield advance
        say("end")

    def warn(self, sentence: str) -> None:
        print(json.dumps({"event": "warning", "message": for_the_user(sentence)}), file=sys.stderr, flush=True)

    def note(self, sentence: str) -> None:
        print(json.dumps({"event": "note", "message": sentence}), file=sys.stderr, flush=True)


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
            yield lambda count=1: bars.advance(task, count)
            bars.update(task, total=1, completed=1)

    def warn(self, sentence: str) -> None:
        print(f"warning: {printable(for_the_user(sentence))}", file=sys.stderr, flush=True)

    def note(self, sentence: str) -> None:
        print(printable(sentence), file=sys.stderr, flush=True)


def make_progress(style: Style) -> Progress:
    return {"rich": RichProgress, "json": JsonProgress, "off": Progress}[style]()
