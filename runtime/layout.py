"""Where the elements of a tensor lie in memory, and how the native side walks them at the boundary.

No tensor of a program needs more than what is here to be found: any rank, any order in memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple


class Margin(NamedTuple):
    """Elements before the first and behind the last of a dimension, which hold the zero point."""

    before: int
    after: int


@dataclass(frozen=True)
class Layout:
    """Where a tensor's bytes lie: `offset` is its first element, inside the halo.

    `strides` are the bytes from one element to the next along each dimension behind the batch, in the order of the
    tensor's shape, whatever their order in memory; `image` is that of the batch. `halo` has the margins of as many
    dimensions, or is empty where there are none.

    A tensor of 16 bits is laid out twice inside its image: low bytes, and `plane` bytes behind them the high ones, 128
    larger so that they are unsigned. `plane` 0 is a tensor of at most 8 bits.
    """

    buffer: int
    offset: int
    strides: tuple[int, ...]
    image: int
    halo: tuple[Margin, ...] = ()
    plane: int = 0

    def of_last(self, dims: int) -> "Layout":
        """The same for a tensor of the last so many dimensions behind the batch; the others have size 1."""
        first = len(self.strides) - dims
        return replace(self, strides=self.strides[first:], halo=self.halo[first:] if self.halo else ())


@dataclass(frozen=True)
class Rows:
    """A tensor as the native side walks it: rows of pixels of channels. Inside, strides are bytes and a channel's is 1;
    outside, where the user's tensor is dense, they are elements, and channels or pixels follow each other."""

    height: int
    width: int
    channels: int
    row: int
    pixel: int
    from_row: int
    from_pixel: int
    from_channel: int
    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0


class _Dimension(NamedTuple):
    inside: int
    outside: int
    size: int
    margin: Margin


def rows_of(sizes: Sequence[int], layout: Layout, whole: Sequence[int] | None = None) -> Rows:
    """The dimensions of a tensor behind the batch, as the native side walks them.

    whole: the sizes of the user's dense array, where the tensor is a part of it.

    Raises:
        ValueError: its order in memory is none that it can walk.

    >>> image = rows_of([3, 4, 5], Layout(0, 0, strides=(1, 20, 4), image=128))  # channels last, padded to 4
    >>> image.height, image.width, image.channels, image.from_row, image.from_pixel, image.from_channel
    (4, 5, 3, 5, 1, 20)
    >>> scores = rows_of([5, 1], Layout(0, 0, strides=(1, 1), image=64), whole=[5, 6])  # one of six that are joined
    >>> scores.width, scores.channels, scores.pixel, scores.from_pixel, scores.from_channel
    (5, 1, 1, 6, 1)
    """
    margins = layout.halo or (Margin(0, 0),) * len(sizes)
    array = sizes if whole is None else whole
    outside = [math.prod(array[d + 1 :]) for d in range(len(sizes))]
    every = [_Dimension(*each) for each in zip(layout.strides, outside, sizes, margins, strict=True)]
    dims = sorted((d for d in every if d.size > 1 or any(d.margin)), key=lambda d: -d.inside)
    apart = bool(dims) and all(d.outside != 1 for d in dims)  # one channel among others of the user's array
    if apart or not dims or dims[-1].inside != 1 or any(dims[-1].margin):
        dims.append(_Dimension(1, int(apart), 1, Margin(0, 0)))
    while len(dims) > 3:
        dims = _joined(dims)
    padding = [_Dimension(0, 0, 1, Margin(0, 0))] * (3 - len(dims))
    row, pixel, channel = [*padding, *dims]
    if len(dims) < 2:
        pixel = pixel._replace(inside=channel.size)
    if len(dims) < 3:
        row = row._replace(inside=pixel.inside * (pixel.margin.before + pixel.size + pixel.margin.after))
    if pixel.inside < channel.size:
        raise ValueError("pixels that do not overlap")
    if (
        row.size + sum(row.margin) > 1
        and row.inside < (sum(pixel.margin) + pixel.size - 1) * pixel.inside + channel.size
    ):
        raise ValueError("rows that do not overlap")
    if channel.outside != 1 and pixel.outside != 1 and channel.size * pixel.size > 1:
        raise ValueError("an order in which channels or pixels are together outside, too")
    return Rows(
        height=row.size,
        width=pixel.size,
        channels=channel.size,
        row=row.inside,
        pixel=pixel.inside,
        from_row=row.outside,
        from_pixel=pixel.outside,
        from_channel=channel.outside,
        top=row.margin.before,
        left=pixel.margin.before,
        bottom=row.margin.after,
        right=pixel.margin.after,
    )


def _joined(dims: list[_Dimension]) -> list[_Dimension]:
    """The innermost two that are one on both sides made one."""
    for i in range(len(dims) - 1, 0, -1):
        outer, inner = dims[i - 1], dims[i]
        steps = outer.inside == inner.inside * inner.size and outer.outside == inner.outside * inner.size
        if steps and not any(outer.margin) and not any(inner.margin):
            return [*dims[: i - 1], inner._replace(size=outer.size * inner.size), *dims[i + 1 :]]
    raise ValueError("at most three dimensions apart")
