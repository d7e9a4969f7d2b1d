"""From an outlined module to an artifact: machine code for every level, packed weights, parameters, the program."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets.constants import Section, inputs_of, layer_bytes
from dyadic.compiler.targets.cpu import integer_ir
from dyadic.compiler.targets.cpu.codegen import compile_kernels
from dyadic.compiler.targets.cpu.link import Image
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.surroundings import named_by_length, surroundings_of
from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.launch import LaunchOp, launches_of
from dyadic.passes.lower.cpu.kernels import registry
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu.program import CpuProgram, Entry, Step
from dyadic.runtime.program import ALIGNMENT


@dataclass(frozen=True, kw_only=True, repr=False)
class CpuEmitted(Emitted):
    """`images` by level: what lies in the code sections, and how much of it is instructions."""

    program: CpuProgram
    images: dict[str, Image]

    @property
    def code_bytes(self) -> dict[str, int]:
        return {level: len(image.code) for level, image in self.images.items()}

    @property
    def weight_bytes(self) -> int:
        return len(self.sections[self.program.weights])

    def digest(self, level: str) -> str:
        total = hashlib.sha256(self.images[level].code)
        total.update(repr(replace(self.program, entries={})).encode())  # levels that do not run cost nothing
        return total.hexdigest()


def emit(
    outlined: ir.Module | ir.Operation,
    levels: Sequence[str],
    integer: ir.Module | ir.Operation,
    cache: Cache | None = None,
    others: Sequence[ir.Operation] = (),
) -> CpuEmitted:
    """Compile and pack.

    Args:
        outlined: the module after the `lower/cpu` passes.
        levels: ISA levels to generate code for; the same program, weights and parameters serve all of them.
        integer: the `qi` module before lowering, kept in the artifact.
        cache: where machine code is kept from compile to compile.
        others: the same network for fewer tokens: more programs that share code, weights and parameters.
    """
    weights, params = Section(), Section()
    modules = [outlined, *others]
    every = [launches_of(module) for module in modules]
    specs = {n.kernel.value: registry.from_attribute(n.spec) for launches in every for n in launches}
    images = compile_kernels(specs, levels, cache=cache)
    programs = named_by_length(
        [
            _program(module, launches, specs, images, weights, params)
            for module, launches in zip(modules, every, strict=True)
        ]
    )
    program, launches = programs[0], every[0]
    weighted = [
        (launch, step.weights)
        for launch, step in zip(launches, program.steps, strict=True)
        if _has_layer_weights(launch)
    ]
    stored = integer_ir.store(integer, [launch for launch, _ in weighted], [offset for _, offset in weighted])
    sections = {program.image(level): image.code for level, image in images.items()}
    sections |= {"qi": stored, program.weights: weights.bytes(), program.params: params.bytes()}
    return CpuEmitted(
        program=program,
        sections=sections,
        images=images,
        layer_bytes=layer_bytes(launches),
        others=tuple(programs[1:]),
    )


def _program(
    module: ir.Module | ir.Operation,
    launches: Sequence[LaunchOp],
    specs: Mapping[str, Any],
    images: Mapping[str, Image],
    weights: Section,
    params: Section,
) -> CpuProgram:
    """One program: its constants go into the sections, its kernels are among those of the images."""
    steps = tuple(_step(launch, specs[launch.kernel.value], weights, params) for launch in launches)
    surroundings = surroundings_of(module)
    layers: dict[str, tuple[str, ...]] = {}
    for launch in launches:
        layers[launch.kernel.value] = (*layers.get(launch.kernel.value, ()), launch.layer.value)
    return CpuProgram(
        **surroundings,
        scratch_bytes=_scratch_bytes(specs[symbol] for symbol in layers),
        steps=steps,
        together=first_together(launches, steps, [buffer.size for buffer in surroundings["buffers"]]),
        entries={
            level: {
                symbol: Entry(*place, layers.get(symbol, ()))
                for symbol, place in image.entries.items()
                if symbol in layers or symbol not in specs
            }
            for level, image in images.items()
        },
    )


def _has_layer_weights(launch: LaunchOp) -> bool:
    """Not tables of functions, and not the halo of a layer's result, which is a launch of the same op."""
    op = launch.op.value
    return (qi.is_layer(op) or op == qi.EmbeddingOp.OPERATION_NAME) and launch.data("weights").size > 0


def _step(launch: LaunchOp, spec: Any, weights: Section, params: Section) -> Step:
    return Step(
        layer=launch.layer.value,
        op=launch.op.value,
        kernel=launch.kernel.value,
        out=Reference(*ints(launch.out)),
        inputs=inputs_of(launch, weights),
        tiles=launch.tiles.value,
        weight_tiles=getattr(spec, "weight_tiles", 0),
        weights=weights.put(launch.data("weights")),
        params=params.put(launch.data("params")),
        macs=launch.macs.value,
        overlap=launch.overlap.value,
    )


def first_together(launches: Sequence[LaunchOp], steps: Sequence[Step], buffers: Sequence[int]) -> int:
    """The step from which on a batch is worth more for sharing weights than it costs in activations out of the cache.

    Early layers have large activations and small weights, late ones the reverse. Up to a step every image reads the
    weights again; from it on, it hands its activations over through memory.
    """
    read = [len(launch.data("weights")) for launch in launches]
    moved = [sum(buffers[at.buffer] for at in (step.out, *step.inputs) if at.buffer >= 0) for step in steps]
    return min(range(len(steps) + 1), key=lambda cut: sum(read[:cut]) + sum(moved[cut:]))


def _scratch_bytes(specs: Iterable[Any]) -> int:
    """The most that any kernel needs; specs that need none have no `scratch_bytes`."""
    need = max((getattr(spec, "scratch_bytes", 0) for spec in specs), default=0)
    return -(-need // ALIGNMENT) * ALIGNMENT
