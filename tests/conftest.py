"""Tests run on every core, keep nothing in the user's cache, and find nothing there.

All workers of a session share one cache folder, so that no kernel is compiled twice. It is gone afterwards, unless
DYADIC_TEST_CACHE names a folder: from there machine code is taken, and there what is new is left for other sessions.
Its keys hold the compiler's own source, so what a change makes different is made anew.

DYADIC_TEST_SEED is the seed of what a nightly run tries besides (`support/effort.py`).
"""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support import forks
from support.effort import SEED

from dyadic.compiler import cost
from dyadic.compiler.keep.cache import FILE, Cache, connect
from dyadic.compiler.measure import measurements
from dyadic.compiler.tune import proof
from dyadic.runtime import timing

# How fast a machine is, or how busy, is no property of what is tested.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

CACHE = "dyadic"  # the folder in XDG_CACHE_HOME


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker a core; none for a file or two, which would be done before workers have started."""
    files = [argument for argument in config.args if ".py" in argument]
    return 0 if len(files) == len(config.args) <= 2 else len(os.sched_getaffinity(0))


@pytest.hookimpl(tryfirst=True)  # before hypothesis looks for its seed
def pytest_configure(config: pytest.Config) -> None:
    """Before workers start, for they and the commands that tests start inherit it."""
    forks.install()
    if hasattr(config, "workerinput"):
        return
    if SEED is not None and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = SEED
    temporary = tempfile.TemporaryDirectory(prefix="dyadic-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(temporary.cleanup)
    folder = Path(temporary.name)
    kept = os.environ.get("DYADIC_TEST_CACHE")
    if kept:
        take_code(Path(kept), folder / CACHE)
        config.add_cleanup(lambda: keep_code(folder / CACHE, Path(kept)))
    os.environ.pop("DYADIC_CACHE", None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every command that a test starts compiles our sources anew
    os.environ["XDG_CACHE_HOME"] = str(folder)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch: other cores have workers, and threads wait by spinning


def pytest_report_header() -> str | None:
    return None if SEED is None else f"DYADIC_TEST_SEED={SEED}"


def take_code(kept: Path, session: Path) -> None:
    """A copy of what other sessions left; they may be writing just now."""
    if (kept / FILE).exists():
        session.mkdir()
        with closing(sqlite3.connect(kept / FILE)) as source, closing(sqlite3.connect(session / FILE)) as copy:
            source.backup(copy)


def keep_code(session: Path, kept: Path) -> None:
    """Of all that the session made, code alone: other tests expect that no timing is known yet."""
    if (session / FILE).exists():
        with closing(connect(session / FILE)) as file:
            made = dict(file.execute("select key, value from kept where kind = 'code'").fetchall())
        cache = Cache(kept)
        cache.write("code", {key: made[key] for key in made.keys() - cache.read("code", made).keys()})


@pytest.fixture(scope="session", autouse=True)
def quick_measurements() -> Iterator[None]:
    """Times are measured, but not well; whoever asks how well says its own numbers."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (cost, "ROUNDS", 2), (cost, "SECONDS", 0.0), (timing, "LEAST_TURNS", 1), (timing, "SECONDS", 0.0),
            (timing, "TURN", 2), (timing, "BEFORE", 1), (measurements, "PEAK_SECONDS", 0.002),
            (proof, "LEAST_ROUNDS", 3), (proof, "LEAST_SECONDS", 0.0),
        ):  # fmt: skip
            patch.setattr(module, name, value)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those marked `last` are behind all others."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test marked `alone` starts when the other workers' tests have ended, and they wait until it has."""
    folder = Path(os.environ["XDG_CACHE_HOME"])
    alone = item.get_closest_marker("alone") is not None
    with (folder / "gate").open("w") as gate, (folder / "running").open("w") as running:
        fcntl.flock(gate, fcntl.LOCK_EX)  # whoever waits for all others keeps new ones out
        fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        return (yield)
