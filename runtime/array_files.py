"""`.npy` and `.npz` files: anyone may have written one, so nothing that it says of itself is believed.

Sizes are held against the bytes that are there, pickled objects are never loaded, and whatever can go wrong in zip,
zlib or a header that is Python source is one of `DAMAGE`. Arrays are read whole, or in pieces of rows.
"""

from __future__ import annotations

import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# ValueError is numpy's, RuntimeError and NotImplementedError are zipfile's for passwords and unknown compressions.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,
    struct.error,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
)
LARGEST_FORTRAN = 1 << 30  # bytes: arrays in Fortran order are read whole


class NoNumbers(ValueError):
    """An array that is whole, but holds something else."""


class Member:
    """One array in a `.npz` (by its name in the archive) or the one array of a `.npy`, read in pieces of rows.

    Raises OSError, or one of `DAMAGE` where the file is none, claims more than it holds, or holds objects.
    """

    def __init__(self, path: Path, name: str | None) -> None:
        self.path, self.name = path, name
        with self._stream() as stream:
            self.shape, self.fortran, self.dtype = self._header(stream)
            held = self._length() - stream.tell()
        if any(size < 0 for size in self.shape):
            raise ValueError(f"{self} says that it has the shape {list(self.shape)}")
        if self.dtype.hasobject:
            raise NoNumbers(f"{self} holds Python objects; arrays of numbers are needed")
        needed = math.prod(self.shape) * self.dtype.itemsize
        if needed > held:
            raise ValueError(f"{self} says that it has the shape {list(self.shape)}, but holds {held} bytes only")
        if self.fortran and len(self.shape) > 1 and needed > LARGEST_FORTRAN:
            raise ValueError(f"{self} is in Fortran order and large; save it with np.ascontiguousarray")
        self.row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        self.whole_shape, self.shape = self.shape, self.shape or (0,)

    def __str__(self) -> str:
        return self.name or self.path.name

    def _stream(self) -> IO[bytes]:
        return open(self.path, "rb") if self.name is None else zipfile.ZipFile(self.path).open(self.name)

    def _length(self) -> int:
        """Of the file, or of the member as the archive has it."""
        if self.name is None:
            return os.path.getsize(self.path)
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self.name).file_size

    @staticmethod
    def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return read(stream)

    def whole(self) -> Array:
        """The array, of any shape."""
        with self._stream() as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)

    def pieces(self, rows: int) -> Iterator[Array]:
        """Arrays of at most `rows` rows."""
        if self.fortran:
            yield self.whole()
            return
        with self._stream() as stream:
            self._header(stream)
            for start in range(0, self.shape[0], rows):
                shape = (min(rows, self.shape[0] - start), *self.shape[1:])
                size = shape[0] * self.row_bytes
                data = stream.read(size)
                if len(data) != size:
                    raise ValueError(f"{self} ends early")
                yield np.frombuffer(data, self.dtype).reshape(shape)


def names_in(path: Path) -> list[str]:
    """The arrays of a `.npz`."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a `.npz` by name, or the one of a `.npy` under the name ''; OSError or one of `DAMAGE`."""
    if path.suffix == ".npy":
        return {"": Member(path, None).whole()}
    return {name: Member(path, f"{name}.npy").whole() for name in names_in(path)}


def write_npz(stream: IO[bytes], arrays: Mapping[str, Array], compression: int = zipfile.ZIP_STORED) -> None:
    """What np.savez writes, under any names: "file" is one, too."""
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def damage(error: BaseException) -> str:
    """What is wrong with the file, in one line."""
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
