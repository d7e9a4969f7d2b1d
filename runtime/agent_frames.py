"""What a measuring agent and a compile say to each other, and how each knows that it is the other.

    agent      MAGIC, 32 random bytes: the challenge of this connection
    compile    a header, then the files that it names
    agent      a header: the answer

A header is its length (4 bytes, little endian), JSON, and HMAC-SHA256 of challenge, direction and JSON under the shared
key. A challenge is used once, so that nothing which was heard before is worth anything. Files are in the request's
header by size and SHA-256, so that its signature is theirs. No length is believed beyond its limit, and whole messages
have to arrive within a time: half a request, or one without end, ends by itself. Nothing is encrypted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dyadic.runtime.errors import FileError, UsageError

MAGIC = b"dyadic-agent-1\r\n"
FORMAT = 1  # of requests and answers
CHALLENGE = 32  # bytes
SIGNATURE = 32
MOST_HEADER, MOST_REQUEST = 16 << 20, 1 << 20  # bytes; an answer has a time for every layer
MOST_FILES, MOST_FILE = 64, 4 << 30
PIECE = 1 << 20
HEADER_SECONDS = 10.0
LEAST_BYTES_A_SECOND = 256 << 10  # of files
LEAST_KEY = 32  # bytes
ASKING, ANSWERING = b"request", b"answer"


class Refused(Exception):
    """Not from who has the key, or not what was signed: one sentence."""


@dataclass(frozen=True)
class Link:
    """One connection; every wait on it ends. `challenge` is the agent's."""

    socket: socket.socket
    key: bytes
    challenge: bytes

    def send(self, direction: bytes, said: dict[str, Any], files: Sequence[Path] = ()) -> None:
        """A signed header, and the files."""
        if files:
            named = [{"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in files]
            said = said | {"files": named}
        text = json.dumps(said).encode()
        self.socket.sendall(len(text).to_bytes(4, "little") + text + self.signature(direction, text))
        for path in files:
            with path.open("rb") as file:
                self.socket.sendfile(file)

    def receive(self, direction: bytes, seconds: float | None = None, most: int = MOST_HEADER) -> dict[str, Any]:
        """A header, once it is known to be signed; seconds: by when it has to be here, else in HEADER_SECONDS.

        Raises:
            Refused: it is not, or is too long.
            TimeoutError, EOFError: it did not arrive.
        """
        end = time.monotonic() + (HEADER_SECONDS if seconds is None else seconds)
        length = int.from_bytes(self.exactly(4, end), "little")
        if length > most:
            raise Refused(f"a message of {length:,} bytes is longer than the {most:,} that one may have")
        text, signature = self.exactly(length, end), self.exactly(SIGNATURE, end)
        if not hmac.compare_digest(signature, self.signature(direction, text)):
            raise Refused("it is not signed with the agent's key")
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise Refused("what is signed is no message")
        return said

    def receive_file(self, named: Any, into: BinaryIO) -> None:
        """A file of the size and content that a header has named."""
        size = named.get("bytes") if isinstance(named, dict) else None
        if not isinstance(size, int) or not 0 <= size <= MOST_FILE:
            raise Refused(f"a file has no size, or more than {MOST_FILE:,} bytes")
        seen, end = hashlib.sha256(), time.monotonic() + HEADER_SECONDS + size / LEAST_BYTES_A_SECOND
        for piece in self.pieces(size, end):
            seen.update(piece)
            into.write(piece)
        if not hmac.compare_digest(seen.hexdigest(), str(named.get("sha256"))):
            raise Refused("a file is not the one that was signed")

    def pieces(self, size: int, end: float) -> Iterator[bytes]:
        """So many bytes, as they come."""
        while size:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            piece = self.socket.recv(min(size, PIECE))
            if not piece:
                raise EOFError
            size -= len(piece)
            yield piece

    def exactly(self, size: int, end: float) -> bytes:
        return b"".join(self.pieces(size, end))

    def signature(self, direction: bytes, text: bytes) -> bytes:
        return hmac.digest(self.key, self.challenge + direction + b"\n" + text, "sha256")


def read_key(path: Path, what: str) -> bytes:
    """The key in a file that nobody else can read. what: the option that names it.

    Raises:
        FileError: it cannot be read.
        UsageError: it is too short, or others can read it.
    """
    try:
        key = path.read_bytes().strip()
        mode = path.stat().st_mode
    except OSError as error:
        raise FileError(f"{what} {path} cannot be read: {error.strerror}") from None
    if len(key) < LEAST_KEY:
        raise UsageError(
            f"{what} {path} holds {len(key)} bytes, a key has {LEAST_KEY} or more: make one with "
            "`python -m dyadic.runtime.agent --make-key FILE`"
        )
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError(
            f"{what} {path} can be read by others, and whoever has the key runs programs: chmod 600 {path}"
        )
    return key


def make_key(path: Path) -> None:
    """A new key in a new file that nobody else can read. Raises FileError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(os.urandom(LEAST_KEY).hex() + "\n")
    except OSError as error:
        raise FileError(f"--make-key {path} cannot be written: {error.strerror}") from None


def address_of(text: str, what: str) -> tuple[str, int]:
    """Host and port.

    >>> address_of("board:7878", "--listen"), address_of("[::1]:7878", "--listen")
    (('board', 7878), ('::1', 7878))
    """
    host, found, port = text.rpartition(":")
    if not found or not host or not port.isdecimal() or not 0 < int(port) < 1 << 16 or "/" in host:
        raise UsageError(f"{what} takes host:port, as board:7878, not {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
