"""Whole numbers as inputs, and fewer tokens than a program has room for: which of several takes them, what fills up.

The compiler has shown that what is filled up changes no other token's result, whichever program computes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dyadic.runtime.errors import UsageError
from dyadic.runtime.program import Program


def length_of(program: Program) -> int:
    """How many tokens it has room for; 0 where none of its inputs may be shorter than it is."""
    return next((int(t.shape[t.tokens]) for t in program.inputs if t.tokens), 0)


def smallest(programs: Sequence[Program], tokens: int) -> int:
    """The place of the first with room for so many tokens; `programs` have more and more."""
    if len(programs) == 1:
        return 0
    return next((i for i, program in enumerate(programs) if length_of(program) >= tokens), len(programs) - 1)


def filled_up(program: Program, arrays: Sequence[np.ndarray], tokens: int) -> list[np.ndarray]:
    """The inputs as the program takes them: padded tokens have the id 0 and are not valid."""
    missing = length_of(program) - tokens if tokens else 0
    if missing <= 0:
        return list(arrays)
    return [
        np.pad(array, [(0, missing if d == t.tokens else 0) for d in range(array.ndim)]) if t.tokens else array
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
    """The user's arrays, and what a program writes: the same, or larger ones that are copied from, or with the batch
    first where the user's have it elsewhere, unless all are `batch_first`."""

    def __init__(self, program: Program, given: dict[str, np.ndarray], batch_first: bool = False) -> None:
        self.given = dict(given)
        self.whole = dict(given)
        self.outputs = program.outputs
        for output in self.outputs:
            array = self.given[output.name]
            if output.batch_axis and not batch_first and self.whole[output.name] is array:
                array = self.given[output.name] = np.moveaxis(array, output.batch_axis, 0)
                self.whole[output.name] = np.empty(array.shape, array.dtype)
            if output.tokens:
                sizes = (len(array), *(int(n) for n in output.array[1:]))
                if array.shape != sizes and self.whole[output.name].shape != sizes:
                    self.whole[output.name] = np.empty(sizes, array.dtype)

    @property
    def places(self) -> list[np.ndarray]:
        """An array for each of the program's outputs."""
        wholes = ((self.whole[output.name], output) for output in self.outputs)
        return [whole[output.place] if output.whole else whole for whole, output in wholes]

    def finish(self) -> None:
        """Copy what is the user's."""
        for output in self.outputs:
            whole, given = self.whole[output.name], self.given[output.name]
            if whole is not given:
                np.copyto(given, whole[tuple(slice(n) for n in given.shape)])
