"""Launches of kernels and what they have to answer, in one file. Needs numpy alone, on both sides.

The file, packed: 8 bytes, the length of an index as JSON; the index; then blobs, each once, by their SHA-256. All is
packed as one, since kernels of a family are nearly the same text.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.packed import packed, unpacked

PTX, CUBIN = "ptx", "cubin"


@dataclass(frozen=True)
class Buffer:
    """Memory that a kernel is given the place of byte `start` of: its content, and what is there afterwards (None: a
    kernel does not write it), both names of blobs."""

    content: str
    start: int = 0
    result: str | None = None


@dataclass(frozen=True)
class Launch:
    """One launch. `test` says whose; `code` is a key of `Records.codes`; arguments are buffers and 32-bit numbers."""

    test: str
    code: str
    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared_bytes: int
    arguments: tuple[Buffer | int, ...]

    def to_json(self) -> list[Any]:
        said = [one if isinstance(one, int) else [one.content, one.start, one.result] for one in self.arguments]
        return [self.test, self.code, self.kernel, [*self.grid], [*self.block], self.shared_bytes, said]

    @staticmethod
    def from_json(said: list[Any]) -> "Launch":
        test, code, kernel, grid, block, shared_bytes, arguments = said
        every = tuple(one if isinstance(one, int) else Buffer(*one) for one in arguments)
        return Launch(test, code, kernel, tuple(grid), tuple(block), shared_bytes, every)


@dataclass
class Records:
    """`codes` has blobs of the same kernels by kind (PTX text, perhaps a cubin); `said` is whatever else is known."""

    launches: list[Launch] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def put(self, content: bytes) -> str:
        """The name of a blob with that content."""
        name = hashlib.sha256(content).hexdigest()[:24]
        self.blobs.setdefault(name, content)
        return name

    def put_code(self, kinds: Mapping[str, bytes]) -> str:
        """The key of code that there is in these kinds."""
        made = {kind: self.put(content) for kind, content in kinds.items()}
        key = made.get(PTX) or next(iter(made.values()))
        self.codes.setdefault(key, {}).update(made)
        return key

    def blob(self, name: str) -> bytes:
        return self.blobs[name]

    def save(self, path: Path) -> None:
        places, at = {}, 0
        for name, content in self.blobs.items():
            places[name] = [at, len(content)]
            at += len(content)
        launches = [one.to_json() for one in self.launches]
        index = json.dumps({"launches": launches, "codes": self.codes, "said": self.said, "blobs": places}).encode()
        path.write_bytes(packed(b"".join([len(index).to_bytes(8, "little"), index, *self.blobs.values()])))

    @staticmethod
    def load(path: Path) -> "Records":
        data = unpacked(path.read_bytes())
        start = 8 + int.from_bytes(data[:8], "little")
        index = json.loads(data[8:start])
        blobs = {name: data[start + at : start + at + size] for name, (at, size) in index["blobs"].items()}
        return Records([Launch.from_json(one) for one in index["launches"]], index["codes"], index["said"], blobs)


def joined(every: Iterable[Records]) -> Records:
    """All of them as one."""
    total = Records()
    for one in every:
        total.launches += one.launches
        total.blobs |= one.blobs
        for key, kinds in one.codes.items():
            total.codes.setdefault(key, {}).update(kinds)
        total.said |= one.said
    return total
