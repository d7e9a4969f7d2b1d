"""Runs programs on a GPU of NVIDIA, by the driver's own interface. Imported only where there is such a program."""

import os
import threading
from collections.abc import Sequence
from typing import Self

from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cuda import tensors
from dyadic.runtime.cuda.context import Context
from dyadic.runtime.cuda.device import LOCK
from dyadic.runtime.cuda.model import Model
from dyadic.runtime.cuda.program import MAX_BLOCKS, CudaProgram
from dyadic.runtime.device_array import DeviceArray, Given
from dyadic.runtime.errors import ResourceError, UsageError
from dyadic.runtime.executor import Executor
from dyadic.runtime.program import Input, Output, Program


class CudaExecutor(Executor):
    """Each run takes an idle context or a new one, so that several threads run at the same time; where there is no
    memory for another, they take turns."""

    program = CudaProgram
    example = "cuda:sm_80"

    def __init__(self, model: Model, max_batch: int) -> None:
        self.level, self.device = model.level, str(model.device)
        self.max_batch = max_batch
        self.process = os.getpid()
        self.model: Model | None = model
        self.hosted: dict[str, Input | Output] = {}
        self.idle: list[Context] = []
        self.busy = 0
        self.returned = threading.Condition(LOCK)
        with LOCK:
            model.users += 1
        # The first context now: what was loaded has its memory.
        try:
            with model.device.current():
                self._give_back(self._take(model))
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
        ordinal: int,
    ) -> Self:
        assert isinstance(program, CudaProgram)
        most = max(launch.items for launch in (*program.boundary, *program.setup, *program.steps))
        if most * max_batch > MAX_BLOCKS:
            raise ResourceError(
                f"a batch of {max_batch} is too large for '{file.path}' on a GPU, which takes {MAX_BLOCKS // most} of "
                "its images at most"
            )
        return cls(Model(file, program, ordinal, level), max_batch)

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
        model = self._open()
        with model.device.current():
            context = self._take(model)
            try:
                return context.run(inputs, outputs, batch, raw=raw, timed=timed)
            finally:
                self._give_back(context)

    def on_device(self, value: object, name: str) -> DeviceArray | None:
        return tensors.read(self._open().device, value, name)

    def copy(self) -> Self:
        return type(self)(self._open(), self.max_batch)

    def reset(self) -> None:
        """There is no state."""

    def _open(self) -> Model:
        model = self.model
        if model is None:
            raise UsageError("the session is closed; load the artifact again")
        if os.getpid() != self.process:
            raise UsageError(
                "this session belongs to the process that this one was forked from, and CUDA to that one alone: start "
                "processes anew (multiprocessing's 'spawn') and load the artifact there"
            )
        return model

    def _take(self, model: Model) -> Context:
        """An idle context, or a new one, or the next that some other run gives back."""
        with LOCK:
            self.busy += 1
            if self.idle:
                return self.idle.pop()
        try:
            return Context(model, self.max_batch, self.hosted)
        except BaseException as error:
            with LOCK:
                self.busy -= 1
                self.returned.notify_all()
                while isinstance(error, ResourceError) and self.busy and not self.idle:
                    self.returned.wait()
                if isinstance(error, ResourceError) and self.idle and self.model is not None:
                    self.busy += 1
                    return self.idle.pop()
            raise

    def _give_back(self, context: Context) -> None:
        with LOCK:
            self.busy -= 1
            self.returned.notify_all()
            if self.model is not None:
                self.idle.append(context)
                return
        context.close()

    def close(self) -> None:
        with LOCK:
            model, self.model = self.model, None
            idle, self.idle = self.idle, []
            if model is None or os.getpid() != self.process:
                return
            model.users -= 1
            last = model.users == 0
        with model.device.closing():
            for context in idle:
                context.close()
        if last:
            model.close()


EXECUTOR = CudaExecutor
