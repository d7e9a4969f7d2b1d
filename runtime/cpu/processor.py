"""What makes a processor as fast as it is, as the system tells it."""

from functools import cache
from pathlib import Path
from typing import Any

from dyadic.runtime.cpu import levels
from dyadic.runtime.machine import PROCESSOR

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
LEVEL_TWO_BYTES = 2 << 20


@cache
def processor(level: str) -> dict[str, Any]:
    """What makes the processor as fast as it is, for code of a level."""
    lines = PROCESSOR.read_text(encoding="utf-8").split("\n\n")[0].splitlines() if PROCESSOR.exists() else []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    names = ("vendor_id", "cpu family", "model", "model name", "stepping")
    caches = [" ".join(read(index / name) for name in ("level", "type", "size")) for index in sorted(CACHES.glob("i*"))]
    features = sorted(levels.BY_NAME[level].needs & levels.features())
    return {name: said.get(name, "") for name in names} | {"features": features, "caches": caches}


def level_two_bytes() -> int:
    """The size of one processor's second level of cache; a guess where the system does not say."""
    sizes = [read(index / "size") for index in CACHES.glob("i*") if read(index / "level") == "2"]
    return int(sizes[0].removesuffix("K")) << 10 if sizes else LEVEL_TWO_BYTES


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
