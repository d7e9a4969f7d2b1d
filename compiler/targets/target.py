"""What a kind of machine must know, so that the rest of the compiler need not: the one interface of all targets.

Driver, search, costs, reports and the command line hold a `Target` and call nothing else of one. None of what a target
does changes a bit: `qi` says what every program computes, and `dialects.reference` evaluates it.

A *level* is a kind of code for the same program, best first: instruction sets of a processor, architectures of a GPU.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar, Literal

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets.certificate import Certificate
from dyadic.compiler.targets.emitted import Emitted, Stored
from dyadic.compiler.targets.tuned import Tuned
from dyadic.dialects.launch import launches_of
from dyadic.passes.rewriting import Pass
from dyadic.runtime.artifact import ArtifactFile

Effort = Literal["quick", "full"]


class Target(ABC):
    """One kind of machine. `name` is what `--target` says; a target's sections in an artifact are `name/...`."""

    name: ClassVar[str]

    # --- what it can do

    # levels that are held beside those that somebody asks for by name
    always: ClassVar[tuple[str, ...]] = ()
    # whether it computes layers that were excluded, in float32
    islands: ClassVar[bool] = True
    # how kernels are chosen where nobody has timed them; empty: nothing to say of it
    modelled: ClassVar[str] = ""

    @property
    @abstractmethod
    def kernels(self) -> frozenset[str]:
        """The names of the `qi` operators that it computes (`qi.conv2d`); the boundary's are not among them."""

    @property
    @abstractmethod
    def levels(self) -> tuple[str, ...]:
        """Every level that code is made for, best first."""

    @abstractmethod
    def usable(self) -> tuple[str, ...]:
        """The levels that this machine can run, best first."""

    def usual(self) -> tuple[str, ...]:
        """The levels to hold code for where nobody says which: the best of this machine and the one of all machines."""
        return tuple(dict.fromkeys((self.usable()[0], self.levels[-1])))

    @abstractmethod
    def choose(self, levels: Collection[str]) -> str:
        """The best of `levels` that this machine can run. Raises MachineError where there is none."""

    # --- what it does

    @property
    @abstractmethod
    def pipeline(self) -> tuple[Pass, ...]:
        """The passes from `qi` to what `emit` takes, in order."""

    def get_ready(self) -> None:
        """Start what `emit` would have to wait for, and do not wait."""
        return

    @abstractmethod
    def emit(
        self,
        lowered: ir.Module,
        levels: Sequence[str],
        integer: ir.Module | ir.Operation,
        cache: Cache | None = None,
        others: Sequence[ir.Operation] = (),
    ) -> Emitted:
        """Compile and pack.

        Args:
            lowered: the module after the passes of `pipeline`.
            levels: what to generate code for; one program and its weights serve all of them.
            integer: the `qi` module before lowering, kept in the artifact.
            cache: where machine code is kept from compile to compile.
            others: the same network for fewer tokens, lowered: more programs, which share weights and code.
        """

    def beside(self, emitted: Emitted, others: Sequence[Emitted], integer: ir.Operation) -> Emitted:
        """The same for a file that holds `others` of the network `integer`, too: without what theirs already has."""
        del others, integer
        return emitted

    def stored(self, emitted: Emitted, context: ir.Context) -> tuple[str, list[Stored | None]]:
        """A section, and where it has the weights of every layer and table of the network, in order; '' where that is
        nobody else's business."""
        del emitted, context
        return "", []

    @abstractmethod
    def unpack(self, file: ArtifactFile, context: ir.Context) -> ir.Module:
        """The `qi` module of an artifact that has a program of this target, its weights found again where `emit` put
        them. Raises ArtifactError."""

    @abstractmethod
    def certify(self, integer: ir.Module | ir.Operation, emitted: Emitted) -> Certificate:
        """The proof about a verified `qi` module and the code that was made of it."""

    @abstractmethod
    def verify(self, file: ArtifactFile) -> Iterable[str]:
        """Look at an artifact's code again; a sentence about each level. Raises ArtifactError at what must not be
        there, UsageError where what looks is not installed."""

    # --- what is measured

    @abstractmethod
    def identity(self, level: str) -> dict[str, Any]:
        """What makes the machine as fast as it is for code of a level: a key for times that are kept."""

    def peak(self, level: str, processors: tuple[int, ...], seconds: float) -> float | None:
        """The most multiply-accumulates in 1e9 a second that the machine reaches, measured for about `seconds` a run;
        None where no one has said how to measure it."""
        del level, processors, seconds
        return None

    def work(self, lowered: ir.Module) -> int:
        """Multiply-accumulates of one image, by which a session chooses its threads."""
        return sum(launch.macs.value for launch in launches_of(lowered))

    def tune(
        self,
        lowered: ir.Module,
        level: str,
        effort: Effort,
        threads: int,
        batch: int,
        cache: Cache,
        progress: Progress,
    ) -> tuple[ir.Module, Tuned]:
        """A copy of a lowered module with the kernels that are fastest alone here, and what was found out; the same
        module where there is nothing to choose."""
        del cache, progress
        return lowered, Tuned(effort, level, threads, batch)

    def text(self, lowered: ir.Module, level: str) -> str:
        """`--emit llvm`: the code of every kernel as text, as far as there is one."""
        del level
        return str(lowered)
