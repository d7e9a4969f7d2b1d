"""Code that is handed from process to process: found, told on, and dropped when it is too much."""

from pathlib import Path

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.keep.handed import Handed
from dyadic.compiler.workers import child
from dyadic.compiler.workers.processors import processors


def refuse(message: str) -> None:
    raise AssertionError(message)


def test_what_became_known_since() -> None:
    rows = Handed()
    rows.put({"a": b"1"})
    before = rows.count
    rows.put({"a": b"1", "b": b"2"})
    assert rows.since(before) == {"b": b"2"} and rows.since(0) == {"a": b"1", "b": b"2"}
    assert rows.since(rows.count) == {} and rows.find(["b", "c"]) == {"b": b"2"}


def test_the_oldest_go() -> None:
    rows = Handed(limit_bytes=5)
    for key in "abc":
        rows.put({key: b"12"})
    assert list(rows.since(0)) == ["b", "c"] and rows.bytes == 4


def test_a_cache_knows_the_code_that_was_handed_to_it_and_hands_on_what_it_finds(tmp_path: Path) -> None:
    Cache(tmp_path, refuse).write("code", {"kept": b"1"})
    cache = Cache(tmp_path, refuse, handed=Handed())
    assert cache.handed is not None
    cache.handed.put({"handed": b"2"})
    assert cache.read("code", ["kept", "handed", "unknown"]) == {"kept": b"1", "handed": b"2"}
    assert cache.read("rounding", ["kept", "handed"]) == {}
    cache.write("code", {"made": b"3"})
    cache.write("rounding", {"learned": b"4"})
    assert cache.handed.since(0) == {"handed": b"2", "kept": b"1", "made": b"3"}
    assert Cache(None, handed=cache.handed).read("code", ["made"]) == {"made": b"3"}


def make(argument: str) -> int:
    """A task."""
    Cache(None, handed=child.HANDED).write("code", {argument: b"code"})
    return processors()


def test_a_worker_says_what_it_made_and_not_what_it_was_handed() -> None:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, get_context("fork")) as pool:  # which is a worker from then on
        assert pool.submit(child.compute_with, {"handed": b"row"}, make, [], "mine").result() == (1, {"mine": b"code"})
        assert pool.submit(child.compute_with, {}, make, [], "handed").result() == (1, {})
