"""What the kernel of a layer makes besides its sums: a function that it looks up, an addition, a norm, a pool, or
pixels that it puts side by side."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.memory.copies import joined_to
from dyadic.passes.lower.memory.views import View, layout_of, strides, view


def joined(op: Any, kind: type) -> Any | None:
    """What reads the result of an op and is made by the same kernel, if it is of a kind."""
    return next((one for one in joined_to(op.out) if isinstance(one, kind)), None)


def result_of(op: Any) -> ir.Value:
    """What the kernel of a layer stores: its result, that of a function which it looks up, or a sum with either."""
    addition = joined_addition(op)
    return _looked_up(op).out if addition is None else addition.out


def places_of(op: Any) -> list[View]:
    """Where the kernel of a layer stores its channels: all in one place, or equal shares of them in several."""
    split = joined(_looked_up(op), qi.ReshapeOp)
    if split is None:
        return [view(result_of(op))]
    shuffle = joined(split, qi.TransposeOp)
    assert shuffle is not None  # both are joined
    rows, columns, down, across, channels = shape(split.out)[1:]
    layout, (row, below, pixel, beside, _) = layout_of(shuffle.out), strides(shuffle.out)
    starts = [layout.offset + y * below + x * beside for y in range(down) for x in range(across)]
    sizes, plane = (rows, columns, channels, layout.buffer), layout.plane
    return [View(*sizes, start, pixel, row, layout.image, plane=plane) for start in starts]


def joined_addition(op: Any) -> qi.AddOp | None:
    """What the kernel of a layer adds to its result, or to what it looks up, if anything."""
    return joined(_looked_up(op), qi.AddOp)


def residual_of(op: Any) -> ir.Value | None:
    """What the kernel of a layer adds, to its sums or behind them, if anything."""
    if qi.has_residual(op):
        return op.residual
    addition = joined_addition(op)
    return None if addition is None else addition.b


def _looked_up(op: Any) -> Any:
    """The function behind a layer that its kernel looks up, or the layer itself."""
    table = joined(op, qi.TableOp)
    return op if table is None else table


def joined_pool(op: Any) -> qi.MaxPoolOp | None:
    """The pool of what the kernel of a layer stores that this kernel makes, if any."""
    return next((one for one in joined_to(result_of(op)) if isinstance(one, qi.MaxPoolOp)), None)


def joined_table(op: Any) -> npt.NDArray[np.uint8] | None:
    """The 256 bytes in which the kernel of a layer looks its results up, if any."""
    reader = joined(op, qi.TableOp)
    return None if reader is None else np.array(reader.table).view(np.uint8)
