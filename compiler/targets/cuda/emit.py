"""From an outlined module to an artifact: PTX and cubins, constants, the program."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets.constants import Section, inputs_of, layer_bytes
from dyadic.compiler.targets.cuda.assemble import Resources, assemble
from dyadic.compiler.targets.cuda.codegen import PTX_VERSIONS, compile_kernels
from dyadic.compiler.targets.cuda.integer_ir import store
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.surroundings import named_by_length, surroundings_of
from dyadic.dialects.fields import ints
from dyadic.dialects.launch import LaunchOp, launches_of
from dyadic.passes.lower.cuda.kernel_selection.boundary import crossings
from dyadic.passes.lower.cuda.kernel_selection.warpgroups import suited_to
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY
from dyadic.passes.lower.cuda.select_gpu_kernels import SETUP
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cuda.code_sections import stored
from dyadic.runtime.cuda.levels import PORTABLE
from dyadic.runtime.cuda.program import Code, Crossing, CudaProgram, Shape, Step
from dyadic.runtime.program import Input, Output

PORTABLE_ARCHITECTURE = "sm_80"  # the oldest that has cp.async
ARCHITECTURES = tuple(reversed(PTX_VERSIONS))  # newest first
TUNED = "qi.tuned"  # of a launch: {level = spec} of kernels that were faster there than the model's choice


@dataclass(frozen=True)
class LevelCode:
    """What lies, deflated, in a level's section. `text` is its PTX, `kernels` what the assembler says of each: nothing
    where there is none."""

    kind: str
    content: bytes
    text: str
    kernels: Mapping[str, Resources]
    launches: Mapping[str, Shape] = field(default_factory=dict)


class Packed(NamedTuple):
    """Weights of a launch: where they lie in the constants, and whose they are."""

    offset: int
    op: str
    layer: str
    spec: Any


@dataclass(frozen=True, kw_only=True, repr=False)
class CudaEmitted(Emitted):
    """`codes` by level, best first."""

    program: CudaProgram
    codes: dict[str, LevelCode]
    packed: tuple[Packed, ...] = ()

    @property
    def code_bytes(self) -> dict[str, int]:
        return {level: len(code.content) for level, code in self.codes.items()}

    @property
    def weight_bytes(self) -> int:
        return self.program.size_of_constants(self.lengths)

    def digest(self, level: str) -> str:
        total = hashlib.sha256(self.codes[level].content)
        total.update(repr(replace(self.program, code={})).encode())
        return total.hexdigest()


def emit(
    outlined: ir.Module | ir.Operation,
    levels: Sequence[str],
    integer: ir.Module | ir.Operation,
    cache: Cache | None = None,
    others: Sequence[ir.Operation] = (),
) -> CudaEmitted:
    """Compile and pack, as `Target.emit` says."""
    modules = [outlined, *others]
    constants = Section()
    specs: dict[str, Any] = {}
    drafts = [draft(module, constants, specs) for module in modules]
    tuned = tuned_specs(modules)
    codes = {level: code_of(level, specs, suited(level, specs) | tuned.get(level, {}), cache) for level in levels}
    made = with_code(named_by_length(drafts), codes, constants, qi=store(integer))
    return replace(made, packed=_packed(modules, drafts), layer_bytes=layer_bytes(launches_of(outlined)))


def with_code(
    drafts: Sequence[CudaProgram], codes: Mapping[str, LevelCode], constants: Section, **more: Any
) -> CudaEmitted:
    """Programs of `draft` with code and sections; `more` sections by name."""
    program, *others = [replace(one, code=_said(one, codes)) for one in drafts]
    sections: dict[str, Any] = {program.section(level): stored(code.content) for level, code in codes.items()}
    sections |= more | {program.constants: constants.bytes()}
    return CudaEmitted(program=program, sections=sections, codes=dict(codes), others=tuple(others))


def tuned_specs(modules: Iterable[ir.Module | ir.Operation]) -> dict[str, dict[str, Any]]:
    """By level and symbol, what is in a kernel's place there, since it was timed."""
    found: dict[str, dict[str, Any]] = {}
    for launch in (each for module in modules for each in launches_of(module)):
        for named in launch.attributes[TUNED] if TUNED in launch.attributes else ():
            found.setdefault(named.name, {})[launch.kernel.value] = REGISTRY.from_attribute(named.attr)
    return found


