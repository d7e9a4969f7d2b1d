"""Keeps what tests launch on the GPU for tests, and what came out: `pytest -p benchmarks.gpu.recorder`.

Every kernel family has tests, so that all of them, with the random programs and the tables of fragments, are recorded
by running them: what a test has found right is what a GPU has to answer. The variable GPU_RECORDS names a folder, into
which each worker writes a file. Launches that end in an error are not kept.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu.records import PTX, Buffer, Launch, Records

FOLDER = "GPU_RECORDS"

_kept = Records()
_now = {"test": ""}


def pytest_sessionstart(session: pytest.Session) -> None:
    """From now on launches are kept."""
    from support.ptx.gpu import Gpu, In, Out  # the path to it is known by now

    plain = Gpu.run

    def run(
        self: Gpu, ptx: str, kernel: str, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any],
        shared_bytes: int = 0,
    ) -> Any:  # fmt: skip
        places = [In(one) if isinstance(one, np.ndarray) else one for one in arguments]
        before = [one if isinstance(one, int) else one.array.tobytes() for one in places]
        counters = plain(self, ptx, kernel, grid, block, arguments, shared_bytes)
        said: list[Buffer | int] = []
        for place, content in zip(places, before, strict=True):
            if isinstance(content, int):
                said.append(content)
            else:
                after = _kept.put(place.array.tobytes()) if isinstance(place, Out) else None
                said.append(Buffer(_kept.put(content), place.start, after))
        code = _kept.put_code({PTX: ptx.encode()})
        _kept.launches.append(
            Launch(_now["test"], code, kernel, tuple(grid), tuple(block), shared_bytes, tuple(said))  # pyright: ignore[reportArgumentType]
        )
        return counters

    Gpu.run = run


def pytest_runtest_setup(item: pytest.Item) -> None:
    _now["test"] = item.nodeid.removeprefix("tests/")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _kept.launches:
        folder = Path(os.environ[FOLDER])
        _kept.save(folder / f"{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}-{os.getpid()}.records")
