"""Several tensors walked together: which of their dimensions are one in memory. Numbers only, no IR."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

INNER = 3  # dimensions that kernels walk inside a unit: rows, columns, channels


@dataclass(frozen=True)
class Walk:
    """Sizes of the dimensions behind the batch, the outermost first, and every tensor's byte strides along them."""

    sizes: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """How many elements there are."""
        return prod(self.sizes)


def merged(sizes: Sequence[int], *strides: Sequence[int]) -> Walk:
    """Dimensions of size 1 dropped, and neighbours joined that all tensors walk as one.

    >>> merged([2, 3, 1, 4], [12, 4, 4, 1], [60, 20, 5, 1])
    Walk(sizes=(6, 4), strides=((4, 1), (20, 1)))
    """
    if not sizes:  # one number an image
        return Walk((1,), tuple((0,) for _ in strides))
    kept = [d for d in range(len(sizes)) if sizes[d] != 1] or [len(sizes) - 1]
    left, sides = [sizes[d] for d in kept], [[each[d] for d in kept] for each in strides]
    for d in range(len(left) - 2, -1, -1):
        if all(each[d] == each[d + 1] * left[d + 1] for each in sides):
            left[d] *= left.pop(d + 1)
            for each in sides:
                each[d] = each.pop(d + 1)
    return Walk(tuple(left), tuple(tuple(each) for each in sides))


def is_one_run(sizes: Sequence[int], of: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether a slice is a run of elements of a dense tensor of sizes `of`.

    >>> is_one_run([1, 3, 8], [5, 4, 8], [1, 1, 1]), is_one_run([2, 3, 8], [5, 4, 8], [1, 1, 1])
    (True, False)
    """
    last = max((d for d, n in enumerate(of) if sizes[d] != n), default=None)
    return last is None or (all(n == 1 for n in sizes[:last]) and (sizes[last] == 1 or steps[last] == 1))


def unfolded(sizes: Sequence[int], of: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """Strides of what has these sizes where a tensor of sizes `of`, each a product of neighbours among them, lies; ()
    where that is not so.

    >>> unfolded([4, 2, 5, 2, 3], [8, 10, 3], [1000, 30, 1])
    (2000, 1000, 60, 30, 1)
    >>> unfolded([4, 6], [8, 3], [3, 1])
    ()
    >>> unfolded([1, 40, 6], [40, 6, 1], [24, 4, 1])
    (960, 24, 4)
    """
    left, found = list(sizes), []
    for size, stride in zip(reversed(of), reversed(strides), strict=True):
        seen = 1
        while left and seen < size:
            found.append(stride * seen)
            seen *= left.pop()
        if seen != size:
            return ()
    if any(n != 1 for n in left):
        return ()
    whole = of[0] * strides[0] if of else 1
    return (*(whole for _ in left), *reversed(found))


def broadcast(sizes: Sequence[int], own: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Strides of an operand of shape `own` over a result of shape `sizes`: 0 where it has one element for many.

    >>> broadcast([4, 5, 6], [1, 5, 6], [30, 6, 1])
    [0, 6, 1]
    """
    return [0 if n == 1 and size > 1 else stride for size, n, stride in zip(sizes, own, strides, strict=True)]


def pixels(walk: Walk) -> Walk:
    """The same as at least rows, columns and channels; all tensors have a stride of 1 along the last, or of 0."""
    sizes, strides = list(walk.sizes), [list(each) for each in walk.strides]
    if strides[0][-1] != 1 or any(each[-1] not in (0, 1) for each in strides):
        sizes.append(1)
        for each in strides:
            each.append(1)
    missing = [1] * max(0, INNER - len(sizes))
    spare = [[0] * len(missing) for _ in strides]
    whole = (tuple([*some, *each]) for some, each in zip(spare, strides, strict=True))
    return Walk(tuple([*missing, *sizes]), tuple(whole))
