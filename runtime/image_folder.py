"""A folder of images: which files there are, in which order, and what each is called by its folder.

Sub-folders are classes, as torchvision's ImageFolder has them, and images lie in them at any depth. Hidden files and
folders, and files that are no images by their names, are left out and counted. Links are followed, each folder once, so
that loops end. The order is that of names, whatever the file system says.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dyadic.runtime.errors import FileError, UsageError
from dyadic.runtime.pictures import SUFFIXES

MOST_FILES = 5_000_000


@dataclass(frozen=True)
class ImageFolder:
    """`files` are by name, relative to `path` with / between. `others` counts what was left out."""

    path: Path
    what: str  # in messages, as "evaluation data photos"
    files: tuple[str, ...]
    others: int = 0
    labels: tuple[int, ...] | None = None  # by file
    source: str = ""  # of the labels, in words
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __len__(self) -> int:
        return len(self.files)

    @property
    def classes(self) -> list[str]:
        """Names of the sub-folders that hold images, sorted; empty where an image lies in none."""
        if not all("/" in name for name in self.files):
            return []
        return sorted({name.partition("/")[0] for name in self.files})

    def named(self, index: int) -> str:
        """A file in messages."""
        return f"{self.what}: '{self.files[index]}'"

    def chosen(self, places: Sequence[int]) -> ImageFolder:
        """Some of the files, in that order."""
        labels = None if self.labels is None else tuple(self.labels[i] for i in places)
        return replace(self, files=tuple(self.files[i] for i in places), labels=labels)

    def spread(self, most: int) -> ImageFolder:
        """At most so many files, every class in turn, and of each of them evenly over its files.

        So the first of them are of all classes, and so are the last.
        """
        groups: dict[str, list[int]] = {}
        for place, name in enumerate(self.files):
            groups.setdefault(name.partition("/")[0] if "/" in name else "", []).append(place)
        shares = dict.fromkeys(groups, 0)
        left = min(most, len(self.files))
        while left:  # as many of each as there are, or as the others have
            for key in groups:
                if left and shares[key] < len(groups[key]):
                    shares[key] += 1
                    left -= 1
        picked = {key: [of[i * len(of) // shares[key]] for i in range(shares[key])] for key, of in groups.items()}
        rounds = max(shares.values(), default=0)
        return self.chosen([of[i] for i in range(rounds) for of in picked.values() if i < len(of)])

    def digest(self) -> str:
        """SHA-256 of the files' names and bytes."""
        seen = hashlib.sha256()
        for name in self.files:
            try:
                with open(self.path / name, "rb") as file:
                    seen.update(f"{name}\n".encode(errors="surrogateescape"))
                    seen.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise FileError(f"{self.what}: '{name}' cannot be read: {error.strerror or error}") from error
        return seen.hexdigest()


def images_in(path: Path, what: str) -> ImageFolder:
    """Everything in a folder that is an image by its name.

    Raises:
        FileError: the folder, or one in it, cannot be read.
        UsageError: there is no image.
    """
    files: list[str] = []
    others, seen = 0, set[tuple[int, int]]()
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        folder = path / inside
        try:
            stat = folder.stat()
            if (stat.st_dev, stat.st_ino) in seen:  # a link to where we come from
                continue
            seen.add((stat.st_dev, stat.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise FileError(f"{what}: the folder '{folder}' cannot be read: {error.strerror or error}") from error
        for entry in entries:
            if entry.name.startswith((".", "__MACOSX")):
                continue
            name = f"{inside}{entry.name}"
            if is_folder(entry):
                waiting.append(f"{name}/")
            elif entry.name.lower().endswith(SUFFIXES) and is_file(entry):
                files.append(name)
            else:
                others += 1
            if len(files) > MOST_FILES:
                raise UsageError(f"{what} has more than {MOST_FILES:,} images: give a folder of some of them")
    if not files:
        held = f"; it has {others} other files" if others else " and is empty"
        arrays = f", such as '{name}'" if (name := first_array(path)) else ""
        raise UsageError(
            f"{what} is a folder without images ({', '.join(SUFFIXES[:5])}, ...){held}{arrays}: give a folder of "
            "images, or a .npz file"
        )
    files.sort(key=lambda name: name.split("/"))
    return ImageFolder(path, what, tuple(files), others)


def is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_file(entry: os.DirEntry[str]) -> bool:
    """A regular file, perhaps behind a link: no pipe, from which reading would never end."""
    try:
        return entry.is_file()
    except OSError:
        return False


def first_array(path: Path) -> str:
    """A file of arrays, which may be what was meant."""
    return next((name for name in sorted(os.listdir(path)) if name.endswith((".npz", ".npy"))), "")


def labelled(
    folder: ImageFolder, classes: int | None, names: Sequence[str] = (), *, needed: bool = False
) -> ImageFolder:
    """Each image has the class of its sub-folder: by `names`, the network's classes in order, where they are known;
    else numbered as torchvision's ImageFolder does, where there are as many as `classes`; else by the number that is
    a sub-folder's name. Without labels where none of this fits.

    Raises:
        UsageError: none of this fits, and they are `needed`.
    """
    have = folder.classes
    if not have:
        if needed and any("/" in name for name in folder.files):
            loose = next(name for name in folder.files if "/" not in name)
            raise UsageError(
                f"{folder.what}: '{loose}' lies in no sub-folder, others do: every image goes into the sub-folder of "
                "its class, or give --labels FILE.csv"
            )
        return folder
    by_name = {name: i for i, name in enumerate(names)}
    source, notes = "", folder.notes
    if by_name and all(name in by_name for name in have):
        numbers, source = by_name, "by the model's names of classes"
    elif classes is None or len(have) == classes:
        numbers, source = {name: i for i, name in enumerate(have)}, "sorted as torchvision's ImageFolder does"
        if all(name.isdecimal() for name in have) and [int(name) for name in have] != list(range(len(have))):
            trap = next(name for name in have if int(name) != numbers[name])
            notes = (*notes, f"{folder.what}: sub-folders are classes as text is sorted: '{trap}' is {numbers[trap]}")
    elif all(name.isdecimal() and int(name) < classes for name in have):
        numbers, source = {name: int(name) for name in have}, "the numbers that they are called"
    elif needed:
        first = ", ".join(f"'{name}'" for name in have[:3])
        raise UsageError(
            f"{folder.what} has {len(have)} sub-folders ({first}{', ...' if len(have) > 3 else ''}) and the model "
            f"{classes} classes: name them by the numbers of their classes, or give --classes FILE.txt with the names "
            "of all classes, or --labels FILE.csv"
        )
    else:
        return folder
    labels = tuple(numbers[name.partition("/")[0]] for name in folder.files)
    return replace(folder, labels=labels, source=source, notes=notes)
