"""What a kernel is told of the requantized copies that it writes, and where these lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import zero_point
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import pack_copy
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of
from dyadic.passes.lower.memory.views import ARENA, View, view


def copy_params(copy: qi.RequantOp, out: View) -> npt.NDArray[np.int32]:
    """Of one copy, for a kernel whose own result is `out`."""
    start = distance(copy.operation.block, out, view(copy.out))
    header = [zero_point(copy.out), copy.low.value, copy.high.value]
    return pack_copy(start, zero_point(copy.x), copy.multiplier.value, copy.shift.value, header)


def copy_form(copies: Sequence[qi.RequantOp]) -> str:
    """How all of them are rounded."""
    return form_of([one.multiplier.value for one in copies], [one.shift.value for one in copies])


def distance(block: Any, start: View, end: View) -> int:
    """Bytes from where one tensor begins to where another does, in an image of the arena."""
    if start.buffer == end.buffer:
        return end.offset - start.offset
    *offsets, _ = ints(block.owner.attributes[ARENA])
    return offsets[end.buffer] + end.offset - offsets[start.buffer] - start.offset


def addresses(layout: View) -> list[int]:
    """What bytes of a tensor are apart, and where the first one is."""
    return [layout.offset, layout.pixel, layout.row, layout.image, layout.plane]
