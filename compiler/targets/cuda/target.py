"""NVIDIA GPUs behind the interface of all targets. What is heavy is imported where it is used."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets import maker
from dyadic.compiler.targets.certificate import Certificate, ImageCertificate, accumulators, islands_of
from dyadic.compiler.targets.cuda import codegen
from dyadic.compiler.targets.cuda.emit import ARCHITECTURES, CudaEmitted, LevelCode, emit
from dyadic.compiler.targets.cuda.integer_ir import restore
from dyadic.compiler.targets.cuda.ptx_sweep import certify_ptx
from dyadic.compiler.targets.cuda.sass_sweep import certify_sass, disassembled
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.targets.target import Effort, Target
from dyadic.compiler.targets.tuned import Tuned
from dyadic.dialects import qi
from dyadic.dialects.launch import launches_of
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY
from dyadic.passes.rewriting import Pass
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cuda import levels as architectures
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.errors import DyadicError, MachineError


class Cuda(Target):
    """Code for several architectures around one program and one section of constants. Float islands are refused."""

    name = "cuda"
    always = (architectures.PORTABLE,)
    islands = False
    modelled = "tiles as a model of an H200 chooses them"

    @property
    def kernels(self) -> frozenset[str]:
        return frozenset(op.OPERATION_NAME for op in qi.QI.operations if selects.of(op) is not None)

    @property
    def levels(self) -> tuple[str, ...]:
        return (*ARCHITECTURES, architectures.PORTABLE)

    def usable(self) -> tuple[str, ...]:
        """Nothing where there is no device, or one that only plays a GPU, whose times would be nobody's."""
        capability = device_capability()
        if capability is None:
            return ()
        return tuple(level for level in self.levels if architectures.runs(level, "cubin", capability))

    def usual(self) -> tuple[str, ...]:
        """Of the device that is here, and PTX for all others."""
        return tuple(dict.fromkeys((*self.usable()[:1], architectures.PORTABLE)))

    def choose(self, levels: Collection[str]) -> str:
        usable = (*self.usable(), architectures.PORTABLE)
        if not usable[:-1]:
            raise MachineError("no GPU of NVIDIA can be used here, so that nothing can be timed for cuda")
        for level in usable:
            if level in levels:
                return level
        raise MachineError(f"the GPU here runs none of {', '.join(levels)}")

    @property
    def pipeline(self) -> tuple[Pass, ...]:
        return PIPELINE["lower/cuda"]

    def get_ready(self) -> None:
        maker.start(codegen.__name__)

    def emit(
        self,
        lowered: ir.Module,
        levels: Sequence[str],
        integer: ir.Module | ir.Operation,
        cache: Cache | None = None,
        others: Sequence[ir.Operation] = (),
    ) -> CudaEmitted:
        return emit(lowered, levels, integer, cache, others)

    def beside(self, emitted: Emitted, others: Sequence[Emitted], integer: ir.Operation) -> Emitted:
        """Weights stay where another target has them."""
        from dyadic.compiler.targets.cuda.shared_weights import share

        assert isinstance(emitted, CudaEmitted)
        for other in others:
            section, stored = target_of(other.target).stored(other, integer.context)
            if section:
                return share(emitted, integer, section, other.sections[section], stored)
        return emitted

    def unpack(self, file: ArtifactFile, context: ir.Context) -> ir.Module:
        return restore(bytes(file.section("qi")), context)

    def certify(self, integer: ir.Module | ir.Operation, emitted: Emitted) -> Certificate:
        assert isinstance(emitted, CudaEmitted)
        programs = [one for one in (emitted.program, *emitted.others) if isinstance(one, CudaProgram)]
        intervals, ops = accumulators(integer)
        swept = []
        for level, code in emitted.codes.items():
            layers = {symbol: of for one in programs for symbol, of in one.code[level].kernels.items()}
            swept += [sweep(code, level, layers, boundary_kernels(programs))]
        needs = {
            level: {name: asdict(one) for name, one in code.kernels.items()} for level, code in emitted.codes.items()
        }
        resources = {level: kernels for level, kernels in needs.items() if kernels}
        return Certificate(tuple(swept), intervals, ops, islands_of(integer), resources)

    def verify(self, file: ArtifactFile) -> Iterable[str]:
        from dyadic.compiler.targets.cuda.verify import verify

        return verify(file)

    def identity(self, level: str) -> dict[str, Any]:
        from dyadic.runtime.cuda.device import described

        device = described(0)
        return {
            "level": level,
            "device": device.model,
            "architecture": device.architecture,
            "driver": device.driver.version,
        }

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
        from dyadic.compiler.targets.cuda.tuning import tune

        return tune(lowered, level, self.identity(level), effort, batch, cache, progress)

    def text(self, lowered: ir.Module, level: str) -> str:
        """PTX of every kernel that steps launch."""
        from dyadic.compiler.targets.cuda.emit import architecture_of, suited

        specs = {launch.kernel.value: REGISTRY.from_attribute(launch.spec) for launch in launches_of(lowered)}
        return codegen.compile_kernels(suited(level, specs), architecture_of(level))


def sweep(
    code: LevelCode, level: str, layers: Mapping[str, tuple[str, ...]], boundary: Collection[str]
) -> ImageCertificate:
    """What the code of a level consists of: its PTX, and of a cubin what it became, where that can be seen.

    The certificate is about what the section holds."""
    found = certify_ptx(code.text, level, layers, boundary)
    if code.kind != "cubin" or found.offenders:
        return found
    text = disassembled(code.content)
    if text is None:
        return replace(found, sha256=hashlib.sha256(code.content).hexdigest(), bytes=len(code.content))
    return certify_sass(text, code.content, level, layers, boundary)


def device_capability() -> tuple[int, int] | None:
    """Of the first GPU here; None where there is none, none that can be used, or none that keeps time."""
    from dyadic.runtime.cuda.device import described

    try:
        device = described(0)
        return device.capability if device.keeps_time else None
    except DyadicError:
        return None


def boundary_kernels(programs: Iterable[CudaProgram]) -> frozenset[str]:
    """Those that quantize and dequantize, which alone may compute in float."""
    return frozenset(crossing.kernel for program in programs for crossing in program.boundary)


TARGET = Cuda()
