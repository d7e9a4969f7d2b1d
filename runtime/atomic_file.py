"""A file appears under its name complete and synced, or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping

from dyadic.runtime.errors import FileError, UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two names are one file, through links of both kinds; or would be, where neither is there yet."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is missing: then only names can be compared
        return os.path.realpath(one) == os.path.realpath(other)


def refuse_overwriting(inputs: Mapping[str, str | os.PathLike[str]], outputs: Mapping[str, object]) -> None:
    """Refuse to write over what is read, by whatever name, or twice to one file.

    inputs: files by what they are. outputs: files by the option that names them; what is no name of a file is left out.

    Raises:
        UsageError: names both.
    """
    written: dict[str, str | os.PathLike[str]] = {}
    for option, path in outputs.items():
        if not isinstance(path, str | os.PathLike):
            continue
        for what, source in inputs.items():
            if same_file(path, source):
                raise UsageError(f"{option} {os.fspath(path)} is {what}, which would be lost: name another file")
        for other, one in written.items():
            if same_file(path, one):
                raise UsageError(f"{option} {os.fspath(path)} and {other} {os.fspath(one)} are one file: name another")
        written[option] = path


class replacing:
    """`with replacing(path) as file:` gives the descriptor of a temporary file in the same folder; when the block ends
    well it is synced and renamed to `path`, otherwise it is removed and an old file stays as it was.

    What the file system refuses, also inside the block, is a FileError that names `path`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._shown = os.fspath(path)
        self._path = os.path.realpath(path)  # a link stays a link
        self._folder, name = os.path.split(self._path)
        self._temporary = os.path.join(self._folder, f".{name[:200]}.{secrets.token_hex(6)}.tmp")
        self._file = -1

    def __enter__(self) -> int:
        # Renaming would replace a device or a folder by a file.
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            raise FileError(f"cannot write '{self._shown}': it exists and is not a regular file")
        try:
            self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._explain(error) from error
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._publish()
        except OSError as failure:
            raise self._explain(failure) from failure
        finally:
            if self._file >= 0:
                os.close(self._file)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary)
        if isinstance(error, OSError):
            raise self._explain(error) from error

    def _publish(self) -> None:
        os.fsync(self._file)
        os.replace(self._temporary, self._path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # or the new name may be lost with the power
        finally:
            os.close(folder)

    def _explain(self, error: OSError) -> FileError:
        remedy = "choose a place that can be written"
        if error.errno in _FULL:
            remedy = "free some space or write elsewhere"
        elif error.errno in (errno.ENOENT, errno.ENOTDIR) and not os.path.isdir(self._folder):
            remedy = f"there is no folder '{self._folder}', create it first"
        return FileError(f"cannot write '{self._shown}' ({error.strerror}): {remedy}")
