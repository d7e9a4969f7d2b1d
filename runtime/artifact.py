"""The `.dyq` file: written whole or not at all, checked before anything in it is used.

    0   8 bytes    magic, whose last byte is the format version: the oldest whose readers know all that the header says
    8   8 bytes    length of the header, little endian
    16  32 bytes   SHA-256 of the 16 bytes before and the header
    48  header     JSON: total size, sections (name, offset, length, sha256), programs, made
    then, at the next multiple of 4096, the sections, 64-byte aligned, code at multiples of 4096; zeros between them and
    at least 64 zeros at the end. Section offsets count from the start of the first section.

A program is for one target and one variant (`runtime/program.py`); programs may share sections, and one may read
another target's weights (`runtime/cuda/constants.py`). Sections: `qi` (integer IR, MLIR bytecode), JSON: `report`,
`certificate`; and those of a target, which begin with its name: `cpu/weights`, `cpu/params`, `cpu/code/<level>` (a flat
image). What a run needs is mapped as it is; the sections that are no target's,
and code for GPUs, are deflated (zlib), and may be as they are. Nothing is executable outside the code, and there is no
pickle anywhere.
"""

import contextlib
import hashlib
import json
import mmap
import os
import stat
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dyadic.runtime.atomic_file import replacing
from dyadic.runtime.errors import ArtifactError, FileError, ResourceError, UsageError
from dyadic.runtime.executor import executor_of
from dyadic.runtime.file_kinds import ARTIFACT, ONNX, FileKind, kind_of_file, similar_files
from dyadic.runtime.program import ALIGNMENT, SLACK, Program
from dyadic.runtime.program_fields import FORMAT, OLDEST_FORMAT, format_of
from dyadic.runtime.wording import kind_of

MAGIC = b"\x89DYQ\r\n\x1a"  # and a byte that says the format
PREAMBLE = 48
CODE_ALIGNMENT = 4096
MAX_HEADER_BYTES = 64 << 20
MOST_INFLATED = 256 << 20  # of a section: a few bytes can stand for very many
ZLIB = b"\x78"  # how deflated sections begin, unlike JSON and MLIR bytecode

Verify = Literal["all", "code"]


@dataclass(frozen=True)
class Section:
    name: str
    offset: int  # in the file
    length: int
    sha256: str


class OtherFormat(ArtifactError):
    """An artifact, but not of this format."""


def _align(value: int, to: int) -> int:
    return -(-value // to) * to


def _alignment(name: str) -> int:
    return CODE_ALIGNMENT if "/code/" in name else ALIGNMENT


def _owner(name: str) -> str:
    """The target whose section it is, '' for those that belong to no one target."""
    return name.partition("/")[0] if "/" in name else ""


# --- writing


def write(
    path: str | os.PathLike[str],
    *,
    programs: Sequence[Program],
    sections: Mapping[str, Any],
    made: Mapping[str, Any],
) -> int:
    """Write an artifact and return its size in bytes.

    `sections` maps names to bytes-like objects, or to dicts and lists that are written as JSON; those that programs
    speak of must be there, and no others of a target. `made` is the JSON record of how it was made. The file appears
    under its name complete and synced, or not at all: whatever happens before leaves an old file as it was.
    """
    contents = {name: _as_bytes(name, value) for name, value in sections.items()}
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
        "programs": [program.to_json() for program in programs],
        "made": dict(made),
    }
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    # Reads it back as a stranger would: what cannot be loaded is not written.
    _parse_header(text, data_bytes + _align(PREAMBLE + len(text), CODE_ALIGNMENT))
    preamble = MAGIC + bytes([format_of(list(programs))]) + len(text).to_bytes(8, "little")
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


def _as_bytes(name: str, value: Any) -> memoryview:
    if isinstance(value, dict | list):
        value = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    view = memoryview(value).cast("B")
    return view if _owner(name) else memoryview(zlib.compress(view, 9))


# --- reading


