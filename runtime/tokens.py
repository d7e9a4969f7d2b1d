"""Whole numbers as inputs, and fewer tokens than a program has room for: which of several takes them, what fills up.

The compiler has shown that what is filled up changes no other token's result, whichever program computes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dyadic.runtime.device_array import DeviceArray, Given
from dyadic.runtime.errors import UsageError
from dyadic.runtime.last_function import computed
from dyadic.runtime.program import Output, Program, results_of


def length_of(program: Program) -> int:
    """How many tokens it has room for; 0 where none of its inputs may be shorter than it is."""
    return next((int(t.shape[t.tokens]) for t in program.inputs if t.tokens), 0)


def smallest(programs: Sequence[Program], tokens: int) -> int:
    """The place of the first with room for so many tokens; `programs` have more and more."""
    if len(programs) == 1:
        return 0
    return next((i for i, program in enumerate(programs) if length_of(program) >= tokens), len(programs) - 1)


def filled_up(program: Program, arrays: Sequence[Given], tokens: int) -> list[Given]:
    """The inputs as the program takes them: padded tokens have the id 0 and are not valid."""
    missing = length_of(program) - tokens if tokens else 0
    if missing <= 0:
        return list(arrays)
    return [
        np.pad(array, [(0, missing if d == t.tokens else 0) for d in range(array.ndim)])
        if t.tokens and isinstance(array, np.ndarray)
        else array
        for t, array in zip(program.inputs, arrays, strict=True)
    ]


def check_count(name: str, count: int, most: int) -> None:
    """Raises UsageError where an input has more tokens than the largest program has room for, or none."""
    if not 1 <= count <= most:
        raise UsageError(f"input '{name}' has {count} tokens; the network takes 1 to {most}")


def common_count(counts: Mapping[str, int]) -> int:
    """How many tokens all inputs have; 0 where none has any."""
    first = next(iter(counts), "")
    for name, count in counts.items():
        if count != counts[first]:
            raise UsageError(
                f"input '{name}' has {count} tokens, but '{first}' has {counts[first]}; they must be the same"
            )
    return counts.get(first, 0)


def whole_numbers(name: str, array: np.ndarray, limits: tuple[int, int], dtype: np.dtype[Any]) -> np.ndarray:
    """Whole numbers of any type inside limits, as the network reads them. Raises UsageError."""
    low, high = limits
    if low == 0 and array.size and array.dtype.kind in "iu" and array.dtype.isnative:
        if (
            int(np.maximum.reduce(array.view(f"u{array.itemsize}"), None)) <= high
        ):  # what is below 0 is large without its sign
            return array.astype(dtype)
    inside = (array >= low) & (array <= high)
    if array.dtype.kind == "f":
        inside &= array == np.rint(array)
    if not inside.all():
        place = [int(i) for i in np.argwhere(~inside)[0]]
        saw = f"input '{name}' holds {array[tuple(place)]} at {place}"
        raise UsageError(f"{saw}; the network takes whole numbers from {low} to {high}")
    return array.astype(dtype)


def steps_of(
    name: str, array: np.ndarray, limits: tuple[int, int], zero_point: int, dtype: np.dtype[Any]
) -> np.ndarray:
    """Whole numbers as the network holds them, `zero_point` larger. Raises UsageError."""
    if not zero_point:
        return whole_numbers(name, array, limits, dtype)
    return (whole_numbers(name, array, limits, np.dtype(np.int16)) + zero_point).astype(dtype)


def check_padding(name: str, ids: np.ndarray, padding: int) -> None:
    """Raises UsageError where padding stands in front of another token: the network counts positions from the start."""
    early = (ids[..., :-1] == padding) & (ids[..., 1:] != padding)
    if early.any():
        place = [int(i) for i in np.argwhere(early)[0]]
        raise UsageError(
            f"input '{name}' holds {padding}, which is padding, at {place} in front of other tokens; "
            "this network takes padding at the end alone"
        )


class Results:
    """The user's arrays, and what a program writes: the same, or others that these are made of.

    Those are larger where there are fewer tokens; have the batch first where the user's have it elsewhere, unless all
    are `batch_first`; and hold float32 of the network's own shape where the user's hold whole numbers, or what the
    model does last to them has another shape. With `raw` all are the integers themselves. What is on a device is
    written there as it is.
    """

    def __init__(
        self, program: Program, given: Mapping[str, Given], batch_first: bool = False, raw: bool = False
    ) -> None:
        self.onboard = {name: array for name, array in given.items() if isinstance(array, DeviceArray)}
        self.given = {name: array for name, array in given.items() if isinstance(array, np.ndarray)}
        self.whole, self.raw = dict(self.given), raw
        self.outputs = program.outputs
        self.parts = results_of(program.outputs)
        for output, *_ in self.parts:
            if output.name in self.onboard:
                continue
            array = self.given[output.name]
            if output.batch_axis and not batch_first and not (raw and output.last.ranks):
                array = self.given[output.name] = np.moveaxis(array, output.batch_axis, 0)
                self.whole[output.name] = np.empty(array.shape, array.dtype)
            sizes = (len(array), *(int(n) for n in output.array[1:]))
            if not raw and (output.given or output.last.ranks):
                self.whole[output.name] = np.empty(sizes, np.float32)
            elif output.tokens and array.shape != sizes:
                self.whole[output.name] = np.empty(sizes, array.dtype)

    @property
    def places(self) -> list[Given]:
        """An array for each of the program's outputs."""
        return [self._place(output) for output in self.outputs]

    def _place(self, output: Output) -> Given:
        onboard = self.onboard.get(output.name)
        if onboard is not None:
            return onboard.part((0, *output.start)) if output.whole else onboard
        whole = self.whole[output.name]
        return whole[output.place] if output.whole else whole

    def finish(self, complete: bool = True) -> None:
        """Do what the model does last, what is left out as well where answers are to be `complete`, and copy what is
        the user's."""
        for output, *_ in self.parts:
            if output.name in self.onboard:
                continue
            values, given = self.whole[output.name], self.given[output.name]
            same = values is given
            if not output.last.ranks:
                values = values[tuple(slice(n) for n in given.shape)]
            if not self.raw and output.last.name and (complete or not output.last.left_out):
                values = computed(output.last, values)
            elif same:
                continue
            if given.dtype.kind in "iub" and values.dtype.kind == "f" and not self.raw:
                values = np.rint(values)
            np.copyto(given, values, casting="unsafe")
