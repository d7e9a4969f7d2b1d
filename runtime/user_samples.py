"""Samples for an artifact, from files: `.npz`, `.npy`, an image, or a folder of images with what was recorded of them.

    with dyadic.load("model.dyq", max_batch=16) as session:
        samples = open_samples("photos", session)
        for feeds, labels in samples:
            logits, = session.run(None, feeds)

Nothing is held but the batch at hand. An artifact that was compiled with `--preprocess` says what is made of images.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.image_folder import ImageFolder, images_in, labelled
from dyadic.runtime.label_files import class_names, labelled_by_csv
from dyadic.runtime.named_arrays import LABELS, NamedArrays, as_labels, check_finite, check_labels, count_of
from dyadic.runtime.pictures import SUFFIXES, Pictures
from dyadic.runtime.preprocess import LAYOUTS, ORDERS, image_target, recorded
from dyadic.runtime.session import Session
from dyadic.runtime.tensor_info import TensorInfo, inputs_shown

Batch = tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.int64] | None]  # feeds of a session, and labels


class UserSamples:
    """`for feeds, labels in samples:` batches of at most the session's `max_batch`; labels are None where there are
    none.

    `total` samples; `files` are their names where each is one; `notes` is what is to be said of them.
    """

    def __init__(
        self, total: int, batches: Iterator[Batch], files: Sequence[str] = (), notes: Sequence[str] = ()
    ) -> None:
        self.total, self.files, self.notes = total, tuple(files), tuple(notes)
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        """Once."""
        return self._batches


def open_samples(
    path: str | os.PathLike[str],
    session: Session,
    *,
    labels: Path | None = None,
    classes: Path | None = None,
    labels_needed: bool = False,
    labels_are_classes: bool = True,
    what: str = "",
) -> UserSamples:
    """Samples of a file or a folder, as `session` takes them.

    labels: a csv of file,label for a folder of images (else by sub-folder). classes: names of all classes, one a line.
    labels_needed: refuse data without any. labels_are_classes: else those of arrays are a metric's own, whatever they
    are, and not read here. what: what the data are in messages (default: the path).

    Raises:
        FileError: something cannot be read.
        UsageError: it does not fit the network, or there are no labels where they are needed.
        ArtifactError: the artifact's record of its preprocessing is damaged.
    """
    path = Path(path)
    what = what or f"'{path}'"
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        return _of_images(path, session, labels, classes, labels_needed, what)
    if labels is not None or classes is not None:
        raise UsageError(f"{what}: --labels and --classes are for folders of images; arrays have theirs in 'labels'")
    return _of_arrays(path, session, labels_needed, labels_are_classes, what)


def pictures_of(session: Session) -> Pictures | None:
    """What the artifact's record makes of images; None where it was compiled without."""
    said = session.made.get("preprocess")
    if said is None:
        return None
    info = next((one for one in session.inputs if isinstance(said, dict) and one.name == said.get("input")), None)
    if info is None:
        raise ArtifactError("the artifact's record of its preprocessing names an input that it does not have")
    raw = said.get("pixels", "")
    sample = [int(size) for size in info.batch_first[1:]]
    if raw in LAYOUTS and len(sample) == 3:  # the network itself has channels where its preprocessing says
        height_width = sample[1:] if raw == "nchw" else sample[:2]
        channels = sample[0] if raw == "nchw" else sample[2]
        first = "layout=nchw" in str(said.get("text"))
        sample = [channels, *height_width] if first else [*height_width, channels]
    target = image_target(info.name, sample)
    if target is None or raw not in ("", *LAYOUTS):
        raise ArtifactError("the artifact's record of its preprocessing does not fit its input")
    colours = said.get("colours", "")
    if colours not in ("", *ORDERS):
        raise ArtifactError("the artifact's record of its preprocessing names no order of colours")
    return Pictures(target, recorded(said, target), raw, colours)


