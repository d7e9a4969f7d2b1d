"""A section of constants that the steps of a program share."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from dyadic.dialects.fields import ints
from dyadic.dialects.launch import LaunchOp
from dyadic.runtime.buffers import Reference
from dyadic.runtime.program import SLACK

CONSTANT_ALIGNMENT = 64


class Section:
    """Bytes that several steps may share: equal content is stored once."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.known: dict[bytes, int] = {}

    def put(self, content: Any) -> int:
        """Offset of `content`, -1 for none."""
        array = np.ascontiguousarray(content)
        if array.size == 0:
            return -1
        data = array.tobytes()
        digest = hashlib.sha256(data).digest()
        if digest not in self.known:
            padding = -self.length % CONSTANT_ALIGNMENT
            self.known[digest] = self.length + padding
            self.parts += [bytes(padding), data]
            self.length += padding + len(data)
        return self.known[digest]

    def bytes(self) -> bytes:
        return b"".join([*self.parts, bytes(SLACK)])


def inputs_of(launch: LaunchOp, section: Section) -> tuple[Reference, ...]:
    """What a launch reads; its constant is put into the section."""
    constant = section.put(launch.data("constant"))
    numbers = ints(launch.inputs)
    return tuple(
        Reference(buffer, offset if buffer >= 0 else constant + offset)
        for buffer, offset in zip(numbers[::2], numbers[1::2], strict=True)
    )


def layer_bytes(launches: Iterable[LaunchOp]) -> dict[str, int]:
    """Packed bytes of weights by layer; what layers share is the first one's, as it is stored."""
    total: dict[str, int] = {}
    stored: set[bytes] = set()
    for launch in launches:
        data = launch.data("weights").tobytes()
        total[launch.layer.value] = total.get(launch.layer.value, 0) + len(data) * (data not in stored)
        stored.add(data)
    return total
