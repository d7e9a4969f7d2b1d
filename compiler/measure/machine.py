"""Which machine the figures are of: a time without its machine says nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from dyadic.compiler.report_schema import Machine
from dyadic.runtime.session import Session

PROCESSOR = Path("/proc/cpuinfo")
NAMED = ("model name", "Hardware", "cpu model")  # by x86, some of Arm's, others


def this_machine(session: Session, instead_of: str | None = None) -> Machine:
    """As a session sees it. instead_of: targets whose code it could not run."""
    return Machine(
        processor=processor_name(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.machine()}",
        level=session.isa,
        device=session.device_name or None,
        instead_of=instead_of,
    )


def processor_name() -> str:
    """In its maker's words, else the kind of machine."""
    lines = PROCESSOR.read_text(encoding="utf-8").splitlines() if PROCESSOR.exists() else []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return " ".join(next((said[name] for name in NAMED if said.get(name)), platform.machine()).split())
