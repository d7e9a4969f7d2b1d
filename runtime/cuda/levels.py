"""Kinds of code for GPUs of NVIDIA: which device runs which.

`sm_80`, `sm_90a` and so on are code for one architecture, `ptx` is PTX that a driver makes code from for every device
since. A cubin runs on devices of its major version that are at least as new; PTX on all that are; of either, what is
for an architecture with a letter behind it, on that one alone.
"""

import re
from collections.abc import Iterable

PORTABLE = "ptx"
PORTABLE_NEEDS = (8, 0)  # what `ptx` is made for
_NAME = re.compile(r"sm_([0-9]{1,3})([0-9])(a?)")


def is_level(name: str) -> bool:
    """Whether it is the name of a kind of code."""
    return name == PORTABLE or _NAME.fullmatch(name) is not None


def needs(level: str) -> tuple[int, int]:
    """The compute capability that code of a level is made for.

    >>> needs("sm_90a"), needs("sm_120"), needs("ptx")
    ((9, 0), (12, 0), (8, 0))
    """
    found = _NAME.fullmatch(level)
    return PORTABLE_NEEDS if found is None else (int(found[1]), int(found[2]))


def runs(level: str, kind: str, capability: tuple[int, int]) -> bool:
    """Whether a device of that compute capability can run code of a level that is `kind`, "ptx" or "cubin".

    >>> [runs("sm_80", kind, (9, 0)) for kind in ("ptx", "cubin")]
    [True, False]
    >>> [runs("sm_90a", "ptx", capability) for capability in ((8, 9), (9, 0), (10, 0))]
    [False, True, False]
    """
    if level.endswith("a"):
        return capability == needs(level)
    return capability >= needs(level) and (kind == "ptx" or capability[0] == needs(level)[0])


def architecture(capability: tuple[int, int]) -> str:
    """The name of a device's architecture.

    >>> architecture((8, 6))
    'sm_86'
    """
    return f"sm_{capability[0]}{capability[1]}"


def ordered(levels: Iterable[str]) -> list[str]:
    """Best first for whichever device runs several of them: what is made for a newer one, `ptx` last.

    >>> ordered(["ptx", "sm_80", "sm_90a"])
    ['sm_90a', 'sm_80', 'ptx']
    """
    return sorted(levels, key=lambda level: (level != PORTABLE, *needs(level), level), reverse=True)
