"""What users say of who computes and who measures, read and checked; nobody is looked for here."""

from __future__ import annotations

import re
from typing import Any

from dyadic.runtime.agent_frames import address_of
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


def an_agent(name: str, value: Any) -> str | None:
    """An address."""
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return None
    if not isinstance(value, str):
        raise UsageError(f"{flag} takes host:port, as board:7878, not {value!r}")
    address_of(value, flag)
    return value


def check_agent(target: str, tune: str, *, measured: bool) -> None:
    """That there is something for an agent to measure."""
    if not measured:
        raise UsageError("--measure-on says where times are taken, and none are: leave --no-measure or it out")
    if target != "cpu":
        raise UsageError(f"--measure-on takes times of processors, the artifact is for {target} first: leave one out")
    if tune != "off":
        raise UsageError(
            "--tune tries kernels on this machine, and --measure-on says that another one will run the artifact: leave "
            "--tune out here, or compile there"
        )
