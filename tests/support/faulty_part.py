"""A part of a run on a GPU whose items answer, die or hang, and a child that works on it; needs no GPU."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu import parts
from benchmarks.gpu.parts import Part

ITEMS = "items.json"


def begin(folder: Path) -> Callable[[str], dict[str, Any]]:
    def answer(item: str) -> dict[str, Any]:
        if item.startswith("dies"):
            print("what it said", flush=True)
            os._exit(3)
        if item == "hangs":
            time.sleep(60)
        return {"item": item}

    return answer


def part(folder: Path, *, item_seconds: float = 30, failures: int = 12) -> Part:
    """Its items are those of a file in the folder."""
    return Part("faulty", lambda of: json.loads((of / ITEMS).read_text()), begin, 60, item_seconds, failures)


if __name__ == "__main__":
    where, first, said = sys.argv[1:]
    parts.work(part(Path(where)), Path(where), int(first), Path(said))
