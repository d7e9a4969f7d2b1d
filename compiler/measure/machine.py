"""Which machine the figures are of: a time without its machine says nothing."""

from __future__ import annotations

import os
import platform

from dyadic.compiler.report_schema import Machine
from dyadic.runtime.machine import processor_name
from dyadic.runtime.session import Session


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
