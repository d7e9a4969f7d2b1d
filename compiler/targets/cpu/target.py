"""x86-64 processors behind the interface of all targets. What is heavy is imported where it is used."""

import multiprocessing
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets import maker
from dyadic.compiler.targets.certificate import Certificate, accumulators, islands_of
from dyadic.compiler.targets.cpu import codegen
from dyadic.compiler.targets.cpu.emit import CpuEmitted, emit
from dyadic.compiler.targets.cpu.integer_ir import restore, stored_weights
from dyadic.compiler.targets.emitted import Emitted, Stored
from dyadic.compiler.targets.target import Effort, Target
from dyadic.compiler.targets.tuned import Tuned
from dyadic.dialects import qi
from dyadic.dialects.launch import launches_of
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels import registry
from dyadic.passes.rewriting import Pass
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cpu import levels as instruction_sets
from dyadic.runtime.cpu.processor import processor
from dyadic.runtime.cpu.program import CpuProgram, Step
from dyadic.runtime.errors import UsageError

# level -> (code, text length, entries)
Images = Mapping[str, tuple[bytes, int, Any]]


class Cpu(Target):
    """Machine code for several instruction set levels around one program, one packing of weights, one set of
    parameters."""

    name = "cpu"

    @property
    def kernels(self) -> frozenset[str]:
        return frozenset(op.OPERATION_NAME for op in qi.QI.operations if selects.of(op) is not None)

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(instruction_sets.BY_NAME)

    def usable(self) -> tuple[str, ...]:
        return instruction_sets.usable()

    def choose(self, levels: Collection[str]) -> str:
        return instruction_sets.choose(levels)

    @property
    def pipeline(self) -> tuple[Pass, ...]:
        return PIPELINE["lower/cpu"]

    def get_ready(self) -> None:
        maker.start(codegen.__name__)

    def emit(
        self,
        lowered: ir.Module,
        levels: Sequence[str],
        integer: ir.Module | ir.Operation,
        cache: Cache | None = None,
        others: Sequence[ir.Operation] = (),
    ) -> CpuEmitted:
        return emit(lowered, levels, integer, cache, others)

    def unpack(self, file: ArtifactFile, context: ir.Context) -> ir.Module:
        program = program_of(file)
        return restore(bytes(file.section("qi")), np.frombuffer(file.section(program.weights), np.int8), context)

    def stored(self, emitted: Emitted, context: ir.Context) -> tuple[str, list[Stored | None]]:
        assert isinstance(emitted.program, CpuProgram)
        return emitted.program.weights, stored_weights(emitted.sections["qi"], context)

    def certify(self, integer: ir.Module | ir.Operation, emitted: Emitted) -> Certificate:
        assert isinstance(emitted, CpuEmitted)
        programs = [one for one in (emitted.program, *emitted.others) if isinstance(one, CpuProgram)]
        images = {
            level: (image.code, image.text_length, {k: v for one in programs for k, v in one.entries[level].items()})
            for level, image in emitted.images.items()
        }
        return certify(integer, images, [step for one in programs for step in one.steps])

    def verify(self, file: ArtifactFile) -> Iterable[str]:
        try:
            from dyadic.compiler.targets.cpu.verify import verify
        except ModuleNotFoundError as missing:
            if missing.name != "iced_x86":
                raise
            raise UsageError("verify needs the package 'iced-x86'; try: pip install iced-x86") from missing
        return verify(file)

    def identity(self, level: str) -> dict[str, Any]:
        return processor(level)

    def peak(self, level: str, processors: tuple[int, ...], seconds: float) -> float:
        from dyadic.compiler.targets.cpu.peak import peak_gmacs

        return peak_gmacs(level, processors, seconds)

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
        from dyadic.compiler.targets.cpu.tuning import tune

        return tune(lowered, level, effort, threads, batch, cache, progress)

    def text(self, lowered: ir.Module, level: str) -> str:
        """LLVM IR of every kernel, made in a child process: the translator can crash."""
        from dyadic.compiler.targets.cpu.codegen import llvm_ir

        specs = {launch.kernel.value: registry.from_attribute(launch.spec) for launch in launches_of(lowered)}
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
            return child.submit(llvm_ir, specs, level).result()


def program_of(file: ArtifactFile) -> CpuProgram:
    """The first program of this target, which is the one that packed the weights."""
    return next(one for one in file.programs if isinstance(one, CpuProgram))


def certify(module: ir.Module | ir.Operation, images: Images, steps: Iterable[Step]) -> Certificate:
    """The certificate of a verified `qi` module and its images.

    Only those kernels may compute in float that `steps` have for islands of the module, and for nothing else.
    """
    from dyadic.compiler.targets.cpu.code_sweep import certify_image, island_kernels

    intervals, ops = accumulators(module)
    islands = islands_of(module)
    allowed = island_kernels(steps, islands)
    swept = [certify_image(code, entries, text, level, allowed) for level, (code, text, entries) in images.items()]
    return Certificate(tuple(swept), intervals, ops, islands)


TARGET = Cpu()
