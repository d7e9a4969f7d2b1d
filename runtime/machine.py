"""What the system says of the machine that this runs on."""

import platform
from pathlib import Path

PROCESSOR = Path("/proc/cpuinfo")
NAMED = ("model name", "Hardware", "cpu model")  # by x86, some of Arm's, others


def processor_name() -> str:
    """In its maker's words, else the kind of machine."""
    lines = PROCESSOR.read_text(encoding="utf-8").splitlines() if PROCESSOR.exists() else []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return " ".join(next((said[name] for name in NAMED if said.get(name)), platform.machine()).split())
