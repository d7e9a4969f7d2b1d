"""What the stages behind select make of a plan, and how others ask for it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch_mlir import ir

from dyadic.compiler.refine import Refined
from dyadic.compiler.report_schema import Equalizing
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.workers.workers import Shared
from dyadic.runtime.session import Session, load


@dataclass(frozen=True, eq=False)
class Built:
    """One plan, compiled: the network with everything decided, in integers, lowered, and its machine code.

    shorter: the same in integers for fewer tokens."""

    floating: ir.Operation
    integer: ir.Operation
    lowered: ir.Operation
    emitted: Emitted
    refined: Refined
    equalized: Equalizing | None = None
    tuned: Tuned | None = None
    shorter: tuple[ir.Operation, ...] = ()

    def load(self, threads: int | None = None, max_batch: int = 1, isa: str | None = None) -> Session:
        """A session of it, without a report or certificate in its file."""
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            path = Path(folder) / "plan.dyq"
            self.emitted.write(path, {})
            session = load(path, threads=threads, max_batch=max_batch, isa=isa, complete=True)
        session.batch_first = True
        return session

    def file_bytes(self) -> int:
        """Of an artifact that says nothing of itself."""
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            return self.emitted.write(Path(folder) / "plan.dyq", {})


class Build(Protocol):
    """Compile a plan of the network at hand: code for these levels, weights refined or rounded to nearest.

    That is all it does: no tuning, no hashes of the model, no certificate, nothing for the report.

    level, threads: how plans are run here to see what they answer. shared: the same, for other processes.
    """

    threads: int | None
    shared: Shared[Build]

    @property
    def level(self) -> str: ...

    def __call__(self, decisions: Decisions, levels: Sequence[str], refine: bool = True) -> Built: ...
