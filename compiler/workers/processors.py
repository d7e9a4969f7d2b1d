"""How many processors this process may keep busy: a worker has one, since there is a worker for each."""

from __future__ import annotations

import os

_one = False


def processors() -> int:
    """All that this process may run on, one of them in a worker."""
    return 1 if _one else len(os.sched_getaffinity(0))


def one_processor() -> None:
    """This process is a worker from now on."""
    global _one
    _one = True
