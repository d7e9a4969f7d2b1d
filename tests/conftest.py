"""Tests run on every core, keep nothing in the user's cache, and find nothing there.

All workers of a session share one cache folder, so that no kernel is compiled twice. It is gone afterwards, unless
DYADIC_TEST_CACHE names a folder: there machine code stays for the next session, and nothing else does. The keys hold
the compiler's own source, so code that a change makes different is made anew.
"""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

LOCKS = "locks"  # a folder beside the cache: see `pytest_runtest_protocol`


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker a core; none for a file or two, which would be done before workers have started."""
    files = [argument for argument in config.args if ".py" in argument]
    return 0 if len(files) == len(config.args) <= 2 else len(os.sched_getaffinity(0))


def pytest_configure(config: pytest.Config) -> None:
    """Before workers start, for they and the commands that tests start inherit it."""
    if hasattr(config, "workerinput"):
        return
    kept = os.environ.get("DYADIC_TEST_CACHE")
    if kept:
        folder = os.path.abspath(kept)
        forget_all_but_code(Path(folder) / "dyadic" / "cache.sqlite")
    else:
        temporary = tempfile.TemporaryDirectory(prefix="dyadic-tests-")
        config.add_cleanup(temporary.cleanup)
        folder = temporary.name
    os.makedirs(os.path.join(folder, LOCKS), exist_ok=True)
    os.environ.pop("DYADIC_CACHE", None)
    os.environ["XDG_CACHE_HOME"] = folder
    if (config.getoption("numprocesses") or 0) > 1:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's threads: the other cores have workers of their own


def forget_all_but_code(file: Path) -> None:
    """Tests of timings and ranges expect that nobody knows them yet."""
    if file.exists():
        with closing(sqlite3.connect(file)) as kept, kept:
            kept.execute("delete from kept where kind <> 'code'")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test marked `alone` starts when the other workers' tests have ended, and they wait until it has."""
    folder = Path(os.environ["XDG_CACHE_HOME"], LOCKS)
    alone = item.get_closest_marker("alone") is not None
    with (folder / "gate").open("w") as gate, (folder / "running").open("w") as running:
        fcntl.flock(gate, fcntl.LOCK_EX)  # whoever waits for all others keeps new ones out
        fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        return (yield)
