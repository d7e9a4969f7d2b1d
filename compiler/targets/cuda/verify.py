"""`dyadic verify`: the code of an artifact is looked at once more, and what it reads is made once more.

The integer module of the file is lowered again. Steps, places and constants that come out of that must be those of the
program, byte by byte.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from torch_mlir import ir

from dyadic.compiler.extensions import passes_of
from dyadic.compiler.targets.certificate import ImageCertificate
from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.constants import Section
from dyadic.compiler.targets.cuda.emit import architecture_of, draft, launches, suited
from dyadic.compiler.targets.cuda.ptx_sweep import certify_ptx
from dyadic.compiler.targets.cuda.sass_sweep import certify_sass, disassembled
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.targets.reproved import lowered_again, reprove
from dyadic.dialects import new_context
from dyadic.passes.lower.cuda.kernel_selection.tuning_space import every_candidate
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cuda.code_sections import code_of
from dyadic.runtime.cuda.constants import constants_of
from dyadic.runtime.cuda.program import CudaProgram, Shape
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.program import SLACK


def verify(file: ArtifactFile) -> Iterator[str]:
    """A sentence about each level, and about the network. Raises ArtifactError."""
    recorded = file.json("certificate") if "certificate" in file.sections else {}
    programs = [program for program in file.programs if isinstance(program, CudaProgram)]
    boundary = {crossing.kernel for program in programs for crossing in program.boundary}
    for level, code in programs[0].code.items():
        if code.kind == "ptx":
            yield looked_at(file, level, programs, boundary, recorded)
        else:
            yield disassembled_again(file, level, programs, boundary, recorded)
    yield from network(file, programs, recorded)


def looked_at(
    file: ArtifactFile, level: str, programs: list[CudaProgram], boundary: set[str], recorded: Mapping[str, Any]
) -> str:
    """What a sweep over the PTX of a level finds."""
    text = code_of(file, programs[0].section(level)).decode(errors="replace")
    return judged(file, certify_ptx(text, level, layers_of(programs, level), boundary), recorded)


def disassembled_again(
    file: ArtifactFile, level: str, programs: list[CudaProgram], boundary: set[str], recorded: Mapping[str, Any]
) -> str:
    """What a sweep over the instructions of a cubin finds, where there is a disassembler."""
    cubin = code_of(file, programs[0].section(level))
    try:
        text = disassembled(cubin)
    except CodegenError as error:
        raise ArtifactError(f"'{file.path}' has code of {level} that cannot be disassembled: {error}") from None
    if text is None:
        return f"{level}: not looked at, which needs nvdisasm (pip install dyadic[cuda])"
    return judged(file, certify_sass(text, cubin, level, layers_of(programs, level), boundary), recorded)


def layers_of(programs: list[CudaProgram], level: str) -> dict[str, tuple[str, ...]]:
    """Which layers each kernel computes."""
    return {symbol: of for program in programs for symbol, of in program.code[level].kernels.items()}


def judged(file: ArtifactFile, swept: ImageCertificate, recorded: Mapping[str, Any]) -> str:
    """A sentence about what was found. Raises ArtifactError at what must not be there."""
    level = swept.level
    if swept.offenders:
        raise ArtifactError(
            f"'{file.path}' is not integer-only: {len(swept.offenders)} instructions of {level} must not be there, "
            f"the first: {swept.offenders[0]}"
        )
    known = {image["level"]: image["sha256"] for image in recorded.get("images", [])}
    if known.get(level) != swept.sha256:
        raise ArtifactError(f"'{file.path}' has a certificate for other code than it holds at level {level}")
    return (
        f"{level}: {swept.instructions:,} instructions in {swept.kernels} kernels, "
        "none computes in floating point or divides but what quantizes and dequantizes"
    )


def may_launch(held: Mapping[str, Shape], level: str, specs: Mapping[str, Any]) -> bool:
    """Whether kernels are launched as a model chose them for a level, or as others that it may be timed against."""
    chosen = launches(specs, suited(level, specs))

    def timed(symbol: str) -> bool:
        spec = specs.get(symbol)
        every = () if spec is None else every_candidate(spec, architecture_of(level))
        shapes = [launches({symbol: spec}, {symbol: one}).get(symbol) for one in every]
        return held.get(symbol) in shapes

    return all(held.get(symbol) == chosen.get(symbol) or timed(symbol) for symbol in {*held, *chosen})


def network(file: ArtifactFile, programs: list[CudaProgram], recorded: Mapping[str, Any]) -> Iterator[str]:
    """What follows from the integer module, and that the program reads what is in it."""
    first, context = programs[0], new_context()
    try:
        module = target_of(file.program.target).unpack(file, context)  # the first one's: its weights may be there
    except (ir.MLIRError, ValueError, LookupError, TypeError) as error:
        raise ArtifactError(f"'{file.path}' has an integer module that cannot be read: {error}") from None
    with context:
        yield reprove(module, recorded, file.path)
        lowered = lowered_again(module, passes_of(file.made, "lower/cuda", file.path), file.path)
        constants = Section()
        specs: dict[str, Any] = {}
        again = draft(lowered, constants, specs)
        held = replace(first, code={}, variant=again.variant, gather="", source="", constants_bytes=0)
        for field in fields(again):
            if getattr(again, field.name) != getattr(held, field.name):
                name = field.name.replace("_", " ")
                raise ArtifactError(f"'{file.path}': its program has other {name} than its network")
        for level, code in first.code.items():
            if not may_launch(code.launches, level, specs):
                raise ArtifactError(f"'{file.path}': its program has other launches of {level} than its network")
        made = constants.bytes()[:-SLACK]
        if bytes(constants_of(file, first)[: len(made)]) != made:
            raise ArtifactError(f"'{file.path}': its weights or parameters are not its network's")
    others = len(programs) - 1
    yield f"the weights and parameters of {len(first.steps)} steps are those of the integer network" + (
        f"; {others} shorter programs around the same weights are not looked at" if others else ""
    )
