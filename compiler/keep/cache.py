"""What compiles keep for the next one: code, timings, ranges, sensitivities, in one SQLite file that several may share.

A row is bytes under a kind and a key that says everything they depend on, the compiler's own source included
(`identity.py`), so nothing is ever out of date, only unused: the least recently used rows go when the file grows too
large. A cache that cannot be read or written is one warning and no cache; it never makes a compile fail.
"""

import hashlib
import json
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from dyadic.compiler.keep.handed import Handed

T = TypeVar("T")
Kind = Literal["code", "timing", "ranges", "sensitivity", "rounding"]

FILE = "cache.sqlite"
LIMIT_BYTES = 512 << 20
KEPT_SHARE = 0.75  # of the limit, once it was reached: so that not every write has to make room
WAIT_SECONDS = 10.0  # for another compile's write
USED_SECONDS = 3600  # how exactly the last use is known: reading need not write each time
TABLE = """
create table if not exists kept (
    kind text, key text, value blob, sha256 blob, bytes integer, used integer, primary key (kind, key)
) without rowid
"""
INDEX = "create index if not exists by_use on kept (used, bytes)"  # has all that making room asks for


def key_of(parts: Mapping[str, Any]) -> str:
    """A key that people can read, too.

    >>> key_of({"threads": 2, "batch": 1})
    '{"batch": 1, "threads": 2}'
    """
    return json.dumps(parts, sort_keys=True)


class Cache:
    """`read` and `write` many rows at a time. Without a folder and `handed` it is always empty.

    handed: code that is known without the file, and hears of what the file knows.
    """

    def __init__(
        self,
        folder: Path | None = None,
        warn: Callable[[str], None] = warnings.warn,
        limit_bytes: int = LIMIT_BYTES,
        handed: Handed | None = None,
    ) -> None:
        self.folder, self.warn, self.limit_bytes, self.handed = folder, warn, limit_bytes, handed

    def read(self, kind: Kind, keys: Iterable[str]) -> dict[str, bytes]:
        """What is known of `keys`. A damaged value counts as unknown."""
        if kind != "code" or self.handed is None:
            return self._read(kind, keys)
        keys = list(keys)
        found = self.handed.find(keys)
        if left := [key for key in keys if key not in found]:
            found |= (read := self._read(kind, left))
            self.handed.put(read)
        return found

    def _read(self, kind: Kind, keys: Iterable[str]) -> dict[str, bytes]:

        def work(file: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            now, seen = int(time.time()), []
            for key in keys:
                rows = file.execute("select value, sha256, used from kept where kind = ? and key = ?", (kind, key))
                for value, digest, used in rows.fetchall():
                    if hashlib.sha256(value).digest() == digest:
                        found[key] = value
                        if now - used > USED_SECONDS:
                            seen.append((now, kind, key))
            if seen:
                with transaction(file):
                    file.executemany("update kept set used = ? where kind = ? and key = ?", seen)
            return found

        return self._with_file(work) or {}

    def write(self, kind: Kind, values: Mapping[str, bytes]) -> None:
        """Keep `values`, and make room if they are too many."""

        def work(file: sqlite3.Connection) -> None:
            now = int(time.time())
            rows = [(kind, key, v, hashlib.sha256(v).digest(), len(v), now) for key, v in values.items()]
            with transaction(file):
                file.executemany("insert or replace into kept values (?, ?, ?, ?, ?, ?)", rows)
                self._make_room(file)

        if kind == "code" and self.handed is not None:
            self.handed.put(values)
        if values:
            self._with_file(work)

    def _make_room(self, file: sqlite3.Connection) -> None:
        (total,) = file.execute("select coalesce(sum(bytes), 0) from kept").fetchone()
        if total <= self.limit_bytes:
            return
        for kind, key, size in file.execute("select kind, key, bytes from kept order by used, bytes desc").fetchall():
            if total <= KEPT_SHARE * self.limit_bytes:
                return
            file.execute("delete from kept where kind = ? and key = ?", (kind, key))
            total -= size

    def _with_file(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` gives; None, after one warning for all, where the file cannot be used."""
        if self.folder is None:
            return None
        path = self.folder / FILE
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(connect(path)) as file:
                return work(file)
        except (sqlite3.Error, OSError) as error:
            self.folder = None
            reason = getattr(error, "strerror", None) or error
            self.warn(
                f"the cache {path} cannot be used ({reason}) and this compile goes on without: "
                "delete the file, or choose another folder with DYADIC_CACHE"
            )
            return None


def connect(path: Path) -> sqlite3.Connection:
    """Every statement is a transaction of its own, but for what `transaction` holds together."""
    file = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    file.execute("pragma auto_vacuum = full")  # heeded where the file is new: deleted rows give their room back
    if file.execute("pragma journal_mode").fetchone() != ("wal",):
        with transaction(file):  # only one of several that find no file makes it
            file.execute(TABLE)
            file.execute(INDEX)
        file.execute("pragma journal_mode = wal")
    file.execute("pragma synchronous = normal")
    return file


@contextmanager
def transaction(file: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; others that write wait."""
    file.execute("begin immediate")
    try:
        yield
    except BaseException:
        file.execute("rollback")
        raise
    file.execute("commit")
