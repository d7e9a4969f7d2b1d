"""The kernels between the user's arrays and a program's inputs and outputs."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cuda.kernels.families.boundary import (
    BYTES,
    FLOATS,
    WORDS,
    BoundarySpec,
    DequantizeSpec,
    QuantizeSpec,
    pack_params,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.runtime.layout import rows_of
from dyadic.runtime.program import ID_BYTES, Input, Output, inside_of, is_ids

GROUP = 4  # channels of a thread, at most


class Crossed(NamedTuple):
    """Kernels for the user's own numbers and for integers as they are, and what both read."""

    spec: BoundarySpec
    raw_spec: BoundarySpec
    params: npt.NDArray[np.int32]


def crossings(tensor: Input | Output) -> Crossed:
    """How an input or output of a program crosses the boundary; both specs have the same items, blocks and threads.

    What is behind the channels of an input's pixel is nobody else's: inputs are made in buffers of their own."""
    ids, at = is_ids(tensor), tensor.layout
    seen = rows_of([int(size) for size in tensor.shape[1:]] + [ID_BYTES] * ids, at, inside_of(tensor))
    wide = at.plane > 0
    group = widest([seen.pixel, seen.row, at.plane, at.offset], GROUP)
    kind = QuantizeSpec if isinstance(tensor, Input) else DequantizeSpec
    if isinstance(tensor, Input):
        room = (
            seen.pixel if seen.height * seen.width > 1 else (at.plane or at.image) - at.offset % (at.plane or at.image)
        )
        while -(-seen.channels // group) * group > room:
            group //= 2
    raw = kind(
        height=seen.height,
        width=seen.width,
        channels=seen.channels,
        row=seen.row,
        pixel=seen.pixel,
        from_row=seen.from_row,
        from_pixel=seen.from_pixel,
        from_channel=seen.from_channel,
        element=WORDS if wide else BYTES,
        plane=at.plane,
        group=group,
    )
    given = isinstance(tensor, Input) and tensor.dtype != FLOATS  # integers already
    low, high = (0, 255) if ids else (tensor.lo, tensor.hi)  # sessions have looked at ids; their bytes may be any
    mark = [tensor.mark] if isinstance(tensor, Input) and tensor.mark >= 0 else []
    if mark and isinstance(raw, QuantizeSpec):
        raw = replace(raw, marked=True)
    spec = raw if given else replace(raw, element=FLOATS)
    return Crossed(spec, raw, pack_params(tensor.scale, tensor.zero_point, low, high, mark))
