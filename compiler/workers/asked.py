"""What users say of who computes, read and checked; no cluster is looked for here."""

from __future__ import annotations

import re
from typing import Any

from dyadic.runtime.errors import UsageError

ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://\S+:\d{1,5}")
FORM = "the address of a Dask scheduler as tcp://host:8786"
METHODS = ("submit", "scatter", "run", "nthreads")  # of a `distributed.Client`, which need not be installed to say no


def a_cluster(name: str, value: Any) -> Any:
    """An address, or a client."""
    if isinstance(value, str):
        if not ADDRESS.fullmatch(value):
            raise UsageError(f"--{name} takes {FORM}, not {value!r}")
    elif value is not None and not all(hasattr(value, method) for method in METHODS):
        raise UsageError(f"--{name} takes {FORM}, in Python also a distributed.Client, not {value!r}")
    return value


def check_cluster(searching: bool, workers: int | None) -> None:
    """That there is something to compute, and nobody else who is to compute it."""
    if not searching:
        raise UsageError(
            "--cluster computes what a search for widths tries, and nothing is searched for: give a limit as "
            "--max-drop 1%, or leave --cluster out"
        )
    if workers is not None:
        raise UsageError("--workers are processes of this machine, --cluster has its own: leave one of them out")
