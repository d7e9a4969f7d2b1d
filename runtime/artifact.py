"""The `.dyq` file: written whole or not at all, checked before anything in it is used.

    0   8 bytes    magic, whose last byte is the format version
    8   8 bytes    length of the header, little endian
    16  32 bytes   SHA-256 of the 16 bytes before and the header
    48  header     JSON: total size, sections (name, offset, length, sha256), program, entries, made
    then, at the next multiple of 4096, the sections, 64-byte aligned, code at multiples of 4096; zeros between them and
    at least 64 zeros at the end. Section offsets count from the start of the first section.

Sections: `qi` (integer IR, MLIR bytecode), `code/<level>` (a flat image), `weights`, `params`, and JSON: `report`,
`certificate`. There is nothing to unpack and nothing executable outside the code, and no pickle anywhere.
"""

import contextlib
import hashlib
import json
import mmap
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from dyadic.runtime.atomic_file import replacing
from dyadic.runtime.errors import ArtifactError, FileError, ResourceError
from dyadic.runtime.program import ALIGNMENT, SLACK, Program

FORMAT = 3
MAGIC = b"\x89DYQ\r\n\x1a" + bytes([FORMAT])
PREAMBLE = 48
CODE_ALIGNMENT = 4096
MAX_HEADER_BYTES = 64 << 20

Verify = Literal["all", "code"]


class Entry(NamedTuple):
    """A kernel in a code image, and the layers that it computes."""

    offset: int
    length: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    name: str
    offset: int  # in the file
    length: int
    sha256: str


Entries = Mapping[str, Mapping[str, Entry]]  # level -> symbol -> entry


