"""Where samples come from that are more than arrays: folders of images, and data sets that are asked for items.

A `Source` is read any number of times and gives the same each time. `Samples` (`data.py`) checks what comes out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from dyadic.runtime.errors import UsageError
from dyadic.runtime.image_folder import ImageFolder
from dyadic.runtime.named_arrays import LABELS
from dyadic.runtime.pictures import Pictures
from dyadic.runtime.preprocess import Pixels

PIECE_BYTES = 32 << 20  # of a batch, as the network reads it
KEPT_BYTES = 128 << 20  # of pixels, so that small sets are decoded once
TURNS = 8  # a data set is gone through so often, a part of it each time

# what data sets call an image and its class
IMAGE_KEYS = ("image", "img", "images", "pixel_values", "pixels", "picture")
LABEL_KEYS = (LABELS, "label", "fine_label", "target", "class", "targets")


@runtime_checkable
class Source(Protocol):
    """`total` samples, None where nobody knows; `what` it is in messages."""

    what: str
    total: int | None

    def __iter__(self) -> Iterator[object]:
        """Items as `Samples` takes them from an iterable."""
        ...

    @property
    def record(self) -> dict[str, Any]:
        """For the artifact: what it was, not where it lay."""
        ...


class FolderSource:
    """Images as pixels of the right size, in batches, decoded as they are asked for."""

    def __init__(self, folder: ImageFolder, pictures: Pictures, input: str, names: Sequence[str] = ()) -> None:
        """names: of the classes that labels number, where they are known."""
        self.folder, self.pictures, self.input, self.names = folder, pictures, input, tuple(names)
        self.what, self.total = folder.what, len(folder)
        self._kept: dict[int, Pixels] = {}
        self._room = KEPT_BYTES

    def __iter__(self) -> Iterator[dict[str, npt.NDArray[Any]]]:
        height, width = self.pictures.target.size
        rows = max(1, PIECE_BYTES // (4 * height * width * self.pictures.target.channels))
        for start in range(0, len(self.folder), rows):
            places = range(start, min(start + rows, len(self.folder)))
            batch: dict[str, npt.NDArray[Any]] = {self.input: np.stack([self._pixels(i) for i in places])}
            if self.folder.labels is not None:
                batch[LABELS] = np.array([self.folder.labels[i] for i in places], np.int64)
            yield batch

    def _pixels(self, place: int) -> Pixels:
        if place in self._kept:
            return self._kept[place]
        pixels = self.pictures.of_file(self.folder.path / self.folder.files[place], self.folder.named(place))
        if pixels.nbytes <= self._room:
            self._kept[place] = np.ascontiguousarray(pixels)
            self._room -= pixels.nbytes
        return pixels

    @property
    def record(self) -> dict[str, Any]:
        name = self.folder.path.resolve().name
        return {"name": name, "images": len(self.folder), "sha256": self.folder.digest()}


class DatasetSource:
    """What has a length and items by number (torch's Dataset, Hugging Face's): arrays, images, (sample, label), dicts.

    Of a longer one `most` items are taken, spread evenly, in turns, so that those that come last are from everywhere.
    """

    def __init__(self, dataset: Any, what: str, most: int | None = None) -> None:
        self.dataset, self.what = dataset, what
        count = len(dataset)
        self.total = count if most is None else min(most, count)
        self.places = [i * count // self.total for i in range(self.total)]
        if most is not None:
            self.places = [i for turn in range(TURNS) for i in self.places[turn::TURNS]]

    def __iter__(self) -> Iterator[object]:
        for place in self.places:
            try:
                item = self.dataset[place]
            except (IndexError, KeyError) as error:
                raise UsageError(
                    f"{self.what}: item {place} of {len(self.dataset)} cannot be had: {type(error).__name__}: {error}"
                ) from error
            yield item

    @property
    def record(self) -> dict[str, Any]:
        return {"name": type(self.dataset).__name__, "items": len(self.dataset)}


def is_dataset(data: object) -> bool:
    """Whether it is asked for items by number, as torch's and Hugging Face's data sets are."""
    if isinstance(data, Mapping | list | tuple | str | bytes | Iterator) or hasattr(data, "__array__"):
        return False
    if any(kind.__name__ == "IterableDataset" for kind in type(data).__mro__):  # torch's has a __getitem__ that fails
        return False
    return hasattr(type(data), "__getitem__") and length_of(data) is not None


def length_of(data: object) -> int | None:
    try:
        return len(data)  # pyright: ignore[reportArgumentType]  # asked, not known
    except TypeError:
        return None


def by_inputs(item: object, inputs: tuple[str, ...]) -> object:
    """A dict of a data set under the names of the inputs: {"image": ..., "label": 3} for a network of one input."""
    if not isinstance(item, Mapping):
        return item
    named = dict(item)
    if len(inputs) == 1 and inputs[0] not in named:
        images = [key for key in IMAGE_KEYS if key in named]
        if images:
            named[inputs[0]] = named.pop(images[0])
    labels = [key for key in LABEL_KEYS if key in named]
    if labels and LABELS not in named and labels[0] not in inputs:
        named[LABELS] = named.pop(labels[0])
    return named
