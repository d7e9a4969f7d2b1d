"""Evaluation data for a metric of the user's own: the samples in batches, and everything that lies beside them whole.

What lies beside is every array that the model does not read: labels of any type and shape, masks, scores. The model's
inputs are streamed, as everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from dyadic.compiler.calibrate.data import LABELS, Array, Feeds, Input, Samples, as_array
from dyadic.compiler.calibrate.sources import by_inputs
from dyadic.runtime.errors import UsageError
from dyadic.runtime.pictures import Pictures, is_image


class SamplesBeside(Samples):
    """`beside()` is the arrays that are no input: of files and dicts at any time, of iterables once all was read.

    Arrays of a file or a dict may have any shape. Those that an iterable yields have a row for each of its samples,
    and are joined.
    """

    def __init__(
        self,
        data: object,
        inputs: Iterable[Input],
        what: str = "evaluation data",
        pictures: Pictures | None = None,
    ) -> None:
        self._found: list[dict[str, Array]] = []
        super().__init__(data, inputs, what, pictures=pictures)
        if isinstance(data, str | os.PathLike):
            self._found = [self._file.rest(self._members)]

    def __iter__(self) -> Iterator[Feeds]:
        if not isinstance(self._data, str | os.PathLike):
            self._found = []
        yield from super().__iter__()

    def beside(self) -> dict[str, Array]:
        """By name. An iterable that yields a name once yields it always."""
        first = self._found[0] if self._found else {}
        for one in self._found:
            if one.keys() != first.keys():
                names = ", ".join(f'"{name}"' for name in sorted(one.keys() ^ first.keys()))
                raise UsageError(f"{self.what} has {names} for some samples only")
        if len(self._found) <= 1:
            return dict(first)
        return {name: np.concatenate([one[name] for one in self._found]) for name in first}

    def _named(self, item: object) -> dict[str, Array]:
        item = by_inputs(item, tuple(i.name for i in self.inputs))
        named, others = super()._named(item), self._others(item)
        if not isinstance(self._data, Mapping):
            count, alone = len(next(iter(named.values()))), self._alone(item)
            others = {name: array[None] if alone or not array.ndim else array for name, array in others.items()}
            for name, array in others.items():
                if len(array) != count:
                    raise UsageError(f'{self.what} yields {len(array)} rows of "{name}" with {count} samples')
        self._found.append(others)
        return {i.name: named[i.name] for i in self.inputs}

    def _others(self, item: object) -> dict[str, Array]:
        """What the model does not read of an item: by name, or as the labels that data loaders yield last."""
        if isinstance(item, Mapping):
            names = {i.name for i in self.inputs}
            return {str(name): as_array(value) for name, value in item.items() if name not in names}
        if isinstance(item, tuple | list) and len(item) == len(self.inputs) + 1:
            return {LABELS: as_array(item[-1])}
        return {}

    def _alone(self, item: object) -> bool:
        """Whether an item is one sample, without a batch."""
        one = self.inputs[0]
        value = item[one.name] if isinstance(item, Mapping) else item[0] if isinstance(item, tuple | list) else item
        if self.pictures is not None:
            return is_image(value) or as_array(value).ndim < len(one.sample) + 1
        return as_array(value).shape == one.sample
