"""Kernels that may take each other's place: whose times are known, and which of them are taken.

How they are timed, and what it means to take one, is every target's own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets.timing import Timing, from_bytes, to_bytes
from dyadic.compiler.targets.tuned import Change, Tuned
from dyadic.dialects.launch import LaunchOp


@dataclass
class Tunable:
    """Launches of one spec, and what may take its place: the static choice first."""

    spec: Any
    launches: list[LaunchOp]
    candidates: list[Any]
    timings: list[Timing] = field(default_factory=list)
    measured: bool = False
    failure: str = ""


K = TypeVar("K", bound=Tunable)


def know_times(kernels: Sequence[K], keys: Sequence[str], cache: Cache, measure: Callable[[Sequence[K]], None]) -> None:
    """Fill in timings (or a failure): those that are kept under a kernel's key, and what `measure` finds of others."""
    known = cache.read("timing", keys)
    for kernel, key in zip(kernels, keys, strict=True):
        kernel.timings = from_bytes(known[key], len(kernel.candidates)) if key in known else []
    if missing := [kernel for kernel in kernels if not kernel.timings]:
        measure(missing)
    measured = {key: kernel for key, kernel in zip(keys, kernels, strict=True) if kernel.measured}
    cache.write("timing", {key: to_bytes(kernel.timings) for key, kernel in measured.items()})


def note_results(
    kernels: Sequence[Tunable], results: Iterable[list[Timing] | str], advance: Callable[[], object]
) -> None:
    """What was measured of each, or why it was not, one after the other."""
    for kernel, result in zip(kernels, results, strict=True):
        if isinstance(result, str):
            kernel.failure = result
        else:
            kernel.timings, kernel.measured = result, True
        advance()


def note_failure(kernels: Sequence[Tunable], error: Exception) -> None:
    """Of a candidate of any of them: the static choices may be without fault."""
    for kernel in kernels:
        kernel.failure = str(error).splitlines()[0]


def taken(
    kernels: Sequence[K],
    best: Callable[[K], int],
    take: Callable[[LaunchOp, Any], None],
    tunables: Callable[[Any], dict[str, Any]],
    said: Mapping[str, Any],
) -> Tuned:
    """Let launches `take` the best candidates, and what that comes to. said: how it was measured, fields of `Tuned`."""
    changes: list[Change] = []
    static = tuned = 0.0
    for kernel in (one for one in kernels if one.timings):
        index = best(kernel)
        chosen = kernel.candidates[index]
        before, after = kernel.timings[0].median_ns / 1e3, kernel.timings[index].median_ns / 1e3
        static, tuned = static + before * len(kernel.launches), tuned + after * len(kernel.launches)
        for launch in kernel.launches if index else []:
            take(launch, chosen)
            choices = tunables(kernel.candidates[0]), tunables(chosen)
            changes.append(Change(launch.layer.value, *choices, round(before, 2), round(after, 2)))
    return Tuned(
        kernels=len(kernels),
        measured=sum(kernel.measured for kernel in kernels),
        known=sum(bool(kernel.timings) and not kernel.measured for kernel in kernels),
        layers=sum(len(kernel.launches) for kernel in kernels),
        static_us=round(static, 2),
        tuned_us=round(tuned, 2),
        changes=tuple(changes),
        failures={kernel.launches[0].layer.value: kernel.failure for kernel in kernels if kernel.failure},
        **said,
    )
