"""A file is complete under its name or not there, and nothing else stays behind."""

import errno
import os
import signal
from pathlib import Path

import pytest

from dyadic.runtime.atomic_file import replacing
from dyadic.runtime.errors import FileError


def write(path: Path, text: bytes = b"new") -> None:
    with replacing(path) as file:
        os.write(file, text)


def test_names_as_long_as_they_may_be(tmp_path: Path) -> None:
    for name in ("x" * 255, "é" * 127, "日" * 85):
        write(tmp_path / name)
        assert [one.name for one in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()
    with pytest.raises(FileError, match="too long"):
        write(tmp_path / ("x" * 256))


@pytest.mark.parametrize("nameless", [True, False])
def test_an_old_file_is_replaced_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE")
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        os.write(file, b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    write(path)
    assert path.read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 1
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_who_is_killed_leaves_nothing(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with replacing(tmp_path / "a") as file:
            os.write(file, b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "raises"), [(errno.EIO, True), (errno.EINVAL, False)])
def test_a_folder_that_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raises: bool
) -> None:
    sync = os.fsync

    def fsync(file: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{file}"):
            raise OSError(number, os.strerror(number))
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    if raises:
        with pytest.raises(FileError, match="a' is written and complete, but its folder cannot be synced"):
            write(tmp_path / "a")
    else:
        write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"new"
