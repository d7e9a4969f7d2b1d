"""Labels that lie beside images: a csv of `file,label`, and a text with the names of all classes, one a line.

The csv has a header or none, commas, semicolons or tabs, and perhaps the mark that some programs put in front. A label
is the number of a class, or its name where names are known.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dyadic.runtime.errors import FileError, UsageError
from dyadic.runtime.file_kinds import similar_files
from dyadic.runtime.image_folder import ImageFolder
from dyadic.runtime.whole_file import whole
from dyadic.runtime.wording import near

FILE_WORDS = ("file", "filename", "file_name", "image", "image_id", "img", "path", "filepath", "name", "id")
LABEL_WORDS = ("label", "labels", "class", "class_id", "category", "target", "y")
LARGEST = 256 << 20  # bytes


def class_names(path: Path, option: str = "--classes") -> list[str]:
    """The names in a file, one a line. Raises FileError or UsageError."""
    names = [line.strip() for line in text_of(path, option).splitlines()]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UsageError(f"{option} {path} is empty: it holds the names of the classes, one a line")
    if "" in names:
        raise UsageError(f"{option} {path}: line {names.index('') + 1} is empty, and every line is a class")
    twice = {name for name in names if names.count(name) > 1} if len(names) <= 1 << 16 else set()
    if twice:
        raise UsageError(f"{option} {path} has the class '{sorted(twice)[0]}' twice")
    return names


def labelled_by_csv(
    folder: ImageFolder, path: Path, classes: int | None, names: Sequence[str], *, needed: bool = True
) -> ImageFolder:
    """The images that the csv names, with their labels; others are left out, and a note counts them.

    needed: else the folder stays as it is where the csv does not name every image.

    Raises:
        FileError: the csv cannot be read.
        UsageError: it is none, names what is not there, or a label is no class.
    """
    rows = rows_of(path, set(folder.files))
    places = {name: i for i, name in enumerate(folder.files)}
    by_end: dict[str, list[int]] = {}
    for name, i in places.items():
        by_end.setdefault(name.rpartition("/")[2], []).append(i)
    numbers = {name: i for i, name in enumerate(names)}
    labels: dict[int, int] = {}
    for line, file, label in rows:
        place = places.get(file)
        if place is None and len(by_end.get(file, [])) == 1:
            place = by_end[file][0]
        if place is None:
            if not needed:
                continue
            found = near(file, list(places)[:2000], 1)
            hint = f"; did you mean '{found[0]}'?" if found else ""
            raise UsageError(f"--labels {path}, line {line}: '{file}' is no image of {folder.what}{hint}")
        number = number_of(label, numbers, classes, f"--labels {path}, line {line}")
        if labels.setdefault(place, number) != number:
            raise UsageError(f"--labels {path}, line {line}: '{file}' has two labels, {labels[place]} and {number}")
    if not needed and len(labels) < len(folder):
        return folder
    left = len(folder) - len(labels)
    if not labels:
        raise UsageError(f"--labels {path} names no image: it holds rows of file,label")
    note = f"{left} of {len(folder)} images of {folder.what} are not in {path.name}, and left out"
    chosen = replace(folder.chosen(sorted(labels)), labels=tuple(labels[i] for i in sorted(labels)))
    return replace(chosen, source=f"of {path.name}", notes=(*folder.notes, *([note] if left else [])))


def number_of(label: str, numbers: dict[str, int], classes: int | None, where: str) -> int:
    if label in numbers:
        return numbers[label]
    if not label:
        raise UsageError(f"{where}: the label is missing: a row is file,label")
    if (number := whole_number(label)) is not None:
        if number < 0 or (classes is not None and number >= classes):
            known = f"the model has {classes} classes, numbered from 0" if classes is not None else "classes begin at 0"
            raise UsageError(f"{where}: the label is {label}, but {known}")
        return number
    if re.fullmatch(r"[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?", label):
        raise UsageError(f"{where}: the label is {label}, but classes have whole numbers, from 0")
    if not numbers:
        raise UsageError(
            f"{where}: the label '{label}' is a name: give --classes FILE.txt with the names of all classes in the "
            "model's order, one a line"
        )
    found = near(label, numbers, 1)
    hint = f"; did you mean '{found[0]}'?" if found else ""
    raise UsageError(f"{where}: the label '{label}' is none of the {len(numbers)} classes{hint}")


def whole_number(text: str) -> int | None:
    """
    >>> whole_number("7"), whole_number("7.0"), whole_number("-1"), whole_number("7.5"), whole_number("cat")
    (7, 7, -1, None, None)
    """
    found = re.fullmatch(r"(-?[0-9]{1,18})(\.0*)?", text)  # as a table writes it in which other labels are missing
    return None if found is None else int(found[1])


def rows_of(path: Path, files: set[str]) -> list[tuple[int, str, str]]:
    """(line, file, label) of each row; names of files have / between."""
    text = text_of(path, "--labels")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows: list[tuple[int, str, str]] = []
    places = (0, 1)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not rows and places == (0, 1) and (found := header(cells, files)) is not None:
                places = found
                continue
            if len(cells) <= max(places):
                raise UsageError(
                    f"--labels {path}, line {reader.line_num} is '{delimiter.join(cells)}': a row is file,label"
                )
            name = cells[places[0]].replace("\\", "/").removeprefix("./")
            rows.append((reader.line_num, name, cells[places[1]]))
    except csv.Error as error:
        raise UsageError(f"--labels {path}, line {reader.line_num} is no row of a csv: {error}") from None
    return rows


def header(cells: list[str], files: set[str]) -> tuple[int, int] | None:
    """Where file and label stand in the rows, if this one names the columns."""
    words = [cell.lower() for cell in cells]
    file = next((i for i, word in enumerate(words) if word in FILE_WORDS and cells[i] not in files), None)
    label = next((i for i, word in enumerate(words) if word in LABEL_WORDS), None)
    if file is not None and label is not None:
        return file, label
    return (0, 1) if len(cells) > 1 and (file == 0 or label == 1) else None


def text_of(path: Path, option: str) -> str:
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise UsageError(f"{option} {path} has {path.stat().st_size:,} bytes: it is no text of labels")
        data = whole(path, LARGEST)
    except FileNotFoundError:
        raise FileError(f"{option} {path} does not exist{similar_files(path)}") from None
    except OSError as error:
        raise FileError(f"{option} {path} cannot be read: {error.strerror or error}") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UsageError(f"{option} {path} is no text in UTF-8: save it as such") from None
    if "\0" in text:
        raise UsageError(f"{option} {path} is no text")
    return text
