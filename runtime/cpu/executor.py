"""Runs a program of machine code: the native library maps the artifact, contexts hold arenas, state and threads."""

import os
import threading
from collections.abc import Sequence
from typing import Self

from dyadic.runtime import native
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cpu import levels
from dyadic.runtime.cpu.program import CpuProgram, pack
from dyadic.runtime.device_array import Given, on_host
from dyadic.runtime.errors import UsageError
from dyadic.runtime.executor import Executor
from dyadic.runtime.program import Program

SPIN_US = 200  # how long an idle native thread looks for work before it sleeps; DYADIC_SPIN_US


class Model:
    """The native model, which is closed by the last executor that uses it."""

    def __init__(self, handle: int, program: CpuProgram) -> None:
        self.handle, self.program, self.users = handle, program, 0


class CpuExecutor(Executor):
    """Each run takes an idle context or a new one. A program with state has one context: its runs take turns."""

    program = CpuProgram

    def __init__(self, model: Model, level: str, threads: int, max_batch: int) -> None:
        self.level, self.threads, self.max_batch = level, threads, max_batch
        self.spin_ns = spin_ns(threads)
        self.model: Model | None = model
        self.idle: list[int] = []
        self.turn = threading.RLock()
        with _LOCK:
            model.users += 1
        # The first context now: what was loaded has its memory.
        try:
            self._give_back(self._take())
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls,
        file: ArtifactFile,
        program: Program,
        *,
        threads: int,
        max_batch: int,
        level: str | None,
        copy: bool,
        ordinal: int = 0,
    ) -> Self:
        assert isinstance(program, CpuProgram)
        if ordinal:
            raise UsageError(f"there is no device 'cpu:{ordinal}': processors are one device, 'cpu'")
        level = levels.choose(program.levels, level)
        levels.prepare(level)
        image = file.sections[program.image(level)]
        words = pack(
            program,
            {symbol: entry.offset for symbol, entry in program.entries[level].items()},
            file_bytes=file.bytes,
            code=(image.offset, image.length),
            weights=file.sections[program.weights].offset,
            params=file.sections[program.params].offset,
        )
        return cls(Model(native.open_model(file.file, words, copy), program), level, threads, max_batch)

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
        program = self._open().program
        addresses = [native.address(a) for a in on_host(inputs)], [native.address(a) for a in on_host(outputs)]
        steps = len(program.steps) if timed else None
        if not program.has_state:
            return self._run(*addresses, batch, scalars, raw, steps)
        with self.turn:
            return self._run(*addresses, batch, scalars, raw, steps)

    def _run(
        self, inputs: list[int], outputs: list[int], batch: int, scalars: Sequence[int], raw: bool, steps: int | None
    ) -> list[int]:
        context = self._take()
        try:
            return native.run(context, inputs, outputs, batch, raw, scalars, steps)
        finally:
            self._give_back(context)

    def copy(self) -> Self:
        other = type(self)(self._open(), self.level, self.threads, self.max_batch)
        with self.turn:
            mine, theirs = self._take(), other._take()
            native.set_state(theirs, native.state(mine))
            self._give_back(mine)
            other._give_back(theirs)
        return other

    def reset(self) -> None:
        with self.turn:
            context = self._take()
            native.set_state(context, bytes(len(native.state(context))))
            self._give_back(context)

    def _open(self) -> Model:
        if self.model is None:
            raise UsageError("the session is closed; load the artifact again")
        return self.model

    def _take(self) -> int:
        """An idle context, or a new one."""
        with _LOCK:
            model = self._open()
            if self.idle:
                return self.idle.pop()
            return native.open_context(model.handle, self.threads, self.max_batch, self.spin_ns)

    def _give_back(self, context: int) -> None:
        with _LOCK:
            if self.model is not None:
                self.idle.append(context)
                return
        native.library().dyadic_context_close(context)

    def close(self) -> None:
        with _LOCK:
            model, self.model = self.model, None
            idle, self.idle = self.idle, []
            if model is not None:
                model.users -= 1
        for context in idle:
            native.library().dyadic_context_close(context)
        if model is not None and model.users == 0:
            native.library().dyadic_program_close(model.handle)


# Guards the lists of contexts; held over a fork, so that the child never inherits it in other hands.
# Reentrant, since the finalizer of a forgotten session may run in a thread that holds it.
_LOCK = threading.RLock()
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


def spin_ns(threads: int) -> int:
    text = os.environ.get("DYADIC_SPIN_US")
    if text is None:
        # With more threads than processors, spinning takes the processor from the thread that is waited for.
        return SPIN_US * 1000 if threads <= len(os.sched_getaffinity(0)) else 0
    if not text.isdecimal() or int(text) > 1_000_000:
        raise UsageError(f"the environment variable DYADIC_SPIN_US must be 0 to 1000000 microseconds, not '{text}'")
    return int(text) * 1000


EXECUTOR = CpuExecutor
