"""Time other tiles of the same products on the GPU that is here, and take those that are clearly faster.

Nothing of this changes a bit: candidates differ in how a product is cut into blocks
(`kernel_selection/tuning_space.py`), and where one gives other bits, none is taken. What was measured is kept in the
cache, by device and driver, so the next compile of a product of the same shape measures nothing.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets.candidates import Tunable, know_times, note_failure, note_results, taken
from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.constants import Section
from dyadic.compiler.targets.cuda.assemble import assembler_version
from dyadic.compiler.targets.cuda.emit import TUNED, architecture_of, code_of, draft, step_of, with_code
from dyadic.compiler.targets.cuda.identity import tune_digest
from dyadic.compiler.targets.cuda.tuning_measuring import measure
from dyadic.compiler.targets.timing import best
from dyadic.compiler.targets.tuned import Tuned
from dyadic.dialects.launch import LaunchOp, launches_of
from dyadic.passes.lower.cuda.kernel_selection.tuning_space import Effort, candidates, shape, tunables
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY
from dyadic.passes.lower.cuda.select_gpu_kernels import SETUP


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
    know_times(kernels, keys, cache, lambda missing: measure_all(missing, module, level, batch, cache, progress))
    return module, rewrite(kernels, effort, level, device, batch)


def kernels_of(module: ir.Module, level: str, effort: Effort, batch: int) -> list[Tunable]:
    """Every distinct spec of a step with its candidates."""
    kernels: dict[str, Tunable] = {}
    for launch in launches_of(module):
        if SETUP in launch.attributes:
            continue
        if launch.kernel.value not in kernels:
            spec = REGISTRY.from_attribute(launch.spec)
            kernels[launch.kernel.value] = Tunable(spec, [], candidates(spec, architecture_of(level), effort, batch))
        kernels[launch.kernel.value].launches.append(launch)
    return list(kernels.values())


def key(kernel: Tunable, device: Mapping[str, Any], effort: Effort, batch: int) -> str:
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
    kernels: Sequence[Tunable], module: ir.Module, level: str, batch: int, cache: Cache, progress: Progress
) -> None:
    """Fill in `timings`, or `failure`."""
    with progress.stage("tune", len(kernels)) as advance, tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
        path = Path(folder, "candidates.dyq")
        try:
            write_candidates(kernels, module, level, cache, path)
        except CodegenError as error:
            note_failure(kernels, error)
            return
        counts = [len(kernel.candidates) for kernel in kernels]
        note_results(kernels, measure(path, level, batch, counts), advance)


def write_candidates(kernels: Sequence[Tunable], module: ir.Module, level: str, cache: Cache, path: Path) -> None:
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


def rewrite(kernels: Sequence[Tunable], effort: Effort, level: str, device: Mapping[str, Any], batch: int) -> Tuned:
    """Take the best candidates."""
    seen = any(kernel.timings for kernel in kernels)
    where = f"{device['device']}, driver of CUDA {device['driver']}" if seen else ""
    said = {"mode": effort, "level": level, "threads": 1, "batch": batch, "device": where}
    return taken(
        kernels, lambda kernel: best(kernel.timings), lambda launch, spec: take(launch, level, spec), tunables, said
    )
