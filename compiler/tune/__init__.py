"""Other kernels for the same layers, where the whole network is faster with them. No bit changes."""

from dataclasses import replace

from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets.target import Effort, Target
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.tune.proof import prove


def tune(
    target: Target,
    lowered: ir.Module,
    integer: ir.Module | ir.Operation,
    level: str,
    effort: Effort,
    threads: int,
    batch: int,
    cache: Cache,
    progress: Progress,
) -> tuple[ir.Module, Tuned]:
    """The lowered module to emit, and what was found out: kernels that are fastest alone, kept if they pay together.

    lowered, integer: as `Target.emit` takes them. level, threads, batch: what is tuned for.
    """
    other, tuned = target.tune(lowered, level, effort, threads, batch, cache, progress)
    if not tuned.changes:
        return lowered, tuned
    with progress.stage("tune"):
        before, after = (target.emit(one, [level], integer, cache) for one in (lowered, other))
        tuned = replace(tuned, proof=prove(before, after, level, threads, batch))
    return (other if tuned.kept else lowered), tuned
