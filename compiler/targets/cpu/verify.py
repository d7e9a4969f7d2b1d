"""`dyadic verify`: the code of an artifact is decoded once more, and what it reads is made once more.

The integer module of the file is lowered again. Weights, biases, multipliers, shifts and tables that come out of that
must be what the steps of the program read, byte by byte; tuning changes neither.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.extensions import passes_of
from dyadic.compiler.targets.cpu.code_sweep import certify_image, island_kernels, island_layers
from dyadic.compiler.targets.cpu.integer_ir import restore
from dyadic.compiler.targets.reproved import lowered_again, reprove
from dyadic.compiler.targets.surroundings import surroundings_of
from dyadic.dialects import new_context
from dyadic.dialects.fields import ints
from dyadic.dialects.launch import LaunchOp, launches_of
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu.program import CpuProgram, Entry, Step
from dyadic.runtime.errors import ArtifactError


def verify(file: ArtifactFile) -> Iterator[str]:
    """A sentence about each level, and about layers that stay float. Raises ArtifactError."""
    recorded = file.json("certificate") if "certificate" in file.sections else {}
    known = {image["level"]: image["sha256"] for image in recorded.get("images", [])}
    programs = [program for program in file.programs if isinstance(program, CpuProgram)]
    steps = [step for program in programs for step in program.steps]
    islands = island_kernels(steps, recorded.get("islands", ()))
    entries: dict[str, dict[str, Entry]] = {}  # programs may share images
    for program in programs:
        for level, kernels in program.entries.items():
            entries.setdefault(program.image(level), {}).update(kernels)
    for name, kernels in entries.items():
        level = name.rpartition("/")[2]
        image = certify_image(bytes(file.section(name)), kernels, level=level, islands=islands)
        if image.offenders:
            raise ArtifactError(
                f"'{file.path}' is not integer-only: {len(image.offenders)} instructions of {level} "
                f"must not be there, the first: {image.offenders[0]}"
            )
        if known.get(level) != image.sha256:
            raise ArtifactError(f"'{file.path}' has a certificate for other code than it holds at level {level}")
        instructions, kernels = image.instructions - image.island_instructions, image.kernels - image.island_kernels
        yield (
            f"{level}: {instructions:,} instructions in {kernels} kernels, "
            "none computes in floating point, divides or leaves the image"
        )
    yield from network(file, programs, recorded)
    if layers := island_layers(steps):
        yield f"NOT integer-only, as was asked for: these layers stay float: {', '.join(layers)}"


def network(file: ArtifactFile, programs: list[CpuProgram], recorded: Mapping[str, Any]) -> Iterator[str]:
    """What follows from the integer module, and that the program reads what is in it."""
    first = programs[0]
    weights, params = (file.section(name) for name in (first.weights, first.params))
    context = new_context()
    try:
        module = restore(bytes(file.section("qi")), np.frombuffer(weights, np.int8), context)
    except (ir.MLIRError, ValueError, LookupError, TypeError) as error:
        raise ArtifactError(f"'{file.path}' has an integer module that cannot be read: {error}") from None
    with context:
        yield reprove(module, recorded, file.path)
        lowered = lowered_again(module, passes_of(file.made, "lower/cpu", file.path), file.path)
        launches = launches_of(lowered)
        if len(launches) != len(first.steps):
            raise ArtifactError(
                f"'{file.path}' runs {len(first.steps)} steps, its integer module makes {len(launches)}"
            )
        for name, value in surroundings_of(lowered).items():
            if getattr(first, name) != value:
                raise ArtifactError(f"'{file.path}': its program has other {name.replace('_', ' ')} than its network")
        for launch, step in zip(launches, first.steps, strict=True):
            for name in unlike(launch, step, weights, params):
                raise ArtifactError(f"""'{file.path}': the {name} of "{step.layer}" are not its network's""")
    others = len(programs) - 1
    yield f"the weights and parameters of {len(launches)} steps are those of the integer network" + (
        f"; {others} shorter programs around the same weights are not looked at" if others else ""
    )


def unlike(launch: LaunchOp, step: Step, weights: memoryview, params: memoryview) -> Iterator[str]:
    """What a step reads that its launch does not say."""
    if launch.layer.value != step.layer or launch.op.value != step.op:
        yield "operator and layer"
    if Reference(*ints(launch.out)) != step.out or (
        launch.kernel.value == step.kernel and launch.tiles.value != step.tiles
    ):
        yield "place and number of results"
    for name, section, offset in (("weights", weights, step.weights), ("params", params, step.params)):
        data = np.ascontiguousarray(launch.data(name)).tobytes()
        held = bytes(section[offset : offset + len(data)]) if offset >= 0 else b""
        if data != held:
            yield {"weights": "weights", "params": "biases, multipliers and shifts"}[name]
    if len(step.inputs) != len(ints(launch.inputs)) // 2:
        yield "inputs"
    constant = np.ascontiguousarray(launch.data("constant")).tobytes()
    numbers = ints(launch.inputs)
    for at, buffer, place in zip(step.inputs, numbers[::2], numbers[1::2], strict=False):
        start = at.offset - place
        if buffer >= 0 and at != Reference(buffer, place):
            yield "inputs"
        if buffer < 0 and (at.buffer >= 0 or start < 0 or bytes(weights[start : start + len(constant)]) != constant):
            yield "constants"
