"""Measure other kernels for the same layers, and take those that are clearly faster here.

Nothing of this changes a bit: candidates differ in how work is cut and ordered (`kernels/choices.py`). What was
measured is kept in the cache, so the next compile of a layer of the same shape measures nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets.candidates import Tunable, know_times, note_failure, note_results, taken
from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cpu.codegen import compile_kernels
from dyadic.compiler.targets.cpu.identity import tune_digest
from dyadic.compiler.targets.cpu.tuning_measuring import Case, measure
from dyadic.compiler.targets.timing import best, waiting
from dyadic.compiler.targets.tuned import Tuned
from dyadic.dialects.fields import ints
from dyadic.dialects.launch import LaunchOp, launches_of
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cpu.kernels import registry
from dyadic.passes.lower.cpu.kernels.tuning_space import Effort, candidates, shape, tunables
from dyadic.passes.lower.memory.views import ARENA, BUFFERS
from dyadic.runtime.cpu.processor import processor

LEAST_UNITS = 4  # for each thread, or as many as the static choice has: another machine may have more threads


@dataclass(frozen=True)
class Arena:
    """Where the buffers of one image lie. Images of a batch follow each other in each buffer, as a kernel sees them."""

    offsets: list[int]
    sizes: list[int]
    size: int

    @staticmethod
    def of(module: ir.Module) -> "Arena":
        attributes = main_function(module).attributes
        *offsets, size = ints(attributes[ARENA])
        return Arena(offsets, ints(attributes[BUFFERS]), size)


class Kernel(Tunable):
    """Timed on one thread."""

    def best(self, threads: int, batch: int) -> int:
        """The index of the candidate to take."""
        factors = [waiting(spec.units * batch, threads) for spec in self.candidates]
        return best([timing.times(factor) for timing, factor in zip(self.timings, factors, strict=True)])


def tune(
    lowered: ir.Module, level: str, effort: Effort, threads: int, batch: int, cache: Cache, progress: Progress
) -> tuple[ir.Module, Tuned]:
    """A copy of a lowered module whose launches have the kernels that are fastest at `level` with `threads` and
    `batch`, and what was found out."""
    with lowered.context, ir.Location.unknown():
        module = lowered.operation.clone()
    kernels = [kernel for kernel in kernels_of(module, level, effort, threads) if len(kernel.candidates) > 1]
    keys = [key(kernel, level, effort, batch) for kernel in kernels]
    arena = Arena.of(module)
    know_times(kernels, keys, cache, lambda missing: measure_all(missing, level, batch, arena, cache, progress))
    return module, rewrite(kernels, effort, level, threads, batch)


def kernels_of(module: ir.Module, level: str, effort: Effort, threads: int) -> list[Kernel]:
    """Every distinct spec with its candidates, those with too few units to share left out."""
    kernels: dict[str, Kernel] = {}
    for launch in launches_of(module):
        if launch.kernel.value not in kernels:
            spec = registry.from_attribute(launch.spec)
            least = min(spec.units, LEAST_UNITS * threads)
            others = [one for one in candidates(spec, level, effort) if one.units >= least]
            kernels[launch.kernel.value] = Kernel(spec, [], others)
        kernels[launch.kernel.value].launches.append(launch)
    return list(kernels.values())


def key(kernel: Kernel, level: str, effort: Effort, batch: int) -> str:
    """What the timings depend on, but for where in memory the first network that had such a kernel put its buffers."""
    return key_of(
        {
            "compiler": tune_digest(),
            "processor": processor(level),
            "level": level,
            "effort": effort,
            "batch": batch,
            "family": registry.family_of(kernel.spec),
            "shape": shape(kernel.spec),
            "candidates": [tunables(one) for one in kernel.candidates],
        }
    )


def measure_all(
    kernels: Sequence[Kernel], level: str, batch: int, arena: Arena, cache: Cache, progress: Progress
) -> None:
    """Fill in `timings`, or `failure`."""
    with progress.stage("tune", len(kernels)) as advance:
        every = {registry.symbol_of(spec): spec for kernel in kernels for spec in kernel.candidates}
        try:
            image = compile_kernels(every, [level], cache=cache)[level]
        except CodegenError as error:
            note_failure(kernels, error)
            return
        cases = [case(kernel, image.entries, arena, batch) for kernel in kernels]
        note_results(kernels, measure(image, level, arena.size * batch, cases), advance)


def case(kernel: Kernel, entries: dict[str, tuple[int, int]], arena: Arena, batch: int) -> Case:
    """The first launch of a kernel, for all images of a batch at once."""
    launch = kernel.launches[0]

    def place(buffer: int, offset: int) -> int:
        return arena.offsets[buffer] * batch + offset if buffer >= 0 else offset  # for constants, any bytes will do

    numbers = ints(launch.inputs)
    first = numbers[0]
    return Case(
        out=place(*ints(launch.out)),
        inputs=tuple(place(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)),
        fresh=(place(first, 0), place(first, 0) + (arena.sizes[first] * batch if first >= 0 else 0)),
        weights=launch.data("weights").nbytes,
        params=launch.data("params").nbytes,
        scratch=max(spec.scratch_bytes for spec in kernel.candidates),
        candidates=tuple((entries[registry.symbol_of(s)][0], s.units * batch) for s in kernel.candidates),
    )


def take(launch: LaunchOp, spec: Any) -> None:
    """Let a launch do the same by another kernel."""
    with launch.location:
        attributes = launch.operation.attributes
        attributes["spec"] = registry.to_attribute(spec)
        attributes["kernel"] = ir.StringAttr.get(registry.symbol_of(spec))
        attributes["tiles"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), spec.units)


def rewrite(kernels: Sequence[Kernel], effort: Effort, level: str, threads: int, batch: int) -> Tuned:
    """Take the best candidates: spec, kernel and tiles of their launches change."""
    said = {"mode": effort, "level": level, "threads": threads, "batch": batch}
    return taken(kernels, lambda kernel: kernel.best(threads, batch), take, tunables, said)
