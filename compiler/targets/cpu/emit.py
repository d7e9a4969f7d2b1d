"""From an outlined module to an artifact: machine code for every level, packed weights, parameters, the program."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets.cpu import integer_ir
from dyadic.compiler.targets.cpu.codegen import compile_kernels
from dyadic.compiler.targets.cpu.link import Image
from dyadic.compiler.targets.emitted import Emitted
from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.launch import LaunchOp, launches_of
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cpu.kernels import registry
from dyadic.passes.lower.launches.outline import INPUTS, OUTPUTS
from dyadic.passes.lower.memory import views
from dyadic.runtime.cpu.program import CpuProgram, Entry, Reference, Step
from dyadic.runtime.fixedpoint import INT32_MAX, INT32_MIN
from dyadic.runtime.last_function import NOTHING, LastFunction
from dyadic.runtime.program import ALIGNMENT, SLACK, Buffer, Input, Output
from dyadic.runtime.tokens import length_of

WEIGHT_ALIGNMENT = 64
ANY_ID = {"lo": INT32_MIN, "hi": INT32_MAX}  # of an input that nothing reads


@dataclass(frozen=True, kw_only=True)
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


class _Section:
    """Bytes that several steps may share: equal content is stored once."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.known: dict[bytes, int] = {}

    def put(self, content: Any) -> int:
        """Offset of `content`, -1 for none."""
        array = np.ascontiguousarray(content)
        if array.size == 0:
            return -1
        data = array.tobytes()
        digest = hashlib.sha256(data).digest()
        if digest not in self.known:
            padding = -self.length % WEIGHT_ALIGNMENT
            self.known[digest] = self.length + padding
            self.parts += [bytes(padding), data]
            self.length += padding + len(data)
        return self.known[digest]

    def bytes(self) -> bytes:
        return b"".join([*self.parts, bytes(SLACK)])


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
    weights, params = _Section(), _Section()
    modules = [outlined, *others]
    every = [launches_of(module) for module in modules]
    specs = {n.kernel.value: registry.from_attribute(n.spec) for launches in every for n in launches}
    images = compile_kernels(specs, levels, cache=cache)
    programs = [
        _program(module, launches, specs, images, weights, params)
        for module, launches in zip(modules, every, strict=True)
    ]
    if others:
        programs = [replace(one, variant=f"1x{length_of(one)}") for one in programs]
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
    weights: _Section,
    params: _Section,
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


def surroundings_of(module: ir.Module | ir.Operation) -> dict[str, Any]:
    """What the steps of a lowered module work in: fields of its program, by name."""
    attributes = main_function(module).operation.attributes
    *offsets, arena = ints(attributes[views.ARENA])
    return {
        "buffers": tuple(Buffer(o, s) for o, s in zip(offsets, ints(attributes[views.BUFFERS]), strict=True)),
        "arena_bytes": arena,
        "inputs": tuple(_input(each) for each in attributes[INPUTS]),
        "outputs": tuple(_output(each) for each in attributes[OUTPUTS]),
    }


def layer_bytes(launches: Iterable[LaunchOp]) -> dict[str, int]:
    """Packed bytes of weights by layer; what layers share is the first one's, as it is stored."""
    total: dict[str, int] = {}
    stored: set[bytes] = set()
    for launch in launches:
        data = launch.data("weights").tobytes()
        total[launch.layer.value] = total.get(launch.layer.value, 0) + len(data) * (data not in stored)
        stored.add(data)
    return total


def _has_layer_weights(launch: LaunchOp) -> bool:
    """Not tables of functions, and not the halo of a layer's result, which is a launch of the same op."""
    op = launch.op.value
    return (qi.is_layer(op) or op == qi.EmbeddingOp.OPERATION_NAME) and launch.data("weights").size > 0


def _step(launch: LaunchOp, spec: Any, weights: _Section, params: _Section) -> Step:
    constant = weights.put(launch.data("constant"))
    numbers = ints(launch.inputs)
    inputs = [
        Reference(buffer, offset if buffer >= 0 else constant + offset)
        for buffer, offset in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    return Step(
        layer=launch.layer.value,
        op=launch.op.value,
        kernel=launch.kernel.value,
        out=Reference(*ints(launch.out)),
        inputs=tuple(inputs),
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


def _boundary(tensor: Any) -> dict[str, Any]:
    lo, hi = ints(tensor["steps"])
    return {
        "name": tensor["name"].value,
        "shape": ("N", *ints(tensor["shape"])[1:]),
        "layout": views.from_attribute(tensor["layout"]),
        "scale": tensor["scale"].value,
        "zero_point": tensor["zero_point"].value,
        "lo": lo,
        "hi": hi,
        "tokens": tensor["tokens"].value if "tokens" in tensor else 0,
        "fixed": tensor["fixed"].value if "fixed" in tensor else "",
    }


def _input(tensor: Any) -> Input:
    said = _boundary(tensor)
    if "padding" in tensor:
        said["padding"] = tensor["padding"].value
    if "rows" in tensor:
        said |= {"lo": 0, "hi": tensor["rows"].value - 1} if tensor["rows"].value < 1 << 31 else ANY_ID
        return Input(dtype="int32", given=tensor["given"].value, **said)
    if "given" in tensor:
        return Input(dtype="uint8", given=tensor["given"].value, **said)
    return Input(dtype="float32", **said)


def _output(tensor: Any) -> Output:
    start, whole = (tuple(ints(tensor[name])) if name in tensor else () for name in ("start", "whole"))
    last = NOTHING
    if "last" in tensor:
        said = tensor["last"]
        last = LastFunction(said["name"].value, said["axis"].value, said["left_out"].value)
        if "count" in said:
            last = last._replace(entries=said["count"].value, shape=tuple(ints(said["shape"])))
    batch_axis = tensor["batch_axis"].value if "batch_axis" in tensor else 0
    given = tensor["given"].value if "given" in tensor else ""
    return Output(**_boundary(tensor), start=start, whole=whole, last=last, batch_axis=batch_axis, given=given)
