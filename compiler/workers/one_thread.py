"""Tasks compute floats with one thread, wherever they run: how a sum is split decides its last bits.

So a plan does not depend on how many processors whoever computed it has. Workers are as many as there are processors;
none of those is idle for it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

MAPS = Path("/proc/self/maps")
# what the libraries of numpy's and scipy's wheels, and of distributions, call these two
NAMES = [f"{before}openblas_{{}}_num_threads{after}" for before in ("scipy_", "") for after in ("64_", "")]


@contextmanager
def one_thread() -> Iterator[None]:
    """Of torch, where it is loaded, and of OpenBLAS, which numpy's matrix products are; as before at the end."""
    found = openblas()
    if (torch := sys.modules.get("torch")) is not None:
        found = [*found, (torch.get_num_threads, torch.set_num_threads)]
    before = [(change, look()) for look, change in found]
    for change, _ in before:
        change(1)
    try:
        yield
    finally:
        for change, count in before:
            change(count)


@cache
def openblas() -> list[tuple[Callable[[], int], Callable[[int], object]]]:
    """How the thread counts of every OpenBLAS in this process are read and changed."""
    import numpy.linalg  # noqa: F401  (loads its own)

    lines = MAPS.read_text(encoding="utf-8", errors="replace").splitlines() if MAPS.exists() else []
    found = []
    for path in sorted({line.split(maxsplit=5)[-1] for line in lines if "openblas" in line}):
        library = ctypes.CDLL(path)
        for name in NAMES:
            if hasattr(library, name.format("set")) and hasattr(library, name.format("get")):
                found.append((getattr(library, name.format("get")), getattr(library, name.format("set"))))
                break
    return found