class ArtifactFile:
    """An open, checked artifact. Everything is read from one descriptor, so what was checked is what is used, as long
    as nobody writes into the file in the meantime; with `copy` it is a copy of the file that nobody else knows."""

    def __init__(self, path: str | os.PathLike[str], verify: Verify = "all", *, copy: bool = False) -> None:
        self.path = _path(path)
        self.file, self.bytes = _open_regular(self.path)
        self._map: mmap.mmap | None = None
        try:
            if copy:
                private = _copied(self.file, self.bytes)
                os.close(self.file)
                self.file = private
            if os.pread(self.file, len(MAGIC), 0) != MAGIC:
                self._check_kind()
            if self.bytes < PREAMBLE:
                raise ArtifactError(f"it has {self.bytes} bytes, too few for an artifact")
            self._map = mmap.mmap(self.file, 0, access=mmap.ACCESS_READ)
            self._data = memoryview(self._map)
            text = _read_header(self._data)
            self.digest = bytes(self._data[16:PREAMBLE]).hex()  # of the header, which has those of all sections
            self.programs, self.made, self.sections = _parse_header(text, self.bytes)
            self._check_gaps(PREAMBLE + len(text))
            self._verified: set[str] = set()
            for name in self.sections:
                if verify == "all" or (_owner(name) and not name.endswith("/weights")):
                    self._verify(name)
        except OtherFormat as error:
            self.close()
            raise ArtifactError(f"'{self.path}' cannot be used: it {error}") from None
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
    def program(self) -> Program:
        """The first, which is the only one as a rule."""
        return self.programs[0]

    def section(self, name: str) -> memoryview:
        """A section's bytes, verified and inflated; valid also after close."""
        if name not in self.sections:
            raise ArtifactError(f"'{self.path}' has no section '{name}'; it has {', '.join(self.sections)}")
        if name not in self._verified:
            try:
                self._verify(name)
            except ArtifactError as error:
                raise ArtifactError(f"'{self.path}' cannot be used: {error}; compile the model again") from None
        view = self._view(name)
        if _owner(name):
            return view
        return memoryview(inflated(view, f"'{self.path}' cannot be used: its section '{name}'"))

    def json(self, name: str) -> Any:
        """A JSON section: `report`, `certificate`."""
        return _parse_json(bytes(self.section(name)), f"section '{name}'")

    def _check_kind(self) -> None:
        kind = kind_of_file(self.path)
        if kind is not None and not kind.name.startswith(ARTIFACT):
            raise OtherFormat(f"is {kind.name}, {what_instead(kind, self.path)}")

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


def inflated(content: memoryview, what: str) -> bytes | memoryview:
    """A deflated section's bytes, or those of one that lies as it is. Raises ArtifactError, a sentence about `what`."""
    if content[:1] != ZLIB:
        return content
    inflater = zlib.decompressobj()
    try:
        whole = inflater.decompress(content, MOST_INFLATED)
    except zlib.error as error:
        raise ArtifactError(f"{what} is damaged ({error})") from None
    if not inflater.eof or inflater.unused_data:
        raise ArtifactError(f"{what} is not one deflated stream of at most {MOST_INFLATED} bytes")
    return whole


def open_artifact(path: str | os.PathLike[str], verify: Verify = "all", *, copy: bool = False) -> ArtifactFile:
    """Open and check an artifact. Header, code and parameters are always hashed; with verify='code' the other sections
    are hashed only when they are asked for, and the weights that a session maps not at all."""
    return ArtifactFile(path, verify, copy=copy)


def what_instead(kind: FileKind, path: str) -> str:
    """How one comes from a file that is no artifact to one that is."""
    if kind.name == ONNX:
        name = os.path.basename(path)
        stem = name.removesuffix(".onnx")
        return f"not an artifact: compile it first, dyadic compile {name} --calibration DATA.npz -o {stem}.dyq"
    return "not an artifact of dyadic, which `dyadic compile` makes of an ONNX model"


