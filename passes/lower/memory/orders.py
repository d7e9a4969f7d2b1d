"""The order in which dimensions lie in memory, and what reshapes make of it. Numbers only, no IR.

An order lists a tensor's dimensions as they follow each other in memory, the outermost first: for an image [N,C,H,W]
(0, 1, 2, 3) is as the model has it and (0, 2, 3, 1) channels last. Dimension 0 is the batch and comes first in all of
them. Dimensions of size 1 may stand anywhere.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

DimOrder = tuple[int, ...]
Sizes = Sequence[int]

CHANNELS_LAST: DimOrder = (0, 2, 3, 1)  # of an image [N,C,H,W]


class Move(NamedTuple):
    """A tensor in memory, seen as `sizes`, is permuted; the result is then seen under another shape."""

    sizes: list[int]
    permutation: list[int]


class Group(NamedTuple):
    """Neighbouring dimensions of a tensor that become neighbouring dimensions of its reshape."""

    before: list[int]
    after: list[int]


def models(rank: int) -> DimOrder:
    """The model's own order.

    >>> models(3)
    (0, 1, 2)
    """
    return tuple(range(rank))


def in_memory(sizes: Sizes, order: DimOrder) -> list[int]:
    """The shape of a tensor as it lies in memory.

    >>> in_memory([1, 3, 4, 5], CHANNELS_LAST)
    [1, 4, 5, 3]
    """
    return [sizes[d] for d in order]


def inverse(order: Sequence[int]) -> list[int]:
    """The permutation that undoes `order`.

    >>> inverse([0, 2, 3, 1])
    [0, 3, 1, 2]
    """
    return [order.index(d) for d in range(len(order))]


def significant(sizes: Sizes, order: Sequence[int]) -> list[int]:
    """`order` without the dimensions of size 1, the batch kept.

    >>> significant([1, 3, 1, 5], [0, 2, 3, 1])
    [0, 3, 1]
    """
    return [d for d in order if d == 0 or sizes[d] != 1]


def same(sizes: Sizes, a: DimOrder, b: DimOrder) -> bool:
    """Whether two orders put the numbers of a tensor into the same places.

    >>> same([1, 8, 1, 1], (0, 1, 2, 3), CHANNELS_LAST), same([1, 8, 2, 1], (0, 1, 2, 3), CHANNELS_LAST)
    (True, False)
    """
    return significant(sizes, a) == significant(sizes, b)


def transposed(permutation: Sequence[int], order: DimOrder) -> DimOrder:
    """The order of a transpose's result that leaves every number in its place, `order` being that of its input.

    >>> transposed([0, 2, 3, 1], (0, 2, 3, 1))
    (0, 1, 2, 3)
    """
    places = inverse(permutation)
    return tuple(places[d] for d in order)


def groups(before: Sizes, after: Sizes) -> list[Group]:
    """The finest way to cut both shapes into pieces of equal size, the batch apart.

    >>> [tuple(group) for group in groups([1, 6, 4, 5], [1, 2, 3, 20])]
    [([0], [0]), ([1], [1, 2]), ([2, 3], [3])]
    """
    made, i, j = [Group([0], [0])], 1, 1
    while i < len(before) or j < len(after):
        group, have, want = Group([], []), 1, 1
        while not group.before or not group.after or have != want:
            if i < len(before) and (not group.before or have < want or j == len(after)):
                group.before.append(i)
                have, i = have * before[i], i + 1
            elif j < len(after):
                group.after.append(j)
                want, j = want * after[j], j + 1
            else:
                break  # what is left over has size 1
        made.append(group)
    return made


def through_reshape(before: Sizes, after: Sizes, order: DimOrder) -> DimOrder | None:
    """The order of a reshape's result that leaves every number in its place, None where there is none.

    >>> through_reshape([1, 8, 4, 5], [1, 2, 4, 4, 5], (0, 2, 3, 1))
    (0, 3, 4, 1, 2)
    >>> through_reshape([1, 8, 4, 5], [1, 32, 5], (0, 2, 3, 1)) is None
    True
    """
    places = {d: place for place, d in enumerate(significant(before, order))}
    found: list[tuple[float, list[int]]] = []
    last = 0.0
    for group in groups(before, after):
        at = [places[d] for d in group.before if d in places]
        if any(b != a + 1 for a, b in pairwise(at)):
            return None
        last = at[0] if at else last + 1e-6  # what has size 1 follows whatever is before it
        found.append((last, group.after))
    return tuple(d for _, after_dims in sorted(found, key=lambda one: one[0]) for d in after_dims)


def move(before: Sizes, after: Sizes, start: DimOrder, end: DimOrder) -> Move | None:
    """How to get from a tensor in order `start` to its reshape in order `end` with one permutation.

    None where no one permutation does it.

    >>> move([1, 8, 4, 5], [1, 2, 4, 4, 5], (0, 2, 3, 1), (0, 1, 2, 3, 4))
    Move(sizes=[1, 4, 5, 2, 4], permutation=[0, 3, 4, 1, 2])
    """
    parts_before: dict[int, list[int]] = {0: [0]}
    parts_after: dict[int, list[int]] = {0: [0]}
    sizes = [before[0]]
    for group in groups(before, after)[1:]:
        pieces = common_refinement([before[d] for d in group.before], [after[d] for d in group.after])
        if pieces is None:  # such a group can move as a whole only
            if not (_together(before, start, group.before) and _together(after, end, group.after)):
                return None
            pieces = [prod(before[d] for d in group.before)]
            parts_before |= {d: [] for d in group.before}
            parts_after |= {d: [] for d in group.after}
            parts_before[significant(before, group.before)[0]] = [len(sizes)]
            parts_after[significant(after, group.after)[0]] = [len(sizes)]
        else:
            numbered = list(range(len(sizes), len(sizes) + len(pieces)))
            parts_before |= _cut(group.before, [before[d] for d in group.before], pieces, numbered)
            parts_after |= _cut(group.after, [after[d] for d in group.after], pieces, numbered)
        sizes += pieces
    source = [part for d in start for part in parts_before[d]]
    target = [part for d in end for part in parts_after[d]]
    return Move([sizes[part] for part in source], [source.index(part) for part in target])


def _together(sizes: Sizes, order: DimOrder, dims: Sequence[int]) -> bool:
    """Whether `dims` follow each other in memory."""
    places = significant(sizes, order)
    at = [places.index(d) for d in dims if d in places]
    return all(b == a + 1 for a, b in pairwise(at))


def _cut(dims: list[int], sizes: list[int], pieces: list[int], numbered: list[int]) -> dict[int, list[int]]:
    """Which pieces each dimension is made of."""
    parts: dict[int, list[int]] = {}
    waiting = list(zip(pieces, numbered, strict=True))
    for d, size in zip(dims, sizes, strict=True):
        parts[d], have = [], 1
        while have < size:
            piece, number = waiting.pop(0)
            parts[d].append(number)
            have *= piece
    return parts


def common_refinement(a: Sequence[int], b: Sequence[int]) -> list[int] | None:
    """The coarsest shape that both row-major shapes divide into, so that each of its dimensions has one stride in both.

    >>> common_refinement([6, 4], [24])
    [6, 4]
    >>> common_refinement([4, 6], [8, 3])
    [4, 2, 3]
    >>> common_refinement([4, 6], [3, 8]) is None, common_refinement([1], [1, 1])
    (True, [])
    """

    # places where a row of either shape begins, as distances in elements
    def distances(sizes: Sequence[int]) -> set[int]:
        return {prod(sizes[d:]) for d in range(len(sizes) + 1)}

    every = sorted(distances(a) | distances(b), reverse=True)
    if any(big % small for big, small in pairwise(every)):
        return None
    return [big // small for big, small in pairwise(every)]
