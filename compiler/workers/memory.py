"""What a task frees is kept for the next array, as glibc does by itself where nobody says otherwise.

Dask starts its workers with MALLOC_TRIM_THRESHOLD_, by which glibc asks the system for every larger array anew, page by
page: learning roundings took twice as long.
"""

from __future__ import annotations

import ctypes
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
SINGLE_BYTES = 32 << 20  # the most that glibc itself would come to; larger arrays go back to the system at once
FREE_BYTES = 256 << 20  # at the end of the heap before it is trimmed


@cache
def keep_freed_memory() -> bool:
    """Of this process from now on; False where the C library has no such thing to say."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    return bool(library.mallopt(M_MMAP_THRESHOLD, SINGLE_BYTES) and library.mallopt(M_TRIM_THRESHOLD, FREE_BYTES))
