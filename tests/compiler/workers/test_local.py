"""Processes beside this one: the same results, whatever happens to them."""

import operator
import os
import pickle
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dyadic.compiler.workers import local, parcel
from dyadic.compiler.workers.child import write_message
from dyadic.compiler.workers.children import Child, Children
from dyadic.compiler.workers.local import Local
from dyadic.compiler.workers.one_thread import one_thread, openblas
from dyadic.compiler.workers.workers import TRIES, Shared, Workers
from dyadic.runtime.errors import ResourceError, UsageError

NUMBERS = np.arange(6, dtype=np.float32)
FIRST = Shared(NUMBERS, lambda: [NUMBERS], operator.itemgetter(0))


@pytest.fixture(scope="module")
def two() -> Iterator[Local]:
    with Local(2) as workers:
        yield workers


def test_a_parcel_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, items = tmp_path / "it", [{"a": np.arange(5), "b": (np.zeros((0, 3)), "text")}, None, np.ones((3, 3)).T]
    sha256 = parcel.write(path, items)
    first, nothing, last = parcel.read(path)
    assert first["a"].tolist() == [0, 1, 2, 3, 4] and first["b"][0].shape == (0, 3) and first["b"][1] == "text"
    assert nothing is None and last.tolist() == np.ones((3, 3)).tolist()
    first["a"][0] = 7  # nobody else sees it
    assert parcel.read(path)[0]["a"][0] == 0
    assert parcel.write(tmp_path / "again", items) == sha256 != parcel.write(tmp_path / "other", items[:2])


def test_processes_give_what_this_one_gives_in_order(two: Local) -> None:
    done: list[np.ndarray] = []
    wanted = Workers().run(operator.mul, [FIRST], range(20))
    seen = two.run(operator.mul, [FIRST], range(20), done.append)
    assert [one.tolist() for one in seen] == [one.tolist() for one in wanted] and len(done) == 20
    assert two.abreast(1, 0.0) == two.most == 2
    assert os.getpid() not in two.run(
        operator.call, [Shared(os.getpid, lambda: [os.getpid], operator.itemgetter(0))], []
    )


def test_what_a_task_raises_is_raised_here_with_where_it_was(two: Local) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        two.run(operator.truediv, [Shared(1, lambda: [1], operator.itemgetter(0))], [0])
    assert "in a worker" in raised.value.__notes__[0]
    assert two.run(operator.mul, [FIRST], [2])[0].tolist() == (2 * NUMBERS).tolist()  # and the next task is computed


def test_a_worker_that_is_killed_takes_nothing_with_it() -> None:
    children = Children(1)
    future = children.submit(time.sleep, 0.5)
    first = first_of(children)
    time.sleep(0.2)
    os.kill(first.process.pid, signal.SIGKILL)
    assert future.result() is None and first_of(children) is not first
    children.shutdown()


def test_a_task_that_ends_each_worker_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Child] = []
    monkeypatch.setattr("dyadic.compiler.workers.children.Child", lambda: started.append(Child()) or started[-1])
    with Local(2) as workers, pytest.raises(ResourceError, match=r"ended each of the 3 .*SIGKILL.*--workers 1"):
        workers.run(signal.raise_signal, [], [signal.SIGKILL])
    assert len(started) == TRIES and all(child.process.poll() is not None for child in started)


def test_an_interrupt_ends_the_workers() -> None:
    children = Children(1)
    future = children.submit(time.sleep, 60)
    child = first_of(children)
    children.shutdown()
    assert child.process.poll() == -signal.SIGKILL and future.exception() is not None


def test_a_worker_ends_with_who_asked_though_it_is_at_work() -> None:
    child = Child()
    write_message(child.process.stdin, pickle.dumps((time.sleep, (60,), {})))  # pyright: ignore[reportArgumentType]
    time.sleep(0.5)
    child.process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
    assert child.process.wait(10) == 1
    child.end()


def first_of(children: Children) -> Child:
    """The process that there is, once there is one."""
    while not children._alive:
        time.sleep(0.01)
    return next(iter(children._alive))


def test_what_takes_no_time_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "room", lambda: 4)
    workers = Local()
    assert workers.run(operator.mul, [FIRST], [1, 2, 3])[2].tolist() == (3 * NUMBERS).tolist()
    assert workers.children is None and workers.abreast(5, 1.0) == 1 and workers.abreast(5, 10.0) == 4


def test_there_are_no_more_processes_than_processors_or_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(local, "free_bytes", lambda: 10 * (local.resource.getrusage(0).ru_maxrss << 10))
    assert local.room() in (7, 8)
    monkeypatch.setattr(local, "free_bytes", lambda: 0)
    assert local.room() == 1


def test_libraries_have_one_thread_and_then_as_many_as_before() -> None:
    torch = pytest.importorskip("torch")
    before, blas = torch.get_num_threads(), [look() for look, _ in openblas()]
    torch.set_num_threads(2)
    with pytest.raises(UsageError), one_thread():
        assert torch.get_num_threads() == 1 and all(look() == 1 for look, _ in openblas())
        raise UsageError("it")
    assert torch.get_num_threads() == 2 and [look() for look, _ in openblas()] == blas and blas
    torch.set_num_threads(before)
