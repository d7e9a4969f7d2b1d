"""The order of dimensions in the integer graph: what an op asks of it, and images of either order.

Images are [N,C,H,W], as models have them. Where an op is marked `channels_last`, all of its are [N,H,W,C] instead.
"""

from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir


class Order(Enum):
    """What an op asks of the order of its tensors' dimensions."""

    ANY = "one order for all of them, whichever; what it says of dimensions follows"
    IMAGE = "images, whose channels may be last"
    LAST = "it works along the last dimension; the others are rows"
    ROWS = "the model's; but a tensor may lie in any order that has the last dimension last"
    OWN = "it is about the order itself"
    MODEL = "the model's: the boundary, and what is known at compile time"


CHANNELS_LAST = "channels_last"  # a unit attribute that is there or not


def channels_last(op: Any) -> bool:
    """Whether the images that `op` reads and makes are [N,H,W,C] and not [N,C,H,W]."""
    return CHANNELS_LAST in op.operation.attributes


def pixels(op: Any, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An image of `op`'s as [N,H,W,C]."""
    return x if channels_last(op) else x.transpose(0, 2, 3, 1)


def image(op: Any, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[N,H,W,C] as `op` has its images."""
    return x if channels_last(op) else np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def pixels_shape(op: Any, value: ir.Value) -> list[int]:
    """[N,H,W,C] of an image that `op` reads or makes."""
    sizes = list(ir.RankedTensorType(value.type).shape)
    return sizes if channels_last(op) or len(sizes) != 4 else [sizes[0], sizes[2], sizes[3], sizes[1]]