def draft(module: ir.Module | ir.Operation, constants: Section, specs: dict[str, Any]) -> CudaProgram:
    """A program without code; its constants and its kernels' specs join those of the others."""
    surroundings = surroundings_of(module)
    setup: list[Step] = []
    steps: list[Step] = []
    for launch in launches_of(module):
        spec = REGISTRY.from_attribute(launch.spec)
        specs[launch.kernel.value] = spec
        (setup if SETUP in launch.attributes else steps).append(step_of(launch, spec, constants))
    program = CudaProgram(**surroundings, boundary=(), steps=tuple(steps), setup=tuple(setup), code={})
    tensors = (*program.inputs, *program.outputs)
    return replace(program, boundary=tuple(_crossing(tensor, constants, specs) for tensor in tensors))


def _packed(modules: Sequence[ir.Module | ir.Operation], programs: Sequence[CudaProgram]) -> tuple[Packed, ...]:
    """Each piece of weights once, as it is first read."""
    found: dict[int, Packed] = {}
    for module, program in zip(modules, programs, strict=True):
        steps = [launch for launch in launches_of(module) if SETUP not in launch.attributes]
        for launch, step in zip(steps, program.steps, strict=True):
            if step.weights >= 0:
                spec = REGISTRY.from_attribute(launch.spec)
                found.setdefault(step.weights, Packed(step.weights, step.op, step.layer, spec))
    return tuple(found.values())


def step_of(launch: LaunchOp, spec: Any, constants: Section) -> Step:
    """A launch by the kernel of that spec; what it reads joins the constants."""
    return Step(
        layer=launch.layer.value,
        op=launch.op.value,
        kernel=launch.kernel.value,
        out=Reference(*ints(launch.out)),
        inputs=inputs_of(launch, constants),
        items=spec.items,
        block_items=spec.block_items,
        threads=spec.threads,
        weights=constants.put(launch.data("weights")),
        params=constants.put(launch.data("params")),
        grid_y=spec.grid_y,
        shared_bytes=spec.shared_bytes,
        macs=launch.macs.value,
    )


def _crossing(tensor: Input | Output, constants: Section, specs: dict[str, Any]) -> Crossing:
    crossed = crossings(tensor)
    names = [REGISTRY.symbol_of(one) for one in (crossed.spec, crossed.raw_spec)]
    specs.update(zip(names, (crossed.spec, crossed.raw_spec), strict=True))
    spec = crossed.spec
    params = constants.put(crossed.params)
    return Crossing(names[0], names[1], spec.items, spec.block_items, spec.threads, params)


def _said(program: CudaProgram, codes: Mapping[str, LevelCode]) -> dict[str, Code]:
    """Which kernels of a program each level has, and the layers that they compute."""
    layers: dict[str, tuple[str, ...]] = {}
    for step in (*program.setup, *program.steps):
        layers[step.kernel] = (*layers.get(step.kernel, ()), step.layer)
    for crossing in program.boundary:
        layers |= {name: () for name in (crossing.kernel, crossing.raw_kernel)}
    return {
        level: Code(code.kind, dict(layers), {name: code.launches[name] for name in layers if name in code.launches})
        for level, code in codes.items()
    }


def suited(level: str, specs: Mapping[str, Any]) -> dict[str, Any]:
    """The kernels that code of a level has: those of all, or its own in their place."""
    return {symbol: suited_to(architecture_of(level), spec) for symbol, spec in specs.items()}


def launches(specs: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Shape]:
    """Of those kernels that a level has for itself: how they are launched."""
    return {
        symbol: Shape(one.block_items, one.threads, one.grid_y, one.shared_bytes)
        for symbol, one in own.items()
        if one != specs[symbol]
    }


def architecture_of(level: str) -> str:
    """What code of a level is generated for."""
    return PORTABLE_ARCHITECTURE if level == PORTABLE else level


def code_of(level: str, specs: Mapping[str, Any], own: Mapping[str, Any], cache: Cache | None) -> LevelCode:
    """Of every kernel: a cubin where there is an assembler, else PTX, which a driver assembles when it is loaded.

    specs: by symbol, as steps launch them. own: what this level has for them."""
    architecture = architecture_of(level)
    text, others = compile_kernels(own, architecture, cache), launches(specs, own)
    made = None if level == PORTABLE else assemble(text, architecture)
    if made is None:
        return LevelCode("ptx", text.encode(), text, {}, others)
    return LevelCode("cubin", made.cubin, text, made.kernels, others)
