"""What a machine can do: instruction set levels, what each needs, and what this processor has.

An artifact holds code for one or more levels; the best one that this machine has is used, unless a level is forced by
`isa=` or the environment variable DYADIC_ISA. All levels give the same bits.
"""

import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from dyadic.runtime.errors import MachineError, UsageError
from dyadic.runtime.wording import known_names

_V3 = frozenset("sse3 ssse3 sse4.1 sse4.2 popcnt movbe lzcnt bmi bmi2 avx avx2 f16c fma".split())
_V4 = _V3 | frozenset("avx512f avx512bw avx512cd avx512dq avx512vl".split())


@dataclass(frozen=True)
class Level:
    """`needs` are the processor features without which the code must not run, `llvm_*` what code is generated for."""

    name: str
    needs: frozenset[str]
    llvm_cpu: str
    llvm_features: str


# Best first.
LEVELS = (
    Level(
        "amx",
        _V4 | {"avx512vnni", "amx-tile", "amx-int8"},
        "x86-64-v4",
        "+avx512vnni,+amx-tile,+amx-int8,-prefer-256-bit",
    ),
    Level("avx512vnni", _V4 | {"avx512vnni"}, "x86-64-v4", "+avx512vnni,-prefer-256-bit"),
    Level("avxvnni", _V3 | {"avxvnni"}, "x86-64-v3", "+avxvnni"),
    Level("avx2", _V3, "x86-64-v3", ""),
    Level("x86-64", frozenset({"sse2"}), "x86-64", ""),
)
BY_NAME = {level.name: level for level in LEVELS}
PORTABLE = LEVELS[-1].name  # what every machine runs; small rather than fast


@cache
def features() -> frozenset[str]:
    """What this processor has and its operating system saves, under LLVM's names."""
    from dyadic.runtime import native

    return native.cpu_features()


def usable() -> tuple[str, ...]:
    """The levels that this machine can run, best first."""
    return tuple(level.name for level in LEVELS if _runs(level))


def _runs(level: Level) -> bool:
    """The processor has what the level needs, and the operating system gives leave."""
    return level.needs <= features() and not _refusal(level.name)


def _refusal(level: str) -> int:
    """Linux must be asked for AMX, once a process, and may refuse (an old kernel, a sandbox): its errno, or 0."""
    if level != "amx":
        return 0
    from dyadic.runtime import native

    return native.library().dyadic_request_amx()


def choose(present: Collection[str], isa: str | None = None) -> str:
    """The level to run of those `present` in an artifact: the forced one, or the best that this machine has."""
    asked = f"the level '{isa}' was asked for"  # by a keyword or an option
    if isa is None and (isa := os.environ.get("DYADIC_ISA") or None):
        asked = f"the environment variable DYADIC_ISA asks for '{isa}'"
    have = ", ".join(name for name in BY_NAME if name in present) or "none"
    if isa is not None:
        if isa not in BY_NAME:
            raise UsageError(f"{asked}, but there is none of that name{known_names(isa, BY_NAME, len(BY_NAME))}")
        if isa not in present:
            raise UsageError(f"{asked}, but the artifact holds code for {have} only")
        if missing := BY_NAME[isa].needs - features():
            raise MachineError(
                f"{asked}, but this processor or its operating system lacks {_list(missing)}; "
                f"it can run {', '.join(usable())}"
            )
        return isa
    for level in LEVELS:
        if level.name in present and _runs(level):
            if level.name == PORTABLE and len(present) > 1 and usable()[0] != PORTABLE:
                warnings.warn(
                    f"the artifact holds code for {have}, of which this machine can run {PORTABLE} alone, small rather "
                    f"than fast: compile it with --isa {usable()[0]},{PORTABLE}, or here",
                    RuntimeWarning,
                    stacklevel=2,
                )
            return level.name
    lacking = [
        f"{name} needs {_list(BY_NAME[name].needs - features()) or 'leave of the operating system'}"
        for name in BY_NAME
        if name in present
    ]
    raise MachineError(
        f"this machine cannot run the artifact, which holds code for {have} only ({'; '.join(lacking)}); "
        "compile it again with --isa x86-64 or on this machine"
    )


def prepare(level: str) -> None:
    """Ask the operating system for what a level needs beyond instructions."""
    if failure := _refusal(level):
        raise MachineError(f"the operating system refuses the AMX tile registers: {os.strerror(failure)}")


def _list(missing: Collection[str]) -> str:
    return ", ".join(sorted(missing))