def _path(given: object) -> str:
    if isinstance(given, str) or (isinstance(given, os.PathLike) and isinstance(os.fspath(given), str)):
        return os.fspath(given)
    instead = "write them to a file first" if isinstance(given, bytes | bytearray | memoryview) else ""
    if hasattr(given, "file_bytes"):  # what a compile gives
        instead = "what a compile gives has load() and save(path) of its own"
    raise UsageError(f"load takes the path of an artifact, not {kind_of(given)}{'; ' * bool(instead)}{instead}")


def _open_regular(path: str) -> tuple[int, int]:
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        reason = f"{reason}{similar_files(path) if isinstance(error, FileNotFoundError) else ''}"
        raise FileError(f"cannot read the artifact '{path}': {reason}") from error
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        os.close(file)
        folder = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise FileError(f"cannot read the artifact '{path}': it is {folder}")
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
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise ArtifactError("it is not a dyadic artifact (its first bytes are not the magic ones)")
    if not OLDEST_FORMAT <= (found := data[len(MAGIC)]) <= FORMAT:
        other = "an earlier" if found < OLDEST_FORMAT else "a later"
        raise OtherFormat(
            f"was made by {other} version of dyadic (its format is {found}, this version reads {OLDEST_FORMAT} and "
            f"{FORMAT}): compile the model again with this version, or run it with the one that made it"
        )
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
        whole = json.loads(text.decode(), parse_constant=refuse)  # UTF-8 and nothing else
        if b"\\u" in text:
            json.dumps(whole, ensure_ascii=False).encode()  # half of a character is no text
        return whole
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"its {what} is not JSON ({error})") from error


def _parse_header(text: bytes, file_bytes: int) -> tuple[tuple[Program, ...], dict[str, Any], dict[str, Section]]:
    """Read a header and check all that it says against the size of the file."""
    header = _parse_json(text, "header")
    fields = ("data_bytes", "sections", "programs", "made")
    if not isinstance(header, dict) or sorted(header) != sorted(fields):
        raise ArtifactError(f"its header must have the fields {', '.join(fields)}")
    start = _align(PREAMBLE + len(text), CODE_ALIGNMENT)
    if type(header["data_bytes"]) is not int or start + header["data_bytes"] != file_bytes:
        raise ArtifactError(f"it has {file_bytes} bytes, but its header speaks of {start} + {header['data_bytes']}")
    if not isinstance(header["made"], dict):
        raise ArtifactError("its header's 'made' is not a record")
    sections = _parse_sections(header["sections"], start, file_bytes)
    programs = _parse_programs(header["programs"], {name: one.length for name, one in sections.items()})
    used = frozenset().union(*(program.sections for program in programs))
    if extra := [name for name in sections if _owner(name) and name not in used]:
        raise ArtifactError(f"its section '{extra[0]}' is used by no program")
    for program in programs:
        if lost := [name for name in program.borrowed if name not in used - program.sections]:
            raise ArtifactError(f"its program '{program.name}' reads section '{lost[0]}', which no other target has")
    return programs, header["made"], sections


def _parse_programs(value: Any, lengths: Mapping[str, int]) -> tuple[Program, ...]:
    if not isinstance(value, list) or not value:
        raise ArtifactError("its header's 'programs' is not a list of one or more")
    programs: list[Program] = []
    for item in value:
        target = item.get("target") if isinstance(item, dict) else None
        if not isinstance(target, str):
            raise ArtifactError(f"a program is described by {str(item)[:80]}")
        program = executor_of(target).program.from_json(item)
        if program.name in [other.name for other in programs]:
            raise ArtifactError(f"it has two programs '{program.name}'")
        for name in program.sections:
            if _owner(name) not in (target, ""):
                raise ArtifactError(f"its program '{program.name}' speaks of section '{name}', another target's")
        program.check(lengths)
        programs.append(program)
    return tuple(programs)


def _parse_sections(value: Any, start: int, file_bytes: int) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    end = start
    if not isinstance(value, list):
        raise ArtifactError("its header's 'sections' is not a list")
    for item in value:
        match item:
            case {"name": str(name), "offset": int(offset), "length": int(length), "sha256": str(sha256)} if (
                type(offset) is int and type(length) is int
            ):
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
