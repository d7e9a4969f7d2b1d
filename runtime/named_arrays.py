"""A user's `.npz` or `.npy` beside the inputs that it is for: which arrays are whose, and what is wrong, in one voice.

Compiles and sessions read through this; what an array must hold is their own business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.runtime.array_files import DAMAGE, Member, NoNumbers, damage, names_in
from dyadic.runtime.errors import FileError, UsageError
from dyadic.runtime.file_kinds import HEAD, kind_of_bytes, similar_files

LABELS = "labels"
Inputs = Mapping[str, str]  # by name, how messages show them: `"x" [N, 3, 4]`


class NamedArrays:
    """The file at `path`, which messages call `what`; `names` are its arrays, where it is not one `alone`.

    Raises:
        FileError: it cannot be read.
        UsageError: it is no file of arrays.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what, self.alone = path, what, path.suffix == ".npy"
        if path.is_dir():
            raise UsageError(f"{what} is a folder; give a .npz or .npy file")
        if path.suffix not in (".npz", ".npy"):
            raise UsageError(f"{what} is neither .npz nor .npy, nor a folder of images")
        with self.read():
            self.names = [] if self.alone else names_in(path)
            if self.alone:
                self._member("")

    @contextmanager
    def read(self) -> Iterator[None]:
        """What goes wrong with the file in the block, as a sentence."""
        try:
            yield
        except FileNotFoundError:
            raise FileError(f"{self.what} does not exist{similar_files(self.path)}") from None
        except OSError as error:
            raise FileError(f"{self.what} cannot be read: {error.strerror or error}") from error
        except NoNumbers as error:
            raise UsageError(f"{self.what}: {damage(error)}") from error
        except DAMAGE as error:
            raise UsageError(f"{self.what} is {self._other() or f'damaged: {damage(error)}'}") from error

    def longest(self) -> int:
        """The most rows that one of its arrays has."""
        rows = [0]
        for name in self.names or [""]:
            with suppress(*DAMAGE, OSError):  # which matters for those that are asked for
                rows.append(self._member(name).shape[0])
        return max(rows)

    def of(self, inputs: Inputs, beside: Collection[str] = ()) -> dict[str, Member]:
        """Where the array of each input lies; those of `beside`, where the file has them."""
        if self.alone:
            if len(inputs) != 1:
                raise UsageError(
                    f"{self.what} is one array, the model has {len(inputs)} inputs: {', '.join(inputs.values())}; "
                    "give a .npz file with arrays of these names"
                )
            with self.read():
                return {next(iter(inputs)): self._member("")}
        check_names(self.names, inputs, self.what)
        with self.read():
            return {name: self._member(name) for name in [*inputs, *(one for one in beside if one in self.names)]}

    def rest(self, inputs: Collection[str]) -> dict[str, npt.NDArray[Any]]:
        """The arrays that are no input's."""
        with self.read():
            return {name: self._member(name).whole() for name in self.names if name not in inputs}

    def _other(self) -> str:
        """What the file is instead, where its first bytes say so."""
        with open(self.path, "rb") as file:
            head = file.read(HEAD)
        kind = None if head.startswith((b"PK", b"\x93NUMPY")) else kind_of_bytes(head)
        if kind is None:
            return ""
        instead = "" if "ONNX" in kind.instead else f": {kind.instead}"  # which is about models
        return f"{kind.name}, not of arrays{instead}"

    def _member(self, name: str) -> Member:
        return Member(self.path, None if self.alone else f"{name}.npy")


def check_names(names: Collection[str], inputs: Inputs, what: str) -> None:
    """Raises UsageError where an input has no array."""
    for name in inputs:
        if name not in names:
            has = ", ".join(f'"{one}"' for one in names) or "none"
            raise UsageError(
                f'{what} has no array named "{name}" (it has: {has}); arrays are named as the model\'s inputs: '
                f"{', '.join(inputs.values())}"
            )


def count_of(lengths: Mapping[str, int], what: str) -> int:
    """How many samples all arrays have. Raises UsageError where they differ."""
    if len(set(lengths.values())) > 1:
        each = ", ".join(f'{n} of "{name}"' for name, n in lengths.items())
        raise UsageError(f"{what} has a different number of samples for each input: {each}")
    return next(iter(lengths.values()))


def as_labels(array: npt.NDArray[Any], what: str) -> npt.NDArray[np.int64]:
    """One class a sample. Raises UsageError where it is something else."""
    check_labels(array.shape, array.dtype, what)
    return np.atleast_1d(array).astype(np.int64)


def check_labels(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    """Of a whole file, before a part of it is read. Raises UsageError where they are no classes."""
    if len(shape) > 1 or dtype.kind not in "iu":
        raise UsageError(
            f'{what}: "{LABELS}" holds {dtype} of shape {list(shape)}; one whole number a sample is needed, the index '
            "of the right class"
        )


def check_finite(array: npt.NDArray[Any], name: str, what: str, first: int) -> None:
    """That samples have finite numbers; `first` is how many of the input's there were before. Raises UsageError."""
    finite = np.isfinite(array).all(tuple(range(1, array.ndim)))
    if not finite.all():
        raise UsageError(
            f'{what}: sample {first + int(np.argmin(finite))} of "{name}" holds NaN or infinity; '
            "finite numbers are needed"
        )
