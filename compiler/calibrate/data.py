"""What users calibrate with, as a stream of checked samples: nothing is held but the batch at hand.

Files (.npz with arrays named as the model's inputs, .npy), arrays, any iterable of arrays, dicts or tuples, ONNX
Runtime's CalibrationDataReader, and what `sources.py` knows: folders of images, data sets. Everything that does not fit
the model is a `UsageError` that names the input.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate.sources import PIECE_BYTES, Source, by_inputs
from dyadic.runtime.errors import UsageError
from dyadic.runtime.named_arrays import (
    LABELS,
    NamedArrays,
    as_labels,
    check_finite,
    check_labels,
    check_names,
    count_of,
)
from dyadic.runtime.pictures import Pictures, batch_of_images, is_image
from dyadic.runtime.wording import kind_of, looks_like

Array = npt.NDArray[Any]
Feeds = dict[str, npt.NDArray[Any]]  # float32 or int32, as the network reads it, and int64 under "labels"

KEPT = 32
JOINED = 32  # items of a data set in a batch


@dataclass(frozen=True)
class Input:
    """One input of the model: its name and the shape of one sample, without the batch.

    One that holds integers says what users give them as, and which ones it takes. `fixed`: of a model that is compiled
    for the batch it has, whether the array of one set has a 1 in front of `sample` (`qd.fixed`)."""

    name: str
    sample: tuple[int, ...]
    dtype: str = "float32"
    limits: tuple[int, int] | None = None
    fixed: str = ""

    def __str__(self) -> str:
        return f'"{self.name}" {self.shape}'

    @property
    def shape(self) -> str:
        return f"[{', '.join(['N', *map(str, self.own)])}]"

    @property
    def own(self) -> tuple[int, ...]:
        """The shape of a sample as the model has it: with its fixed batch."""
        return (1, *self.sample) if self.fixed == "one" else self.sample


class Samples:
    """`for feeds in Samples(...)`: batches of any size, each input in the model's shape, float32 and finite, or int32
    and inside its limits."""

    def __init__(
        self,
        data: object,
        inputs: Iterable[Input],
        what: str = "calibration data",
        labels: bool = False,
        classes: int | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        """With `labels`, batches hold those under "labels" too, where the data has any; each must be one of `classes`,
        where it is known how many there are. `pictures` makes what the network reads of images and pixels."""
        self.inputs = tuple(inputs)
        self._shown = {i.name: str(i) for i in self.inputs}
        self.what = what
        self.pictures = pictures
        self.first: list[Feeds] = []  # the first few samples that went by, for a closer look afterwards
        self.seen = 0
        self._labels, self._classes = labels, classes
        self._data = data
        self.total: int | None = None  # known for files and arrays
        if isinstance(data, str | os.PathLike):
            self.what = f"{what} {os.fspath(data)}"
            self._file = NamedArrays(Path(data), self.what)
            self._members = self._file.of(self._shown, [LABELS] if self._labels else [])
            for i in self.inputs:
                if not self._of_pictures(i):
                    self._check_kind(i, self._members[i.name].whole_shape, self._members[i.name].dtype)
            if LABELS in self._members and self._labels:
                check_labels(self._members[LABELS].whole_shape, self._members[LABELS].dtype, self.what)
            self.total = count_of({name: member.shape[0] for name, member in self._members.items()}, self.what)
        elif isinstance(data, Source):
            self.what, self.total = data.what, data.total
        elif self._whole(data):
            arrays = self._named(data)
            self.total = count_of({name: len(a) if a.ndim else 0 for name, a in arrays.items()}, self.what)

    @property
    def once(self) -> bool:
        """Whether reading it uses it up: an iterator, or a CalibrationDataReader."""
        return hasattr(self._data, "get_next") or isinstance(self._data, Iterator)

    def __iter__(self) -> Iterator[Feeds]:
        self.first, self.seen = [], 0
        for feeds in self._batches():
            if self.seen < KEPT:
                self.first.append({name: value[: KEPT - self.seen].copy() for name, value in feeds.items()})
            self.seen += len(next(iter(feeds.values())))
            yield feeds

    def _batches(self) -> Iterator[Feeds]:
        """All samples, checked; no batch is empty."""
        seen = 0
        for raw in self._raw():
            feeds: Feeds = {i.name: self._checked(i, self._pictured(i, raw[i.name]), seen) for i in self.inputs}
            if self._labels and LABELS in raw:
                feeds[LABELS] = self._checked_labels(raw[LABELS], seen)
            count = count_of({name: len(value) for name, value in feeds.items()}, self.what)
            seen += count
            if count:
                yield feeds
        if seen == 0:
            raise UsageError(f"{self.what} holds no samples; at least one is needed, a hundred are a good start")

    def _raw(self) -> Iterator[dict[str, Array]]:
        data = self._data
        if isinstance(data, str | os.PathLike):
            yield from self._pieces()
        elif isinstance(data, Source):
            yield from joined(map(self._named, data), JOINED)
        elif self._whole(data):
            yield from in_pieces(self._named(data))
        elif (get_next := getattr(data, "get_next", None)) is not None:
            while (item := get_next()) is not None:
                yield self._named(item)
        elif isinstance(data, Iterable) and not isinstance(data, bytes | bytearray) and not hasattr(data, "read"):
            for item in data:
                yield self._named(item)
        else:
            raise UsageError(
                f"{self.what} of type {type(data).__name__} cannot be read; give a .npz or .npy file, an array, "
                "a dict of arrays, an iterable of them, or a CalibrationDataReader"
            )

    @staticmethod
    def _whole(data: object) -> bool:
        return isinstance(data, Mapping) or hasattr(data, "__array__")

    def _named(self, item: object) -> dict[str, Array]:
        """One item of the user's, as arrays by input name."""
        item = by_inputs(item, tuple(i.name for i in self.inputs))
        if isinstance(item, Mapping):
            check_names(list(item), self._shown, self.what)
            named = {i.name: self._array(i, item[i.name]) for i in self.inputs}
            return named | {LABELS: as_array(item[LABELS])} if LABELS in item else named
        if isinstance(item, tuple | list) and not isinstance(item[0] if item else None, int | float):
            # One place an input; a last place more is the labels, as data loaders yield them.
            if len(item) not in (len(self.inputs), len(self.inputs) + 1):
                raise UsageError(
                    f"{self.what} yields {len(item)} arrays at a time, the model has {len(self.inputs)} inputs: "
                    f"{', '.join(map(str, self.inputs))}"
                )
            named = {i.name: self._array(i, value) for i, value in zip(self.inputs, item, strict=False)}
            return named | {LABELS: as_array(item[-1])} if len(item) > len(self.inputs) else named
        if len(self.inputs) != 1:
            raise UsageError(
                f"{self.what} yields single arrays, the model has {len(self.inputs)} inputs: "
                f"{', '.join(map(str, self.inputs))}; yield dicts of arrays"
            )
        return {self.inputs[0].name: self._array(self.inputs[0], item)}

    def _array(self, wanted: Input, value: object) -> Array:
        if is_image(value):
            return self._of_image(wanted, value)
        try:
            array = as_array(value)
        except (TypeError, ValueError, RuntimeError) as error:  # NotImplementedError is a RuntimeError
            said = " ".join(str(error).split())[:200]
            raise UsageError(f'{self.what}: "{wanted.name}" is {kind_of(value)}, which is no array: {said}') from error
        if self.pictures is not None and self._of_pictures(wanted):
            return batch_of_images(array, self.pictures.target, f'{self.what}: "{wanted.name}"')
        return array[None] if array.shape == wanted.sample else array

    def _of_pictures(self, wanted: Input) -> bool:
        """Whether what it reads is made of images."""
        return self.pictures is not None and self.pictures.target.name == wanted.name

    def _of_image(self, wanted: Input, value: object) -> Array:
        if self.pictures is None or not self._of_pictures(wanted):
            raise UsageError(
                f'{self.what} yields images: say by --preprocess what "{wanted.name}" {wanted.shape} is made of them'
            )
        return self.pictures.of_image(cast("Any", value), f"an image of {self.what}")[None]

    def _pictured(self, wanted: Input, array: Array) -> Array:
        """Pixels as the network reads them."""
        if self.pictures is None or not self._of_pictures(wanted) or array.dtype.kind not in "fiub":
            return array
        return self.pictures.of_array(array, f'{self.what}: "{wanted.name}"')

    def _checked(self, wanted: Input, array: Array, first: int) -> npt.NDArray[np.float32 | np.int32]:
        self._check_kind(wanted, array.shape, array.dtype)
        array = array.reshape(len(array), *wanted.sample)
        if wanted.limits is not None:
            return self._checked_integers(wanted, array, first, *wanted.limits)
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and refused
            array = np.ascontiguousarray(array, np.float32)
        check_finite(array, wanted.name, self.what, first)
        return array

    def _checked_integers(self, wanted: Input, array: Array, first: int, low: int, high: int) -> npt.NDArray[np.int32]:
        """Whole numbers, whatever type they are stored as."""
        whole = array.astype(np.int64) if array.dtype.kind != "f" else np.nan_to_num(array, nan=-np.inf)
        right = (whole >= low) & (whole <= high) & (whole == np.rint(whole))
        if not right.all():
            sample, *place = np.argwhere(~right)[0]
            raise UsageError(
                f'{self.what}: sample {first + int(sample)} of "{wanted.name}" holds {array[(sample, *place)]} at '
                f"{[int(i) for i in place]}; the model reads whole numbers from {low} to {high}"
            )
        return np.ascontiguousarray(whole, np.int32)

    def _check_kind(self, wanted: Input, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Of files before anything of the size that they name is read."""
        if dtype.kind not in "fiub":
            raise UsageError(f'{self.what}: array "{wanted.name}" holds {dtype}, the model reads numbers')
        if shape[1:] not in (wanted.sample, wanted.own) or not shape:
            raise UsageError(
                f'{self.what}: array "{wanted.name}" has shape {list(shape)}, the model reads {wanted.shape}'
                + looks_like(
                    shape,
                    wanted.sample,
                    "say --preprocess {} or ",
                    ": images of another size; --preprocess resizes uint8 pixels and images of a folder",
                )
            )

    def _checked_labels(self, array: Array, first: int) -> npt.NDArray[np.int64]:
        labels = as_labels(array, self.what)
        if self._classes is not None and (wrong := np.flatnonzero((labels < 0) | (labels >= self._classes))).size:
            raise UsageError(
                f'{self.what}: "{LABELS}" of sample {first + int(wrong[0])} is {labels[wrong[0]]}; the model has '
                f"{self._classes} classes, numbered from 0"
            )
        return labels

    def _pieces(self) -> Iterator[dict[str, Array]]:
        row_bytes = max(member.row_bytes for member in self._members.values())
        rows = max(1, PIECE_BYTES // max(1, row_bytes))
        streams = {name: member.pieces(rows) for name, member in self._members.items()}
        with self._file.read():
            yield from (dict(zip(streams, pieces, strict=True)) for pieces in zip(*streams.values(), strict=True))


def as_array(value: object) -> Array:
    """Anything that holds numbers; a torch tensor that requires a gradient refuses to be an array by itself, and one of
    bfloat16 is none to NumPy."""
    detach = getattr(value, "detach", None)
    if detach is None:
        return np.asarray(value)
    tensor = detach().cpu()
    return np.asarray(tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor)


def in_pieces(arrays: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """Rows of whole arrays, so many at a time as are read of a file."""
    count = max((len(array) for array in arrays.values() if array.ndim), default=0)
    sizes = {name: 4 * array.size // max(1, count) for name, array in arrays.items()}
    rows = max(1, PIECE_BYTES // max(1, *sizes.values()))
    if any(not array.ndim or len(array) != count for array in arrays.values()) or count <= rows:
        yield arrays
        return
    for start in range(0, count, rows):
        yield {name: array[start : start + rows] for name, array in arrays.items()}


def joined(items: Iterable[dict[str, Array]], rows: int) -> Iterator[dict[str, Array]]:
    """Batches of at least so many rows, of items with the same names and shapes; larger ones stay as they are."""
    waiting: list[dict[str, Array]] = []
    for item in items:
        item = {name: array if array.ndim else array[None] for name, array in item.items()}
        if waiting and shapes_of(item) != shapes_of(waiting[0]):
            yield one_of(waiting)
            waiting = []
        waiting.append(item)
        if sum(len(next(iter(each.values()))) for each in waiting) >= rows:
            yield one_of(waiting)
            waiting = []
    if waiting:
        yield one_of(waiting)


def shapes_of(item: dict[str, Array]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape[1:] for name, array in item.items()}


def one_of(items: list[dict[str, Array]]) -> dict[str, Array]:
    if len(items) == 1:
        return items[0]
    return {name: np.concatenate([item[name] for item in items]) for name in items[0]}


def rebatch(feeds: Feeds, rows: int) -> Iterator[Feeds]:
    for i in range(0, len(next(iter(feeds.values()))), rows):
        yield {name: value[i : i + rows].copy() for name, value in feeds.items()}


def first_batches(samples: Iterable[Feeds], rows: int, most: int) -> Iterator[Feeds]:
    """The first `most` samples, at most `rows` at a time, without labels; no more is read than they need."""
    left = most
    for feeds in samples:
        yield from rebatch({name: value[:left] for name, value in feeds.items() if name != LABELS}, rows)
        left -= len(next(iter(feeds.values())))
        if left <= 0:
            return
