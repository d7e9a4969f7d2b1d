"""Samples that are images: what is made of them, where they come from, and what their classes are."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dyadic.compiler.calibrate.data import Input
from dyadic.compiler.calibrate.sources import DatasetSource, FolderSource, is_dataset
from dyadic.compiler.job import Job
from dyadic.compiler.progress import Progress
from dyadic.runtime.errors import UsageError
from dyadic.runtime.image_folder import ImageFolder, images_in, labelled
from dyadic.runtime.label_files import class_names, labelled_by_csv
from dyadic.runtime.pictures import SUFFIXES, Pictures
from dyadic.runtime.preprocess import FORM, NCHW, NHWC, Target, image_target, parse

NAME_KEYS = ("names", "classes", "class_names", "labels", "id2label")  # of metadata


def pictures_of(job: Job, inputs: Sequence[Input], pixels: Mapping[str, int] | None = None) -> Pictures | None:
    """What `--preprocess` makes of images; None where it is not given.

    pixels: the inputs that are given as pixels, with the dimension of the channels in the user's own model.

    Raises:
        UsageError: it does not fit the model.
    """
    if job.preprocess is None:
        return None
    if not pixels:
        target = the_target(inputs, "--preprocess is for images")
        return Pictures(target, parse(job.preprocess, target))
    ((name, axis),) = pixels.items()
    layout = NCHW if axis == 1 else NHWC
    raw = layout if job.input_layout == "model" else job.input_layout
    sample = next(one.sample for one in inputs if one.name == name)
    channels, *size = sample if raw == NCHW else (sample[2], *sample[:2])
    target = Target(name, channels, size[0], size[1], layout)
    order = "" if job.input_channels == "model" else job.input_channels
    return Pictures(target, parse(job.preprocess, target), raw, order)


def the_target(
    inputs: Sequence[Input], why: str, instead: str = "give a .npz file with arrays of these names"
) -> Target:
    """The one input that takes images."""
    targets = [image_target(one.name, one.sample) for one in inputs if one.limits is None]
    found = [one for one in targets if one is not None]
    if len(found) != 1:
        has = "none of them takes images" if not found else f"{len(found)} of them could"
        raise UsageError(
            f"{why} for one input of 1 or 3 channels, height and width; the model reads {', '.join(map(str, inputs))}: "
            f"{has}; {instead}"
        )
    return found[0]


def read_from(
    given: object,
    job: Job,
    inputs: Sequence[Input],
    what: str,
    pictures: Pictures | None,
    classes: int | None,
    progress: Progress,
) -> object:
    """What the user gave, in a form that `Samples` reads: folders of images and data sets become sources.

    what: "calibration data", of which so many are taken as `--calibration-samples` says, "evaluation data", which
    need labels, or others.
    """
    learned, judged = what == "calibration data", what == "evaluation data"
    most = job.calibration_samples if learned else None
    if is_dataset(given):
        source = DatasetSource(given, what, most)
        if source.total < len(source.dataset):
            progress.note(f"{what}: {source.total:,} of {len(source.dataset):,} items are used, spread evenly")
        return source
    if not isinstance(given, str | os.PathLike):
        return given
    path, what = Path(given), f"{what} {os.fspath(given)}"
    one = path.is_file() and path.suffix.lower() in SUFFIXES
    if not one and not path.is_dir():
        return given
    folder = ImageFolder(path.parent, what, (path.name,)) if one else images_in(path, what)
    if pictures is None:
        target = the_target(inputs, f"{what} is a folder of images,")
        raise UsageError(f"{what} is a folder of images: say by --preprocess what {target} is made of them: {FORM}")
    if len(inputs) > 1:
        others = ", ".join(f'"{one.name}"' for one in inputs if one.name != pictures.target.name)
        raise UsageError(f"{what} is a folder of images, but the model reads {others}, too: give a .npz file")
    names = class_names(Path(job.classes)) if job.classes is not None else names_in_model(job.model, classes)
    if job.labels is not None:
        folder = labelled_by_csv(folder, Path(job.labels), classes, names, needed=judged)
    else:
        folder = labelled(folder, classes, names, needed=judged and job.metric is None)
    for note in folder.notes:
        progress.warn(note)
    count = len(folder)
    if learned:
        folder = folder.spread(job.calibration_samples)
    progress.note(f"{what}: {said_of(folder.classes, folder.labels, folder.source, len(folder), count, folder.others)}")
    if not names and folder.source.startswith("sorted"):
        names = folder.classes
    return FolderSource(folder, pictures, pictures.target.name, names)


def said_of(
    classes: Sequence[str], labels: Sequence[int] | None, source: str, used: int, count: int, others: int
) -> str:
    """One line of what a folder holds."""
    said = f"{used:,} of {count:,} images" if used < count else f"{count:,} {'image' if count == 1 else 'images'}"
    said += f", spread over {len(classes)} sub-folders" if classes and used < count else ""
    said += f", {len(set(labels))} classes, {source}" if labels is not None else ", without labels"
    return said + (f"; {others} other files were left out" if others else "")


def names_in_model(model: object, classes: int | None) -> list[str]:
    """The classes of an ONNX model in their order, as its metadata say; empty where they say nothing that fits."""
    from onnx import ModelProto, load, load_from_string

    if isinstance(model, str | os.PathLike):
        proto = load(model, load_external_data=False)
    elif isinstance(model, bytes):
        proto = load_from_string(model)
    elif isinstance(model, ModelProto):
        proto = model
    else:
        return []
    said = {one.key: one.value for one in proto.metadata_props}
    for key in NAME_KEYS:
        names = names_of(said.get(key, ""))
        if names and (classes is None or len(names) == classes) and len(set(names)) == len(names):
            return names
    return []


def names_of(text: str) -> list[str]:
    """A list or a dict by number, as JSON or Python writes it, or names with commas or line ends between.

    >>> names_of("{0: 'cat', 1: 'dog'}"), names_of("cat,dog"), names_of('["cat", "dog"]'), names_of("")
    (['cat', 'dog'], ['cat', 'dog'], ['cat', 'dog'], [])
    """
    value: Any = None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
            break
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    if isinstance(value, dict):
        try:
            value = [name for _, name in sorted((int(number), name) for number, name in value.items())]
        except (TypeError, ValueError):
            return []
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    if value is not None or not text:
        return []
    return [one.strip() for one in text.replace("\n", ",").split(",") if one.strip()]
