"""Code that the processes of one search hand to each other, so that a kernel which one has made is there for all.

A row is an object under a key that says everything it depends on (`cache.py`), so whoever made it, it is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

LIMIT_BYTES = 64 << 20  # an object has 3 kB, seldom 30


class Handed:
    """Rows in the order in which they became known here; the oldest go when they are too many."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes, self.bytes, self.count = limit_bytes, 0, 0
        self.rows: dict[str, tuple[int, bytes]] = {}

    def find(self, keys: Iterable[str]) -> dict[str, bytes]:
        """What is known of `keys`."""
        return {key: self.rows[key][1] for key in keys if key in self.rows}

    def put(self, rows: Mapping[str, bytes]) -> None:
        """These are known, too."""
        for key, row in rows.items():
            if key not in self.rows:
                self.count += 1
                self.rows[key] = self.count, row
                self.bytes += len(row)
        while self.bytes > self.limit_bytes:
            oldest = next(iter(self.rows))
            self.bytes -= len(self.rows.pop(oldest)[1])

    def since(self, count: int) -> dict[str, bytes]:
        """What became known after the first `count` rows; `self.count` is all so far."""
        return {key: row for key, (number, row) in self.rows.items() if number > count}
