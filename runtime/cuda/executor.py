"""Runs programs on a GPU of NVIDIA. For now it reads and checks them, and runs none."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.errors import MachineError
from dyadic.runtime.executor import Executor
from dyadic.runtime.program import Program


class CudaExecutor(Executor):
    """The kind of program is known; opening one is refused."""

    program = CudaProgram

    @classmethod
    def open(
        cls, file: ArtifactFile, program: Program, *, threads: int, max_batch: int, level: str | None, copy: bool
    ) -> Self:
        raise MachineError(f"'{file.path}' has a program for GPUs of NVIDIA, which this version does not run yet")

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
        raise NotImplementedError

    def copy(self) -> Self:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


EXECUTOR = CudaExecutor