def _align(value: int, to: int) -> int:
    return -(-value // to) * to


def _alignment(name: str) -> int:
    return CODE_ALIGNMENT if name.startswith("code/") else ALIGNMENT


# --- writing


def write(
    path: str | os.PathLike[str],
    *,
    program: Program,
    entries: Entries,
    sections: Mapping[str, Any],
    made: Mapping[str, Any],
) -> int:
    """Write an artifact and return its size in bytes.

    `sections` maps names to bytes-like objects, or to dicts and lists that are written as JSON; there must be
    `weights`, `params` and one `code/<level>` for each level of `entries`, which says where each of the program's
    kernels lies in it. `made` is the JSON record of how it was made. The file appears under its name complete and
    synced, or not at all: whatever happens before leaves an old file as it was.
    """
    contents = {name: _as_bytes(value) for name, value in sections.items()}
    offset, table = 0, []
    for name, content in contents.items():
        offset = _align(offset, _alignment(name))
        table.append(
            {"name": name, "offset": offset, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        )
        offset += len(content)
    data_bytes = _align(offset + SLACK, ALIGNMENT)
    header = {
        "data_bytes": data_bytes,
        "sections": table,
        "program": program.to_json(),
        "entries": {level: {symbol: list(e) for symbol, e in kernels.items()} for level, kernels in entries.items()},
        "made": dict(made),
    }
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    # Reads it back as a stranger would: what cannot be loaded is not written.
    _parse_header(text, data_bytes + _align(PREAMBLE + len(text), CODE_ALIGNMENT))
    preamble = MAGIC + len(text).to_bytes(8, "little")
    preamble += hashlib.sha256(preamble + text).digest()

    start = _align(PREAMBLE + len(text), CODE_ALIGNMENT)
    with replacing(path) as file:
        position = 0

        def put(content: memoryview | bytes, at: int) -> None:
            nonlocal position
            for piece in (bytes(at - position), content):
                view = memoryview(piece)
                while view:
                    view = view[os.write(file, view) :]
            position = at + len(content)

        put(preamble, 0)
        put(text, PREAMBLE)
        for section in table:
            put(contents[section["name"]], start + section["offset"])
        put(b"", start + data_bytes)
    return start + data_bytes


def _as_bytes(value: Any) -> memoryview:
    if isinstance(value, dict | list):
        value = json.dumps(value, allow_nan=False, indent=1).encode()
    return memoryview(value).cast("B")


# --- reading


class ArtifactFile:
    """An open, checked artifact. Everything is read from one descriptor, so what was checked is what is used, as long
    as nobody writes into the file in the meantime; with `copy` it is a copy of the file that nobody else knows."""

    def __init__(self, path: str | os.PathLike[str], verify: Verify = "all", *, copy: bool = False) -> None:
        self.path = os.fspath(path)
        self.file, self.bytes = _open_regular(self.path)
        self._map: mmap.mmap | None = None
        try:
            if copy:
                private = _copied(self.file, self.bytes)
                os.close(self.file)
                self.file = private
            if self.bytes < PREAMBLE:
                raise ArtifactError(f"it has {self.bytes} bytes, too few for an artifact")
            self._map = mmap.mmap(self.file, 0, access=mmap.ACCESS_READ)
            self._data = memoryview(self._map)
            text = _read_header(self._data)
            self.digest = bytes(self._data[16:PREAMBLE]).hex()  # of the header, which has those of all sections
            self.program, self.entries, self.made, self.sections = _parse_header(text, self.bytes)
            self._check_gaps(PREAMBLE + len(text))
            self._verified: set[str] = set()
            for name in self.sections:
                if verify == "all" or name.startswith("code/") or name == "params":
                    self._verify(name)
        except ArtifactError as error:
            self.close()
            raise ArtifactError(f"'{self.path}' cannot be used: {error}; compile the model again") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "ArtifactFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._map is not None:
            self._data.release()
            # A section that someone still looks at keeps the mapping; it goes with the last view.
            with contextlib.suppress(BufferError):
                self._map.close()
            self._map = None
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(self.entries)

    def section(self, name: str) -> memoryview:
        """A section's bytes, verified; valid also after close."""
        if name not in self.sections:
            raise ArtifactError(f"'{self.path}' has no section '{name}'; it has {', '.join(self.sections)}")
        if name not in self._verified:
            try:
                self._verify(name)
            except ArtifactError as error:
                raise ArtifactError(f"'{self.path}' cannot be used: {error}; compile the model again") from None
        return self._view(name)

    def json(self, name: str) -> Any:
        """A JSON section: `report`, `certificate`."""
        return _parse_json(bytes(self.section(name)), f"section '{name}'")

    def _view(self, name: str) -> memoryview:
        section = self.sections[name]
        return self._data[section.offset : section.offset + section.length]

    def _verify(self, name: str) -> None:
        with self._view(name) as view:
            if hashlib.sha256(view).hexdigest() != self.sections[name].sha256:
                raise ArtifactError(f"section '{name}' is damaged (its SHA-256 is not the recorded one)")
        self._verified.add(name)

    def _check_gaps(self, position: int) -> None:
        for section in sorted(self.sections.values(), key=lambda s: s.offset):
            self._check_zeros(position, section.offset)
            position = section.offset + section.length
        self._check_zeros(position, self.bytes)

    def _check_zeros(self, start: int, end: int) -> None:
        with self._data[start:end] as gap:
            if any(gap):
                raise ArtifactError(f"it is damaged between bytes {start} and {end}, where there should be zeros")


def open_artifact(path: str | os.PathLike[str], verify: Verify = "all", *, copy: bool = False) -> ArtifactFile:
    """Open and check an artifact. Header, code and parameters are always hashed; with verify='code' the other sections
    are hashed only when they are asked for, and the weights that a session maps not at all."""
    return ArtifactFile(path, verify, copy=copy)


def _open_regular(path: str) -> tuple[int, int]:
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise FileError(f"cannot read the artifact '{path}': {reason}") from error
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        os.close(file)
        raise FileError(f"cannot read the artifact '{path}': it is not a regular file")
    return file, status.st_size


def _copied(file: int, size: int) -> int:
    """A descriptor of the same bytes in memory, which no one else has."""
    try:
        copy = os.memfd_create("dyadic", os.MFD_CLOEXEC)
    except OSError as error:
        raise ResourceError(f"no memory for a copy of the artifact: {error.strerror}") from error
    try:
        done = 0
        while done < size:
            if not (more := os.sendfile(copy, file, done, size - done)):
                raise ArtifactError("it became shorter while it was read")
            done += more
    except BaseException as error:
        os.close(copy)
        if isinstance(error, OSError):
            raise ResourceError(f"no memory for a copy of the artifact's {size} bytes: {error.strerror}") from error
        raise
    return copy


def _read_header(data: memoryview) -> bytes:
    magic = bytes(data[:8])
    if magic != MAGIC:
        if magic[:7] == MAGIC[:7]:
            raise ArtifactError(f"its format version is {magic[7]}, and this version of dyadic reads {FORMAT}")
        raise ArtifactError("it is not a dyadic artifact (its first bytes are not the magic ones)")
    length = int.from_bytes(data[8:16], "little")
    if length > min(MAX_HEADER_BYTES, len(data) - PREAMBLE):
        raise ArtifactError(f"it is truncated or damaged (a header of {length} bytes in {len(data)} bytes)")
    text = bytes(data[PREAMBLE : PREAMBLE + length])
    if hashlib.sha256(bytes(data[:16]) + text).digest() != bytes(data[16:PREAMBLE]):
        raise ArtifactError("its header is damaged (its SHA-256 is not the recorded one)")
    return text


def _parse_json(text: bytes, what: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"its {what} is not JSON ({error})") from error


def _parse_header(text: bytes, file_bytes: int) -> tuple[Program, Entries, dict[str, Any], dict[str, Section]]:
    """Read a header and check all that it says against the size of the file."""
    header = _parse_json(text, "header")
    fields = ("data_bytes", "sections", "program", "entries", "made")
    if not isinstance(header, dict) or sorted(header) != sorted(fields):
        raise ArtifactError(f"its header must have the fields {', '.join(fields)}")
    start = _align(PREAMBLE + len(text), CODE_ALIGNMENT)
    if type(header["data_bytes"]) is not int or start + header["data_bytes"] != file_bytes:
        raise ArtifactError(f"it has {file_bytes} bytes, but its header speaks of {start} + {header['data_bytes']}")
    if not isinstance(header["made"], dict):
        raise ArtifactError("its header's 'made' is not a record")
    sections = _parse_sections(header["sections"], start, file_bytes)
    entries = _parse_entries(header["entries"], sections)
    for name in ("weights", "params"):
        if name not in sections:
            raise ArtifactError(f"it has no section '{name}'")
    program = Program.from_json(header["program"])
    program.check(sections["weights"].length, sections["params"].length)
    for level, kernels in entries.items():
        for i, step in enumerate(program.steps):
            if step.kernel not in kernels:
                raise ArtifactError(f"step {i} ('{step.layer}') calls '{step.kernel}', which code/{level} lacks")
    return program, entries, header["made"], sections


def _parse_sections(value: Any, start: int, file_bytes: int) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    end = start
    if not isinstance(value, list):
        raise ArtifactError("its header's 'sections' is not a list")
    for item in value:
        match item:
            case {"name": str(name), "offset": int(offset), "length": int(length), "sha256": str(sha256)}:
                pass
            case _:
                raise ArtifactError(f"a section is described by {str(item)[:80]}")
        if name in sections:
            raise ArtifactError(f"it has two sections '{name}'")
        offset += start
        # In file order, so that no two can overlap.
        if offset < end or length < 0 or offset + length > file_bytes - SLACK or offset % _alignment(name):
            raise ArtifactError(f"section '{name}' at byte {offset} of length {length} is out of place")
        end = offset + length
        sections[name] = Section(name, offset, length, sha256)
    return sections


def _parse_entries(value: Any, sections: Mapping[str, Section]) -> Entries:
    if not isinstance(value, dict) or not value:
        raise ArtifactError("its header has no entries, so there is no code to run")
    entries: dict[str, dict[str, Entry]] = {}
    for level, kernels in value.items():
        section = sections.get(f"code/{level}")
        if section is None or not isinstance(kernels, dict):
            raise ArtifactError(f"it has entries for '{level}' but no section code/{level}")
        entries[level] = {}
        for symbol, entry in kernels.items():
            match entry:
                case [int(offset), int(length), [*layers]] if all(isinstance(name, str) for name in layers):
                    pass
                case _:
                    raise ArtifactError(f"kernel '{symbol}' of code/{level} is described by {str(entry)[:80]}")
            if offset < 0 or length < 1 or offset + length > section.length:
                raise ArtifactError(f"kernel '{symbol}' at {offset} of length {length} is outside code/{level}")
            entries[level][symbol] = Entry(offset, length, tuple(layers))
    if extra := [name for name in sections if name.startswith("code/") and name[5:] not in entries]:
        raise ArtifactError(f"section '{extra[0]}' has no entries")
    return entries
