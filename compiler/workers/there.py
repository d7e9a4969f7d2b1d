"""What a worker of a Dask cluster does with a task: a process beside it computes, one task after the other.

A worker samples itself a hundred times a second and talks to the scheduler in threads of its own, which took an eighth
of a task's time. The process beside it has none of that, and ends when the worker does; the worker itself imports
nothing heavy.
"""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dyadic.compiler.workers import child
from dyadic.compiler.workers.children import Child, Ended
from dyadic.compiler.workers.identity import difference, identity
from dyadic.compiler.workers.workers import TRIES, Sent
from dyadic.runtime.errors import MachineError, ResourceError

_turn = threading.Lock()
_child: Child | None = None


def message(handed: Mapping[str, bytes], task: Callable[..., Any], sent: Sequence[Sent], argument: object) -> bytes:
    """One task, as `compute_there` takes it."""
    return pickle.dumps((identity(), handed, task, sent, argument), 5)


def compute_there(asked: bytes, names: Sequence[str], *blobs: bytes) -> bytes | list[str]:
    """A pickle of what a task gives and of the code that it made; or the names of blobs that it reads, which are
    neither given nor there since an earlier task.

    Raises what the task raises; MachineError where the worker joined late and has other versions; ResourceError where
    the task ended every process that computed it.
    """
    with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
        while isinstance(reply := ask(in_child, asked, folder), list) and blobs:
            for name, blob in zip(names, blobs, strict=True):
                if name in reply:
                    Path(folder, name).write_bytes(blob)
        return reply


def identity_there() -> dict[str, str]:
    """What results depend on where a worker is."""
    return ask(identity)


def ask(function: Callable[..., Any], *args: Any) -> Any:
    """What a function gives in the process beside this one."""
    global _child
    asked, how = pickle.dumps((function, args, {}), 5), ""
    with _turn:
        for _ in range(TRIES):
            _child = _child or Child()
            try:
                return _child.ask(asked)
            except Ended as ended:
                _child, how = None, str(ended)
    raise ResourceError(
        f"--cluster: a task of the search ended each of the {TRIES} processes that computed it on a worker ({how}); "
        "workers with more memory may compute it"
    )


def in_child(asked: bytes, folder: str) -> bytes | list[str]:
    """The reply, or the names of what has to be in the folder first."""
    wanted, handed, task, sent, argument = pickle.loads(asked)
    mine = identity()
    if other := [name for name in wanted if mine[name] != wanted[name]]:
        raise MachineError(f"--cluster: a worker that joined late {difference(other, mine, wanted)}")
    here = [replace(one, path=Path(folder, one.sha256)) for one in sent]
    if missing := [one.sha256 for one in here if not child.is_open(one) and not one.path.exists()]:
        return missing
    return pickle.dumps(child.compute_with(handed, task, here, argument), 5)
