"""Convolutions whose batch is folded with windows or heads: [N*W, C, H, W].

The images of one batch entry lie below each other in a single one, with so many rows of zeros between them that no
window reaches from one to the next; what the convolution makes of those rows is cut off.
"""

from collections.abc import Callable, Sequence

from torch_mlir import ir

from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest.folded import folded
from dyadic.passes.ingest.translation import Folded, Result

Convolution = Callable[[ir.Value, list[int]], ir.Value]  # of an image, by its padding


def image_by_image(x: Folded, reach: int, stride: int, padding: Sequence[int], convolution: Convolution) -> Result:
    """`convolution` of every image of x [M, C, H, W], whose window spans `reach` rows and moves by `stride`.

    `padding` is [top, left, bottom, right].
    """
    _, count, channels, height, width = shape(x.value)
    top, left, bottom, right = padding
    made = building.window_count(height, reach, stride, top, bottom)
    gap = max(top, bottom)
    gap += -(height + gap) % stride
    pitch = height + gap
    images = building.transpose(x.value, [0, 2, 1, 3, 4])
    if gap:
        images = building.pad(images, [0] * 5, [0, 0, 0, gap, 0], 0.0)
    column = building.reshape(images, [1, channels, count * pitch, width])
    result = convolution(column, [top, left, max(0, reach - stride - top), right])
    _, outputs, rows, columns = shape(result)
    rows_each = pitch // stride
    if rows != count * rows_each:
        result = building.pad(result, [0] * 4, [0, 0, count * rows_each - rows, 0], 0.0)
    result = building.reshape(result, [1, outputs, count, rows_each, columns])
    if made != rows_each:
        result = building.slice_(result, [0] * 5, [1] * 5, [1, outputs, count, made, columns])
    return folded(building.transpose(result, [0, 2, 1, 3, 4]), x.reason)
