"""What a compile works with, whatever it compiles: who hears of it, what is kept for the next one, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch_mlir import ir

from dyadic.compiler import knobs
from dyadic.compiler.extensions import load_extensions
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.keep.handed import Handed
from dyadic.compiler.machines.agent import Agent
from dyadic.compiler.options import Options
from dyadic.compiler.progress import Progress, make_progress
from dyadic.compiler.trace import Trace
from dyadic.compiler.workers import Workers, make_workers
from dyadic.dialects import new_context

Look = Callable[[str, ir.Operation], None]


def look_away(stage: str, module: ir.Operation) -> None:
    """Nobody wants to see what is in between."""


@dataclass(frozen=True)
class Tools:
    """`deadline`: of the search, in the seconds of `time.monotonic`. `look` is shown the network after every stage;
    `seconds` is how long each of them took. `workers` compute the tasks of a search; `agent` is of
    the machine that times are taken on, None for this one."""

    progress: Progress
    cache: Cache
    trace: Trace
    context: ir.Context
    deadline: float | None = None
    look: Look = look_away
    seconds: dict[str, float] = field(default_factory=dict)
    workers: Workers = field(default_factory=Workers)
    agent: Agent | None = None

    @staticmethod
    def of(options: Options, look: Look = look_away, handed: Handed | None = None) -> Tools:
        """As the options and the environment say. Operators of others are loaded before there is a context of them.

        handed: code that is known here already.
        """
        load_extensions(options.pass_files)
        progress, limit = make_progress(options.progress), options.seconds
        key = options.measure_key or knobs.measure_key()
        folder = options.trace or knobs.trace_folder()
        cache = Cache(knobs.cache_folder(), progress.warn, handed=Handed() if handed is None else handed)
        return Tools(
            progress,
            cache,
            Trace(None if folder is None else Path(folder)),
            new_context(),
            None if limit is None else time.monotonic() + limit,
            look,
            workers=make_workers(options.cluster, options.workers, progress.warn, cache),
            agent=None if options.measure_on is None else Agent(options.measure_on, None if key is None else Path(key)),
        )

    def quiet(self) -> Tools:
        """For trials, which say nothing on the way and leave no pages."""
        return replace(self, progress=Progress(), trace=Trace(), look=look_away, seconds={})

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """One stage: the clock runs, and operations are made in our context."""
        start = time.perf_counter()
        with self.context:
            yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
