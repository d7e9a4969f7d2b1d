"""A file appears under its name complete and synced, or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping

from dyadic.runtime.errors import FileError, UsageError

KINDS = {".dyq": "artifact", ".onnx": "ONNX file", ".npz": "file of arrays", ".npy": "file of an array"}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_SYNC = (errno.EINVAL, errno.EOPNOTSUPP, errno.EACCES)  # of folders, where a file system has no such thing


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


def check_output(option: str, path: str | os.PathLike[str], what: str, suffix: str, instead: str = "") -> None:
    """Refuse now what would be refused after the work: the name of another kind of file, a place without leave.

    what: is to be written, with its article. suffix: of its files. instead: the end of the sentence.

    Raises:
        FileError: it cannot be written.
        UsageError: files of that name are something else.
    """
    check_kind(option, path, what, suffix, instead)
    with contextlib.suppress(_Enough), replacing(path):
        raise _Enough  # so that the old file stays


def check_kind(option: str, path: str | os.PathLike[str], what: str, suffix: str, instead: str = "") -> None:
    """Refuse a name by which somebody would take the file for something else; parameters as above."""
    stem, ending = os.path.splitext(os.fspath(path))
    kind = KINDS.get(ending.lower())
    if kind is not None and ending.lower() != suffix:
        raise UsageError(f"{option} {os.fspath(path)}: {what} is no {kind}, name it {stem}{suffix}{instead}")


class _Enough(Exception):
    pass


class replacing:
    """`with replacing(path) as file:` gives the descriptor of a file that has no name yet; when the block ends well it
    is synced and becomes `path`, otherwise it is gone and an old file stays as it was.

    Whatever ends the process leaves nothing behind, except where a file system knows no files without a name: there it
    has a hidden one in the same folder. What the file system refuses, also inside the block, is a FileError that names
    `path`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._shown = os.fspath(path)
        self._path = os.path.realpath(path)  # a link stays a link
        self._folder = os.path.dirname(self._path)
        self._temporary = os.path.join(self._folder, f".dyadic-{secrets.token_hex(6)}.tmp")
        self._file = -1
        self._nameless = False

    def __enter__(self) -> int:
        # Renaming would replace a device or a folder by a file.
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            raise FileError(f"cannot write '{self._shown}': it exists and is not a regular file")
        try:
            os.lstat(self._path)  # a name that is too long is said before the work
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise self._explain(error) from error
        try:
            self._file, self._nameless = self._open()
        except OSError as error:
            raise self._explain(error) from error
        return self._file

    def _open(self) -> tuple[int, bool]:
        """A new file, and whether it has no name."""
        flags = os.O_WRONLY | os.O_CLOEXEC
        if hasattr(os, "O_TMPFILE"):
            with contextlib.suppress(OSError):  # if there is more to it, the other way says so
                trial = os.open(self._folder, flags | os.O_TMPFILE, 0o600)
                try:
                    self._name(trial)
                    os.unlink(self._temporary)
                finally:
                    os.close(trial)
                return os.open(self._folder, flags | os.O_TMPFILE, 0o666), True
        return os.open(self._temporary, flags | os.O_CREAT | os.O_EXCL, 0o666), False

    def _name(self, file: int) -> None:
        """Give a file without a name the temporary one."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:  # only beside a folder does Python's link follow the link that /proc has for a file
            os.link(f"/proc/self/fd/{file}", os.path.basename(self._temporary), dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)

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
        if self._nameless:  # which can be given a new name only: renaming is what replaces
            self._name(self._file)
        os.replace(self._temporary, self._path)
        try:
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)  # or the new name may be lost with the power
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise FileError(
                    f"'{self._shown}' is written and complete, but its folder cannot be synced ({error.strerror}): "
                    "it may be lost with the power; check the disk"
                ) from error

    def _explain(self, error: OSError) -> FileError:
        remedy = "choose a place that can be written"
        if error.errno in _FULL:
            remedy = "free some space or write elsewhere"
        elif error.errno in (errno.ENOENT, errno.ENOTDIR) and not os.path.isdir(self._folder):
            remedy = f"there is no folder '{self._folder}', create it first"
        return FileError(f"cannot write '{self._shown}' ({error.strerror}): {remedy}")
