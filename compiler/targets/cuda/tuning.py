"""Time other tiles of the same products on the GPU that is here, and take those that are clearly faster.

Nothing of this changes a bit: candidates differ in how a product is cut into blocks
(`kernel_selection/tuning_space.py`), and where one gives other bits, none is taken. What was measured is kept in the
cache, by device and driver, so the next compile of a product of the same shape measures nothing.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets.constants import Section
from dyadic.compiler.targets.cuda.assemble import assembler_version
from dyadic.compiler.targets.cuda.codegen import CodegenError
from dyadic.compiler.targets.cuda.emit import TUNED, architecture_of, code_of, draft, step_of, with_code
from dyadic.compiler.targets.cuda.identity import tune_digest
from dyadic.compiler.targets.cuda.tuning_measuring import measure
from dyadic.compiler.targets.timing import Timing, best, from_bytes, to_bytes
from dyadic.compiler.targets.tuned import Change, Tuned
from dyadic.dialects.launch import LaunchOp, launches_of
from dyadic.passes.lower.cuda.kernel_selection.tuning_space import Effort, candidates, shape, tunables
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY
from dyadic.passes.lower.cuda.select_gpu_kernels import SETUP


@dataclass
class Kernel:
    """Launches of one spec, and what may take its place at a level: the model's choice first."""

    spec: Any
    launches: list[LaunchOp]
    candidates: list[Any]
    timings: list[Timing] = field(default_factory=list)
    measured: bool = False
    failure: str = ""


def tune(
    lowered: ir.Module,
    level: str,
    device: Mapping[str, Any],
    effort: Effort,
    batch: int,
    cache: Cache,
    progress: Progress,
) -> tuple[ir.Module, Tuned]:
    """A copy of a lowered module whose launches have, in code of `level`, the tiles that are fastest on the device at
    `batch`, and what was found out. device: as `Cuda.identity` says it, a part of the key of times that are kept."""
    with lowered.context, ir.Location.unknown():
        module = lowered.operation.clone()
    kernels = [one for one in kernels_of(module, level, effort, batch) if len(one.candidates) > 1]
    keys = [key(one, device, effort, batch) for one in kernels]
    known = cache.read("timing", keys)
    for kernel, name in zip(kernels, keys, strict=True):
        kernel.timings = from_bytes(known[name], len(kernel.candidates)) if name in known else []
    measure_all([one for one in kernels if not one.timings], module, level, batch, cache, progress)
    cache.write(
        "timing", {name: to_bytes(one.timings) for name, one in zip(keys, kernels, strict=True) if one.measured}
    )
    return module, rewrite(kernels, effort, level, device, batch)


def kernels_of(module: ir.Module, level: str, effort: Effort, batch: int) -> list[Kernel]:
    """Every distinct spec of a step with its candidates."""
    kernels: dict[str, Kernel] = {}
    for launch in launches_of(module):
        if SETUP in launch.attributes:
            continue
        if launch.kernel.value not in kernels:
            spec = REGISTRY.from_attribute(launch.spec)
            kernels[launch.kernel.value] = Kernel(spec, [], candidates(spec, architecture_of(level), effort, batch))
        kernels[launch.kernel.value].launches.append(launch)
    return list(kernels.values())


def key(kernel: Kernel, device: Mapping[str, Any], effort: Effort, batch: int) -> str:
    """What the timings depend on, but for where in memory the first network that had such a kernel put its buffers."""
    return key_of(
        {
            "what": "tiles of a product",
            "compiler": tune_digest(),
            "assembler": assembler_version(),
            "device": dict(device),
            "effort": effort,
            "batch": batch,
            "family": REGISTRY.family_of(kernel.spec),
            "shape": shape(kernel.spec),
            "candidates": [tunables(one) for one in kernel.candidates],
        }
    )


def measure_all(
    kernels: Sequence[Kernel], module: ir.Module, level: str, batch: int, cache: Cache, progress: Progress
) -> None:
    """Fill in `timings`, or `failure`."""
    if not kernels:
        return
    with progress.stage("tune", len(kernels)) as advance, tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
        path = Path(folder, "candidates.dyq")
        try:
            write_candidates(kernels, module, level, cache, path)
        except CodegenError as error:  # of a candidate: the model's choices may be without fault
            for kernel in kernels:
                kernel.failure = str(error).splitlines()[0]
            return
        counts = [len(kernel.candidates) for kernel in kernels]
        for kernel, result in zip(kernels, measure(path, level, batch, counts), strict=True):
            if isinstance(result, str):
                kernel.failure = result
            else:
                kernel.timings, kernel.measured = result, True
            advance()


def write_candidates(kernels: Sequence[Kernel], module: ir.Module, level: str, cache: Cache, path: Path) -> None:
    """An artifact whose steps are all candidates, one kernel behind the other, at the places of its first launch."""
    constants, specs = Section(), {}
    program = draft(module, constants, specs)
    kept = {one.kernel for one in program.setup} | {
        name for crossing in program.boundary for name in (crossing.kernel, crossing.raw_kernel)
    }
    specs = {name: spec for name, spec in specs.items() if name in kept}
    steps = []
    for kernel in kernels:
        for spec in kernel.candidates:
            symbol = REGISTRY.symbol_of(spec)
            specs[symbol] = spec
            steps.append(replace(step_of(kernel.launches[0], spec, constants), kernel=symbol))
    codes = {level: code_of(level, specs, specs, cache)}
    with_code([replace(program, steps=tuple(steps))], codes, constants).write(path, {})


def take(launch: LaunchOp, level: str, spec: Any) -> None:
    """Let a launch do the same by another kernel in code of a level; others have no part in what was seen there."""
    with launch.location:
        launch.operation.attributes[TUNED] = ir.DictAttr.get({level: REGISTRY.to_attribute(spec)})


def rewrite(kernels: Sequence[Kernel], effort: Effort, level: str, device: Mapping[str, Any], batch: int) -> Tuned:
    """Take the best candidates."""
    changes: list[Change] = []
    static = tuned = 0.0
    for kernel in (one for one in kernels if one.timings):
        index = best(kernel.timings)
        chosen = kernel.candidates[index]
        before, after = kernel.timings[0].median_ns / 1e3, kernel.timings[index].median_ns / 1e3
        static, tuned = static + before * len(kernel.launches), tuned + after * len(kernel.launches)
        for launch in kernel.launches if index else []:
            take(launch, level, chosen)
            choices = tunables(kernel.candidates[0]), tunables(chosen)
            changes.append(Change(launch.layer.value, *choices, round(before, 2), round(after, 2)))
    seen = any(kernel.timings for kernel in kernels)
    return Tuned(
        mode=effort,
        level=level,
        threads=1,
        batch=batch,
        kernels=len(kernels),
        measured=sum(kernel.measured for kernel in kernels),
        known=sum(bool(kernel.timings) and not kernel.measured for kernel in kernels),
        layers=sum(len(kernel.launches) for kernel in kernels),
        static_us=round(static, 2),
        tuned_us=round(tuned, 2),
        changes=tuple(changes),
        failures={kernel.launches[0].layer.value: kernel.failure for kernel in kernels if kernel.failure},
        device=f"{device['device']}, driver of CUDA {device['driver']}" if seen else "",
    )