def _of_images(
    path: Path, session: Session, labels: Path | None, classes: Path | None, needed: bool, what: str
) -> UserSamples:
    pictures = pictures_of(session)
    if pictures is None:
        raise UsageError(
            f"{what} is made of images, and the artifact does not say what the network reads of them: compile it with "
            "--preprocess, or give a .npz file"
        )
    if len(session.inputs) > 1:
        raise UsageError(
            f"{what} is made of images, but the network has {len(session.inputs)} inputs: give a .npz file"
        )
    if not path.is_dir():
        folder = ImageFolder(path.parent, what, (path.name,))
    else:
        folder = images_in(path, what)
        count = _classes_of(session)
        names = class_names(classes) if classes is not None else _names(session.made.get("classes"))
        if labels is not None:
            folder = labelled_by_csv(folder, labels, count, names)
        else:
            folder = labelled(folder, count, names, needed=needed)
    if needed and folder.labels is None:
        raise UsageError(f"{what} has no labels: put images into sub-folders by class, or give --labels FILE.csv")
    name, rows = pictures.target.name, session.max_batch

    def batches() -> Iterator[Batch]:
        for start in range(0, len(folder), rows):
            places = range(start, min(start + rows, len(folder)))
            pixels = np.stack([pictures.of_file(folder.path / folder.files[i], folder.named(i)) for i in places])
            right = None if folder.labels is None else np.array([folder.labels[i] for i in places], np.int64)
            yield {name: pictures.finished(pixels)}, right

    notes = list(folder.notes)
    if folder.others:
        notes.append(f"{folder.what}: {folder.others} files that are no images were left out")
    return UserSamples(len(folder), batches(), folder.files, notes)


def _of_arrays(path: Path, session: Session, needed: bool, classes: bool, what: str) -> UserSamples:
    wanted = inputs_shown(session.inputs)
    beside = [LABELS] if classes and LABELS not in wanted else []
    file = NamedArrays(path, what)
    members = file.of(wanted, beside)
    if needed and LABELS not in members:
        has = ", ".join(f'"{name}"' for name in file.names) or "one array"
        raise UsageError(
            f'{what} has no array named "{LABELS}" (it has: {has}): the number of the right class of each sample'
        )
    if beside and LABELS in members:
        check_labels(members[LABELS].whole_shape, members[LABELS].dtype, what)
    total = count_of({name: member.shape[0] for name, member in members.items()}, what)
    if not total:
        raise UsageError(f"{what} holds no samples")
    pictures = pictures_of(session)

    def pieces() -> Iterator[dict[str, npt.NDArray[Any]]]:
        streams = {name: member.pieces(session.max_batch) for name, member in members.items()}
        with file.read():
            yield from (dict(zip(streams, rows, strict=True)) for rows in zip(*streams.values(), strict=True))

    def batches() -> Iterator[Batch]:
        done = 0
        for arrays in pieces():
            right = arrays.pop(LABELS, None) if beside else None
            if pictures is not None:
                name = pictures.target.name
                arrays[name] = as_it_reads(arrays[name], session, pictures, f'{what}: "{name}"')
            for info in session.inputs:
                array = arrays[info.name] = float32_of(arrays[info.name], info)
                if array.dtype.kind == "f":
                    check_finite(array, info.name, what, done)
            done += len(next(iter(arrays.values())))
            yield arrays, None if right is None else as_labels(right, what)

    return UserSamples(total, batches())


def as_it_reads(array: npt.NDArray[Any], session: Session, pictures: Pictures, what: str) -> npt.NDArray[Any]:
    """What the input takes already stays; pixels are preprocessed."""
    info = next(one for one in session.inputs if one.name == pictures.target.name)
    if array.shape[1:] == info.batch_first[1:] and array.dtype == info.dtype:
        return array
    return pictures.of_array(array, what)


def float32_of(array: npt.NDArray[Any], info: TensorInfo) -> npt.NDArray[Any]:
    """Floats in a file, of any width and order of bytes, as a float input takes them; all else stays, for sessions to
    refuse by name."""
    if info.dtype != np.float32 or array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def _classes_of(session: Session) -> int | None:
    """How many classes the first output tells apart, where it is a row of them."""
    sizes = session.outputs[0].batch_first
    return int(sizes[1]) if len(sizes) == 2 and int(sizes[1]) > 1 else None


def _names(said: object) -> list[str]:
    return said if isinstance(said, list) and all(isinstance(name, str) for name in said) else []
