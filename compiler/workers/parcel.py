"""What all tasks of a batch read, in one file: written once as it goes by, mapped by every worker that reads it.

A file is a row of items: each a pickle whose arrays lie beside it, at multiples of 64 bytes, so that reading copies
nothing and workers of one machine share the memory. It is made by this process for its own workers, and never read from
anywhere else: a pickle is a program.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ALIGNMENT = 64


def write(path: Path, items: Iterable[object]) -> str:
    """Write the items one by one, so that they need not be in memory together; the file's SHA-256."""
    digest, position = hashlib.sha256(), 0
    with path.open("wb") as file:

        def put(content: bytes | memoryview) -> tuple[int, int]:
            nonlocal position
            for piece in (bytes(-position % ALIGNMENT), content):
                file.write(piece)
                digest.update(piece)
                position += len(piece)
            return position - len(content), len(content)

        index = []
        for item in items:
            arrays: list[pickle.PickleBuffer] = []
            text = pickle.dumps(item, 5, buffer_callback=arrays.append)
            index.append([put(text), *(put(array.raw()) for array in arrays)])
        _, length = put(json.dumps(index).encode())
        put(length.to_bytes(ALIGNMENT, "little"))
    return digest.hexdigest()


def read(path: Path) -> list[Any]:
    """The items. Their arrays can be written to, which changes the file for nobody."""
    with path.open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), os.fstat(file.fileno()).st_size, access=mmap.ACCESS_COPY))
    end = len(whole) - ALIGNMENT
    length = int.from_bytes(whole[end:], "little")
    start = (end - length) // ALIGNMENT * ALIGNMENT
    index = json.loads(bytes(whole[start : start + length]))
    items = []
    for (at, size), *arrays in index:
        items.append(pickle.loads(whole[at : at + size], buffers=[whole[a : a + n] for a, n in arrays]))
    return items
