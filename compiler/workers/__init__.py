"""Who computes the tasks of a search: this process, processes beside it, or a Dask cluster; no network is known here.

workers.py     the interface; this process            one_thread.py  why it makes no difference who computes
local.py       processes beside this one              child.py       what a worker does with a task
children.py    how they are started and spoken to     parcel.py      what all tasks of a batch read, in one file
cluster.py     dask.distributed                       identity.py    whether a worker would give the same bits
there.py       what its workers do with a task
asked.py       what users say of it                   processors.py  a worker has one
memory.py      a worker keeps what it frees           process.py    how one is started and ended
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.workers.local import Local
from dyadic.compiler.workers.workers import Workers

__all__ = ["Workers", "make_workers"]


def make_workers(cluster: Any, count: int | None, warn: Callable[[str], object], cache: Cache) -> Workers:
    """By what the options say; no process is started before there is a task, but a cluster is looked for at once.

    cluster: the address of a scheduler, or a client of one; None for processes beside this one, `count` of them. cache:
    what is known here; processes beside this one read the same, those of a cluster are told.
    """
    if cluster is None:
        return Local(count)
    from dyadic.compiler.workers.cluster import Cluster

    return Cluster(cluster, warn, cache)
